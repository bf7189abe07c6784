"""The boundary of trainability drawn: how many boxes it takes to cover it, over their size."""

from __future__ import annotations

from collections.abc import Sequence

from engine.figures.drawing import Chart, Line
from engine.figures.sweeps import about, axis_label, compared, titles
from engine.figures.theme import rule_look
from engine.figures.words import Spec, number
from engine.sweeps.boundary import Boundary


def counts(found: Sequence[Boundary], spec: Spec, source: str = "") -> Chart:
    """Boxes that cover each rule's edge between trained and diverged cells, over their side, with the line whose slope
    is the dimension; `spec` is the sweep's, as `describe` gives it."""
    lines: list[Line] = []
    for title, rule, boundary in zip(titles(spec), compared(spec), found, strict=True):
        if boundary.boxes is None:
            continue
        sizes, look = boundary.boxes.sizes.astype(float), rule_look(rule["name"])
        slope = boundary.boxes.dimension.value
        fitted = boundary.boxes.at_one * sizes**-slope
        lines.append(
            Line(title, sizes, boundary.boxes.counts.astype(float), look.colour, dash="none", marker=look.marker)
        )
        lines.append(Line(f"{title}: slope −{number(slope, 3)}", sizes, fitted, look.colour, theory=True))
    every = sorted({float(size) for boundary in found if boundary.boxes for size in boundary.boxes.sizes})
    caption = (
        "Boxes that cover the edge between trained and diverged cells, the fewest over all places of their grid, over "
        f"their side in cells of the map over {axis_label(spec, 'x')} and {axis_label(spec, 'y')}. The line is a least-"
        "squares fit to the logarithms; its slope turned round is the box-counting dimension at these sizes. "
        f"{about(spec)}"
    )
    return Chart(
        "boxes",
        "Boxes that cover the boundary",
        "side of a box (cells)",
        "boxes",
        tuple(lines),
        caption,
        log_x=True,
        log_y=True,
        x_ticks=tuple((size, number(size)) for size in every),
        note="; ".join(dict.fromkeys(boundary.why for boundary in found if boundary.why)) or "nothing trained yet",
        source=source,
    )
