"""A map in print, laid out by hand, since Matplotlib's constrained layout lets what surrounds a plot of fixed aspect
overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.figures.drawing import Map
from engine.figures.render.axes import (
    BAR,
    contours,
    label,
    legend,
    legend_columns,
    legend_shift,
    shift_legend,
    thin,
    wrapped,
)
from engine.figures.render.frame import Frame, sheet
from engine.figures.ticks import ticks
from engine.figures.words import number


class Room(NamedTuple):
    """What is left free around a map's plot, in inches, and in how many columns its legend stands."""

    left: float
    right: float
    bottom: float
    top: float
    columns: int


def map_in_print(drawing: Map, width: float, foot: float, size: float) -> Figure:
    """A map `width` inches wide, as high as its plane asks for, with `foot` inches left below."""
    room = _room(drawing, width, size)
    up = (width - room.left - room.right) / (1 + BAR[0] + BAR[2]) * _shape(drawing)
    made = sheet(width, foot + room.bottom + up + room.top, foot)
    map_within(made, drawing, size)
    return made.figure


def map_within(frame: Frame, drawing: Map, size: float) -> None:
    """A map in a frame, as large as fits, in text of `size` points; its labels in several lines where they are longer
    than its sides."""
    free = room = _room(drawing, frame.width, size)
    across, up = _plot(frame, drawing, room)
    for _ in range(3):  # labels in more lines leave less to the plot, which makes more lines
        names = [wrapped(text, up, size, 2) for text in (drawing.y_label, drawing.z_label)]
        names.append(wrapped(drawing.x_label, frame.width - room.left, size, 2))
        left, right, below = (1.3 * name.count("\n") * size / 72 for name in names)
        room = free._replace(left=free.left + left, right=free.right + right, bottom=free.bottom + below)
        across, up = _plot(frame, drawing, room)
    axes = frame.axes(room.left, frame.height - room.top - up, across, up)
    label(axes, drawing, size)
    contours(axes, drawing, size)
    axes.set_xlabel(names[2])
    axes.set_ylabel(names[0])
    axes.child_axes[0].set_ylabel(names[1])
    thin(axes.xaxis, ticks(float(drawing.a[0]), float(drawing.a[-1])), across, size)
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        legend(axes, room.columns, size)
        _clear_of(axes, names[0], up, legend_shift(labels, room.columns, frame.width - room.left, size), size)


def _clear_of(axes: Axes, name: str, up: float, shift: float, size: float) -> None:
    """Moves a legend to the left where it is longer than what is right of it, and then above the label that stands
    there, which may be longer than the plot is high."""
    longest = max(map(len, name.split("\n"))) * 0.6 * size / 72
    if shift:
        shift_legend(axes, shift, max(0.0, longest - up) / 2 / (1.3 * size / 72), size)


def _plot(frame: Frame, drawing: Map, room: Room) -> tuple[float, float]:
    """The width and the height of the plot in inches."""
    across = (frame.width - room.left - room.right) / (1 + BAR[0] + BAR[2])
    up = frame.height - room.bottom - room.top
    shape = _shape(drawing)
    return (min(across, up / shape), min(up, across * shape)) if drawing.equal else (across, up)


def _shape(drawing: Map) -> float:
    """The plot's height in its width."""
    return float(np.ptp(drawing.b) / np.ptp(drawing.a)) if drawing.equal else 1.0


def _room(drawing: Map, width: float, size: float) -> Room:
    labels, em = [*(s.label for s in drawing.stations), *(route.label for route in drawing.routes)], size / 72
    columns = legend_columns(labels, width, size)
    longest = max(map(len, (number(place) for place in ticks(float(drawing.b[0]), float(drawing.b[-1])))), default=0)
    beside = max(map(len, drawing.ticks[1]), default=0)
    left, right = (3.6 + 0.6 * max(longest, 4)) * em, (4.1 + 0.6 * max(beside, 4)) * em
    return Room(left, right, 3.6 * em, (0.6 + 1.7 * -(-len(labels) // columns)) * em, columns)
