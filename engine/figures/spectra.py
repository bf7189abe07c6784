"""Charts of a Hessian's spectrum: its two ends, and its density."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.figures import words
from engine.figures.charts import Columns, sharpness
from engine.figures.density import density, exact_density
from engine.figures.drawing import Chart, Line, Mark, around
from engine.figures.words import Spec
from engine.records import Spectrum
from engine.spec import fingerprint


def ends(spectrum: Spectrum, spec: Spec) -> Chart:
    """The largest and the smallest eigenvalues with their residuals."""
    k, n = len(spectrum.top), spectrum.size
    gap = k + 1.5 if k + len(spectrum.bottom) < n else k + 1
    fewer = max(0, min(len(spectrum.bottom), n - k))  # the two ends of a small spectrum may overlap
    low, error = spectrum.bottom[:fewer][::-1], spectrum.bottom_residuals[:fewer][::-1]
    places = [np.arange(1, k + 1), gap + np.arange(fewer)]
    top = Line(
        "largest", places[0], spectrum.top, "vermilion", "none", "circle", around(spectrum.top, spectrum.top_residuals)
    )
    bottom = Line("smallest", places[1], low, "blue", "none", "square", around(low, error))
    names = [str(i) for i in range(1, k + 1)] + [_from_end(i) for i in range(fewer - 1, -1, -1)]
    worst = max([*spectrum.top_residuals, *error], default=float("nan"))
    caption = (
        f"Largest and smallest of the {n:,} eigenvalues of the loss's Hessian {words.data(spec)}, at checkpoint "
        f"{spectrum.checkpoint}. Bars are residuals ‖Hv − λv‖ (at most {words.number(worst)}): a true eigenvalue lies "
        f"within.{_trace(spectrum)} A clearly negative one is a direction in which the loss curves down. "
        f"{_where(spectrum, spec)}"
    )
    ticks = tuple(zip([float(x) for x in np.concatenate(places)], names, strict=True))
    return Chart(
        "spectrum_ends",
        "Ends of the spectrum",
        f"rank of the eigenvalue, largest first (n = {n:,})",
        "eigenvalue",
        (top, bottom) if fewer else (top,),
        caption,
        x_ticks=ticks,
        source=f"{spectrum.run}/{fingerprint(spectrum.spec)}",
    )


def on_the_run(spectrum: Spectrum, run: Columns, spec: Spec) -> Chart:
    """The largest eigenvalue all along the run, as `charts.columns` has it, and where on it the spectrum was taken: on
    a run that is trained anew nowhere, until it has come so far again."""
    curve, here = sharpness(run, spec), run["step"][spectrum.checkpoint :][:1]
    return replace(
        curve,
        name="spectrum_on_the_run",
        title="The spectrum’s place on the run",
        marks=(*curve.marks, *(Mark(float(step), "this spectrum") for step in here)),
    )


def spectral_density(spectrum: Spectrum, spec: Spec, width: float = 0.0) -> Chart:
    """The density of all eigenvalues, by stochastic Lanczos and, where they are known, of the eigenvalues
    themselves; `width` 0 is 1% of their range."""
    known = np.concatenate([spectrum.nodes.ravel(), spectrum.exact, spectrum.top, spectrum.bottom])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    width = width or 0.01 * (high - low) or 0.01 * max(abs(high), 1e-3)
    lines = _densities(spectrum, np.linspace(low - 5 * width, high + 5 * width, 601), width)
    bump = 1 / (spectrum.size * width * np.sqrt(2 * np.pi))
    peak = max((line.y.max() for line in lines), default=1.0)
    return Chart(
        "spectral_density",
        "Spectral density",
        "eigenvalue λ",
        "density",
        lines,
        _smoothed(spectrum, spec, width, bump),
        log_y=True,
        y_range=(bump / 30, 2 * float(peak)),
        note="no density yet: it comes from the probes, or from the exact spectrum",
        rug=spectrum.exact,
        rug_label="exact eigenvalues" if spectrum.exact.size else "",
        source=f"{spectrum.run}/{fingerprint(spectrum.spec)}",
    )


def _densities(spectrum: Spectrum, grid: np.ndarray, width: float) -> tuple[Line, ...]:
    """Over a grid [m] of eigenvalues: the estimate and the exact density, as far as there are any."""
    lines = []
    if spectrum.nodes.size:
        mean, error = density(spectrum, grid, width)
        probes = f"Lanczos, {len(spectrum.nodes)} probe{'s' * (len(spectrum.nodes) != 1)}"
        lines.append(Line(probes, grid, mean, "blue", band=(mean - error, mean + error)))
    if spectrum.exact.size:
        exact = exact_density(spectrum.exact, grid, width)
        lines.append(Line(f"exact, all {len(spectrum.exact):,}", grid, exact, "vermilion", "dot"))
    return tuple(lines)


def _smoothed(spectrum: Spectrum, spec: Spec, width: float, bump: float) -> str:
    """The caption of a density of bumps so wide and high."""
    ticked = "Ticks below are the exact eigenvalues. " if spectrum.exact.size else ""
    return (
        f"Density (share per unit) of the {spectrum.size:,} eigenvalues of the loss's Hessian {words.data(spec)}, at "
        f"checkpoint {spectrum.checkpoint}. Each is smoothed by a Gaussian of standard deviation "
        f"{words.number(width)}. {_estimate(spectrum)}A single eigenvalue makes a bump {words.number(bump)} high. "
        f"{ticked}Look for the bulk at 0 and for outliers to its right. {_where(spectrum, spec)}"
    )


def _where(record: Spectrum, spec: Spec) -> str:
    return f"{words.run(spec)}; {record.products:,} Hessian-vector products.{words.decay(spec)}"


def trace(spectrum: Spectrum) -> tuple[float, float]:
    """The Hessian's trace and its standard error: 0 where all eigenvalues are known, whose sum it is then."""
    if spectrum.exact.size == spectrum.size > 0 and np.isfinite(spectrum.exact).all():
        return float(spectrum.exact.sum()), 0.0
    return spectrum.trace, spectrum.trace_error


def _trace(spectrum: Spectrum) -> str:
    value, error = trace(spectrum)
    if not np.isfinite(value):
        return ""
    if not error > 0:
        return f" Trace {words.number(value)}."
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f" Trace {value:,.{decimals}f} ± {error:,.{decimals}f} (standard error)."


def _estimate(spectrum: Spectrum) -> str:
    if not spectrum.nodes.size:
        return ""
    return (
        f"Blue: mean over {len(spectrum.nodes)} random probes of {spectrum.nodes.shape[1]} Lanczos steps, its band one "
        "standard error. "
    )


def _from_end(i: int) -> str:
    return f"n−{i}" if i else "n"


SPECTRUM = {"ends": ends, "density": spectral_density}
"""Of (Spectrum, encoded RunSpec)."""
