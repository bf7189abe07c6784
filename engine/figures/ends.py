"""Ends: where the names of a chart's lines stand beside their right ends, so that none lies on another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.figures.drawing import Chart, Line, visible

REACH = 0.97
"""How far across the plot a line has to go for what stands right of the plot to be beside its end."""


class End(NamedTuple):
    """Where a line ends, and where beside it its name stands, both in the units of the chart's y axis."""

    line: Line
    y: float
    beside: float


def ends(chart: Chart, low: float, high: float, rows: float) -> tuple[End, ...]:
    """The ends of all lines from the highest down, their names at least one of `rows` in the plot's height apart; none
    where a legend has to name them: a line ends elsewhere, has points alone, or there is no room. `low` and `high`
    are the ends of the y axis."""
    if not 2 <= len(chart.lines) <= rows or len(chart.rug) or not all(_reaches(chart, line) for line in chart.lines):
        return ()
    last = np.array([visible(chart, line)[-1] for line in chart.lines])
    foot, top, heights = (np.log10(v) if chart.log_y else np.asarray(v, float) for v in (low, high, last))
    down = (top - heights) / ((top - foot) or 1.0)
    if (np.abs(down - 0.5) > 0.51).any():
        return ()
    order = [int(i) for i in np.argsort(down, kind="stable")]
    places = top - np.array(apart([float(down[i]) for i in order], 1 / rows, 1.0)) * (top - foot)
    beside = 10**places if chart.log_y else places
    return tuple(End(chart.lines[i], float(last[i]), float(y)) for i, y in zip(order, beside, strict=True))


def _reaches(chart: Chart, line: Line) -> bool:
    """Whether a line goes from the left to the right and ends at the right side of the plot."""
    x, y = np.asarray(line.x, float), visible(chart, line)
    if line.dash == "none" or not len(x) or not np.isfinite(y[-1]) or (np.diff(x) < 0).any():
        return False
    low, high = chart.x_range or _across(chart)
    first, last, here = (np.log10(v) if chart.log_x else v for v in (low, high, float(x[-1])))
    return last > first and REACH <= (here - first) / (last - first) <= 1.001


def _across(chart: Chart) -> tuple[float, float]:
    """The least and the greatest x of all lines; equal where there is none."""
    found = np.concatenate([np.asarray(line.x, float) for line in chart.lines])
    found = found[np.isfinite(found) & ((found > 0) | (not chart.log_x))]
    return (float(found.min()), float(found.max())) if len(found) else (1.0, 1.0)


def apart(places: list[float], gap: float, most: float) -> list[float]:
    """Places, in rising order, moved so that they are a gap apart and none lies beyond `most`."""
    moved = list(places)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], most)
        most = moved[i] - gap
    return moved
