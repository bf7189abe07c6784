"""Does the gradient follow the sharpest direction? Gradients and the top eigenvectors, checkpoint by checkpoint."""

from functools import partial

import streamlit as st

from engine.analyses.alignment import AlignmentSpec
from engine.figures import alignments, pairs, words
from engine.records import Alignment
from engine.spec import describe
from pages.ui import analysis, controls, figures, paired, scrubber
from pages.ui.tall import Tall

AT = "alignment"
GRID = (("cosines_g", "shares"), ("cosines_u", "overlap"), ("eigenvalues",))


def picture(about: analysis.Subject, record: Alignment, address: str, version: tuple[int, ...]) -> None:
    """The charts, checkpoint by checkpoint."""
    described = describe(about.spec)
    scrubber.show(record.steps)
    for column, names in zip(st.columns([1, 1, 1.15], gap="medium"), GRID, strict=True):
        with column:
            for one in names:
                tall = Tall.HALF if len(names) > 1 else Tall.WHOLE
                draw = partial(alignments.ALIGNMENT[one], record, described)
                figures.chart(f"{one}@{address}", version, tall, draw)


def two(mine: paired.Shown, theirs: paired.Shown) -> None:
    """The charts of both runs side by side, the same of both in a row."""
    for name, pair in pairs.ALIGNMENT.items():
        paired.charts(name, pair, mine, theirs, Tall.HALF, columns=2)


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


def settings(about: analysis.Subject) -> AlignmentSpec | None:
    """What to follow."""
    return analysis.checked(AT, controls.grid(AlignmentSpec, AT))


EMPTY = "The eigenvectors along this run have not been computed yet. It takes seconds for a small model."
WAITING = "Eigenpairs are tracked along the run from its start; the first checkpoint comes first."
analysis.Page(
    AT,
    "Does the gradient follow the sharpest direction?",
    "Compute",
    EMPTY,
    WAITING,
    settings,
    numbers,
    picture,
    partial(analysis.drawings, alignments.ALIGNMENT),
    pairs.ALIGNMENT,
    two,
).show()
