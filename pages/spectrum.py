"""How curved is it? Both ends of the Hessian's spectrum with residuals, its density, its trace with its error."""

from functools import partial

import numpy as np
import streamlit as st

from engine.analyses.spectrum import EXACT, SpectrumSpec
from engine.figures import charts, pairs, spectra, words
from engine.figures.drawing import Chart
from engine.records import Spectrum
from engine.spec import describe
from pages.ui import analysis, controls, download, figures, paired, scrubber
from pages.ui.tall import Tall

AT = "spectrum"


def settings(about: analysis.Subject) -> SpectrumSpec | None:
    """What to compute."""
    row, size = analysis.checkpoint(AT, about), about.spec.problem.size()
    reasons = {"exact": f"Does not apply: {size:,} parameters are more than {EXACT:,}."} if size > EXACT else {}
    values = controls.grid(SpectrumSpec, AT, ["top", "bottom", "probes", "depth", "seed", "exact"], reasons=reasons)
    if reasons:
        st.caption(f"No exact spectrum: {size:,} parameters are more than {EXACT:,}.")
    return analysis.checked(AT, {"checkpoint": row, **values})


def picture(about: analysis.Subject, spectrum: Spectrum, address: str, version: tuple[int, ...]) -> None:
    """The two charts, and where on the run they are of."""
    described = describe(about.spec)
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        figures.chart(f"ends@{address}", version, Tall.HERO, partial(spectra.ends, spectrum, described))
    with right:
        figures.chart(f"density@{address}", version, Tall.HERO, partial(spectra.spectral_density, spectrum, described))
    scrubber.show(about.record.steps)
    figures.chart(f"place@{address}", version, Tall.LOW, partial(place, about, spectrum), 1000)


def place(about: analysis.Subject, spectrum: Spectrum) -> Chart:
    """The run's largest eigenvalue with the spectrum's checkpoint."""
    return spectra.on_the_run(spectrum, charts.columns(about.record), describe(about.spec))


def drawings(about: analysis.Subject, spectrum: Spectrum) -> dict[str, download.Draw]:
    """Every figure of the page by its title."""
    chart = place(about, spectrum)
    return analysis.drawings(spectra.SPECTRUM, about, spectrum) | {chart.title: partial(place, about, spectrum)}


def two(mine: paired.Shown, theirs: paired.Shown) -> None:
    """The two charts of both runs, one below the other."""
    left, right = st.columns([1, 1.35], gap="medium")
    for column, name in ((left, "ends"), (right, "density")):
        with column:
            paired.charts(name, pairs.SPECTRUM[name], mine, theirs, Tall.HALF)


def numbers(spectrum: Spectrum) -> list[tuple[str, str, str]]:
    """The numbers with their doubts."""
    number = words.number
    smallest = (
        [
            (
                "Smallest eigenvalue",
                number(float(spectrum.bottom[0])),
                f"± {number(float(spectrum.bottom_residuals[0]), 1)} residual",
            )
        ]
        if len(spectrum.bottom)
        else []
    )
    value, error = spectra.trace(spectrum)
    doubt = f"± {number(error, 2)} standard error" if error > 0 else "sum of all eigenvalues"
    return [
        (
            "Largest eigenvalue λ₁",
            number(float(spectrum.top[0]), 5),
            f"± {number(float(spectrum.top_residuals[0]), 1)} residual",
        ),
        *smallest,
        ("Trace", number(value), doubt) if np.isfinite(value) else ("Trace", "not estimated", ""),
        ("Gradient norm", number(spectrum.gradient_norm), ""),
        ("Parameters", f"{spectrum.size:,}", ""),
        ("Hessian-vector products", f"{spectrum.products:,}", ""),
    ]


EMPTY = "The Hessian's spectrum at this checkpoint has not been computed yet. It takes seconds for a small model."
WAITING = "The largest and smallest eigenvalues come first, then the density, then the exact spectrum."
analysis.Page(
    AT,
    "How curved is it?",
    "Compute",
    EMPTY,
    WAITING,
    settings,
    numbers,
    picture,
    drawings,
    pairs.SPECTRUM,
    two,
).show()
