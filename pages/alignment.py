"""Does the gradient follow the sharpest direction? Gradients and the top eigenvectors, checkpoint by checkpoint."""

from functools import partial

import streamlit as st

from engine.analyses.alignment import AlignmentSpec
from engine.figures import alignments, words
from engine.records import Alignment
from engine.spec import describe
from pages.ui import analysis, controls, download, figures, shell

AT = "alignment"
GRID = (("cosines_g", "shares"), ("cosines_u", "overlap"), ("eigenvalues",))


def picture(about: analysis.Subject, name: str) -> bool:
    """The charts and the numbers; whether more is still being computed."""
    at_work = analysis.progress(about, name, "checkpoints")
    version, record = analysis.version(about, name), analysis.record(about, name)
    if record is None:
        st.html(
            "<p class='empty'>Eigenpairs are tracked along the run from its start; the first checkpoint comes "
            "first.</p>"
        )
        return at_work
    shell.strip(numbers(record))
    key, described = f"{about.run}/{name}", describe(about.spec)
    for column, names in zip(st.columns([1, 1, 1.15], gap="medium"), GRID, strict=True):
        with column:
            for one in names:
                height = 255 if len(names) > 1 else 575
                figures.chart(f"{one}@{key}", version, height, partial(alignments.ALIGNMENT[one], record, described))
    return at_work


def numbers(record: Alignment) -> list[tuple[str, str, str]]:
    """The last checkpoint's numbers, and their means over the run where one says more."""
    number, k = words.number, record.values.shape[1]
    return [
        ("|cos(g, v₁)|", number(float(record.cos_g[-1, 0]), 2), f"mean {number(float(record.cos_g[:, 0].mean()), 2)}"),
        ("|cos(u, v₁)|", number(float(record.cos_u[-1, 0]), 2), f"mean {number(float(record.cos_u[:, 0].mean()), 2)}"),
        (
            f"Share of ‖g‖² in the top {k}",
            words.percent(float(record.share_g[-1])),
            f"mean {words.percent(float(record.share_g.mean()))}",
        ),
        (
            f"Share of ‖u‖² in the top {k}",
            words.percent(float(record.share_u[-1])),
            f"mean {words.percent(float(record.share_u.mean()))}",
        ),
        ("λ₁", number(float(record.values[-1, 0])), f"± {number(float(record.residuals[-1, 0]), 1)} residual"),
        ("Checkpoints", f"{len(record.steps):,}", f"last: step {record.steps[-1]:,}"),
    ]


def drawings(about: analysis.Subject, record: Alignment) -> dict[str, download.Draw]:
    """Every figure of the page by its title."""
    described = describe(about.spec)
    return {draw(record, described).title: partial(draw, record, described) for draw in alignments.ALIGNMENT.values()}


def settings(about: analysis.Subject) -> AlignmentSpec | None:
    """What to follow."""
    return analysis.checked(AT, controls.grid(AlignmentSpec, AT))


EMPTY = "The eigenvectors along this run have not been computed yet. It takes seconds for a small model."
analysis.Page(
    AT, "Does the gradient follow the sharpest direction?", "Compute", EMPTY, settings, picture, drawings
).show()
