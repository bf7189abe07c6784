"""Marks: where the labels of a chart's marks stand, so that none is cut off or lies on another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.figures.drawing import Chart, Mark


class Place(NamedTuple):
    """Where a mark's label stands above the plot: to the right or to the left from its line, in which row from the
    plot up."""

    mark: Mark
    right: bool
    row: int


MARGIN = 7
"""Characters that have room left of a plot, above its axis."""


def placed(chart: Chart, room: float) -> list[Place]:
    """The marks in order, their labels so that none is cut off or lies on another; `room` is the plot's width in
    characters."""
    xs = np.concatenate([np.asarray(line.x, float) for line in chart.lines] + [[mark.x for mark in chart.marks]])
    low, high = chart.x_range or ((float(np.nanmin(xs)), float(np.nanmax(xs))) if np.isfinite(xs).any() else (0.0, 1.0))
    found: list[Place] = []
    taken: list[float] = []  # how far to the right each row is full
    for mark in sorted(chart.marks, key=lambda mark: mark.x):
        x, length = (mark.x - low) / ((high - low) or 1.0) * room, len(mark.label) + 2
        over = x + length - room
        right = over <= 0 or over < length - MARGIN - x
        start = x if right else x - length
        row = next((i for i, full in enumerate(taken) if full <= start), len(taken))
        taken[row : row + 1] = [start + length]
        found.append(Place(mark, right, row))
    return found
