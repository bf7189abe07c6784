"""Charts of an alignment: how gradients lie to the top eigenvectors along a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.figures import words
from engine.figures.charts import UNIT, gradient_and_direction, over_steps, with_edges
from engine.figures.drawing import Chart, Line, Mark, around
from engine.figures.theme import MARKERS, ordinal, rule_colour
from engine.figures.words import Spec
from engine.records import Alignment
from engine.spec import fingerprint


def cosines_g(record: Alignment, spec: Spec) -> Chart:
    """Where the gradient lies: its squared cosine with each eigenvector, one above the other."""
    return _cosines("cosines_g", "g, the full-batch gradient", "cos²(g, vᵢ)", record, record.cos_g, spec)


def cosines_u(record: Alignment, spec: Spec) -> Chart:
    """Where the rule's direction lies: its squared cosine with each eigenvector, one above the other."""
    return _cosines("cosines_u", "u, the rule's full-batch direction", "cos²(u, vᵢ)", record, record.cos_u, spec)


def shares(record: Alignment, spec: Spec) -> Chart:
    """The part of the gradient and of the direction that lies in the top eigenspace."""
    what = (
        f"{_forgotten(record)}Share of the squared length of g and of u, full-batch gradient and direction, in the "
        f"span of the top {_k(record)} eigenvectors"
    )
    look = "Near 1, descent goes on in a handful of sharp directions."
    lines = gradient_and_direction(record.steps, record.share_g, record.share_u, spec, "g gradient", "u direction")
    return _along(
        "shares",
        "Share in the top eigenspace",
        f"share in the top {_k(record)}",
        record,
        spec,
        what,
        look,
        lines,
        y_range=UNIT,
    )


def overlap(record: Alignment, spec: Spec) -> Chart:
    """How much of the top eigenspace is kept from one checkpoint to the next."""
    k = _k(record)
    line = Line("overlap", record.steps[1:], record.overlap[1:], rule_colour(words.rule(spec)), marker="circle")
    what = f"Mean squared cosine between the span of the top {k} eigenvectors and that of the checkpoint before"
    look = f"1 is the same space; a random one would have {k}/n."
    return _along(
        "overlap",
        "Overlap of eigenspaces",
        "overlap with the last",
        record,
        spec,
        what,
        look,
        (line,),
        y_range=UNIT,
        note="needs two checkpoints",
    )


def eigenvalues(record: Alignment, spec: Spec) -> Chart:
    """The tracked eigenvalues against the edges of stability."""
    bands = [around(record.values[:, i], record.residuals[:, i]) for i in range(_k(record))]
    lines, y_range, far = with_edges(
        _ordered("λ", record, record.values, bands), record.steps, record.edge, record.limit, spec
    )
    what = f"The {_k(record)} largest eigenvalues of the loss's Hessian, tracked along the run, within their residuals"
    look = f"Dashed is theory, the edge of stability.{far} Look which of them reach it."
    return _along("eigenvalues", "Largest eigenvalues", "eigenvalue", record, spec, what, look, lines, y_range=y_range)


def _along(
    name: str,
    title: str,
    y_label: str,
    record: Alignment,
    spec: Spec,
    what: str,
    look: str,
    lines: Iterable[Line],
    **more: Any,
) -> Chart:
    what = f"{what}, at {len(record.steps)} checkpoint{'s' * (len(record.steps) != 1)}"
    last = record.steps[-1] if len(record.steps) else -1
    switches = [(int(step), nth) for nth, step in enumerate(record.switches) if step <= last]
    marks = [Mark(float(step), words.takes_over(spec, nth, step)) for step, nth in switches]
    look = " ".join(filter(None, (look, words.left_out(record.left_out))))
    chart = over_steps(name, title, y_label, spec, what, look, lines, marks, **more)
    return replace(chart, source=f"{record.run}/{fingerprint(record.spec)}")


def _cosines(name: str, what: str, y_label: str, record: Alignment, cosines: np.ndarray, spec: Spec) -> Chart:
    what = (
        f"{_forgotten(record) * (cosines is record.cos_u)}Squared cosine of {what}, with each of the top {_k(record)} "
        "eigenvectors of the loss's Hessian, one above the other: v₁ lowest"
    )
    look = "Their sum is the share of the squared length in their span. Look whether v₁ takes over."
    note = FORGOTTEN if cosines.size and np.isnan(cosines).all() else "nothing measured yet"
    return _along(
        name,
        f"Alignment: {y_label}",
        y_label,
        record,
        spec,
        what,
        look,
        _stacked(_ordered("v", record, cosines**2)),
        y_range=UNIT,
        note=note,
    )


def _forgotten(record: Alignment) -> str:
    """A sentence on the directions that are missing, if any are."""
    lost = int((np.isnan(record.share_u) & np.isfinite(record.share_g)).sum())
    return (
        f"At {'every' if lost == len(record.steps) else lost} checkpoint{'s' * (1 < lost < len(record.steps))} u is "
        f"missing: {FORGOTTEN}. "
        if lost
        else ""
    )


def _ordered(letter: str, record: Alignment, values: np.ndarray, bands: Sequence[Any] = ()) -> list[Line]:
    """A line for each of the k columns of values [T, k], coloured in their order."""
    k = _k(record)
    names = [f"{letter}{i + 1}".translate(SUBSCRIPT) for i in range(k)]
    return [
        Line(
            names[i],
            record.steps,
            values[:, i],
            ordinal(i, k),
            marker=MARKERS[i % len(MARKERS)],
            band=bands[i] if bands else None,
        )
        for i in range(k)
    ]


def _stacked(lines: Sequence[Line]) -> list[Line]:
    """Lines one above the other, each filled down to the one below it; the highest first, as they are seen."""
    tops = np.cumsum([line.y for line in lines], axis=0)
    floors = [np.zeros_like(line.y) for line in lines[:1]] + [*tops[:-1]]
    layers = zip(lines, floors, tops, strict=True)
    return [replace(line, y=top, band=(floor, top), layer=line.y, marker="") for line, floor, top in layers][::-1]


def _k(record: Alignment) -> int:
    return record.values.shape[1] if record.values.ndim == 2 else 0


FORGOTTEN = "the rule's direction depends on earlier steps, which no checkpoint keeps"
SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
ALIGNMENT = {
    "cosines_g": cosines_g,
    "cosines_u": cosines_u,
    "shares": shares,
    "overlap": overlap,
    "eigenvalues": eigenvalues,
}
"""Of (Alignment, encoded RunSpec)."""
