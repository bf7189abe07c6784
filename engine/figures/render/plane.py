"""A map in print, laid out by hand, since Matplotlib's constrained layout lets what surrounds a plot of fixed aspect
overlap."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patheffects import Stroke, withStroke

from engine.figures.drawing import Map
from engine.figures.fading import LEAST, oscillates, pieces, strength
from engine.figures.onmap import Route
from engine.figures.render.axes import (
    BAR,
    SHAPES,
    below,
    colours,
    label,
    legend,
    legend_columns,
    legend_shift,
    shift_legend,
    thin,
    tick,
    wrapped,
)
from engine.figures.render.frame import Frame, sheet
from engine.figures.tags import Tag, tags
from engine.figures.theme import DASHES, LANDMARKS, LIGHT, STATIONS, VIRIDIS, colour
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
        left, right, lower = (1.3 * name.count("\n") * size / 72 for name in names)
        room = free._replace(left=free.left + left, right=free.right + right, bottom=free.bottom + lower)
        across, up = _plot(frame, drawing, room)
    axes = frame.axes(room.left, frame.height - room.top - up, across, up)
    label(axes, drawing, size)
    contours(axes, drawing, size)
    axes.set_xlabel(names[2])
    axes.set_ylabel(names[0])
    axes.child_axes[0].set_ylabel(names[1])
    thin(axes.xaxis, ticks(*drawing.ends[0]), across, size)
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
    across, up = map(np.ptp, drawing.ends)
    return float(up / across) if drawing.equal else 1.0


def _room(drawing: Map, width: float, size: float) -> Room:
    labels, em = [*(s.label for s in drawing.stations), *(route.label for route in drawing.routes)], size / 72
    labels += _kinds(drawing).values()
    columns = legend_columns(labels, width, size)
    longest = max(map(len, (number(place) for place in ticks(*drawing.ends[1]))), default=0)
    beside = max(map(len, drawing.ticks[1]), default=0)
    left, right = (3.6 + 0.6 * max(longest, 4)) * em, (4.1 + 0.6 * max(beside, 4)) * em
    return Room(left, right, below(size), (0.6 + 1.7 * -(-len(labels) // columns)) * em, columns)


def contours(axes: Axes, drawing: Map, size: float) -> None:
    """A map's quantity in colours, with their bar, and the path on it."""
    _ground(axes, drawing, size)
    _landmarks(axes, drawing)
    _path(axes, drawing)


def _ground(axes: Axes, drawing: Map, size: float) -> None:
    low, high = drawing.range
    cells = axes.contourf(
        drawing.a,
        drawing.b,
        drawing.shown,
        levels=np.linspace(low, high, 49),
        cmap=colours(VIRIDIS),
        vmin=low,
        vmax=high,
    )
    cells.set_edgecolor("face")  # else a viewer shows hairlines between the levels
    cells.set_linewidth(0.3)
    cells.set_rasterized(True)  # of a fine map the levels' outlines take tens of megabytes; axes and path stay vectors
    if not drawing.flat:
        axes.contour(
            drawing.a,
            drawing.b,
            drawing.shown,
            levels=np.linspace(low, high, 17)[1:-1],
            colors="white",
            linestyles="solid",
            linewidths=0.4,
            alpha=0.5,
        )
    axes.set_xlim(drawing.ends[0])
    axes.set_ylim(drawing.ends[1])
    axes.set_aspect("equal" if drawing.equal else "auto")
    tick(axes.xaxis, *axes.get_xlim(), False)
    tick(axes.yaxis, *axes.get_ylim(), False)
    bar = axes.figure.colorbar(cells, cax=axes.inset_axes((1 + BAR[0], *BAR[1:])))
    places, names = drawing.ticks
    bar.set_ticks(places, labels=names)
    bar.ax.tick_params(labelsize=size)
    bar.set_label(drawing.z_label, fontsize=size)
    bar.outline.set_visible(False)


def _landmarks(axes: Axes, drawing: Map) -> None:
    """Minima and saddles, each kind named once; valleys dotted, and named by the caption."""
    left = _kinds(drawing)
    for landmark in drawing.landmarks:
        fill, symbol, points = LANDMARKS[landmark.role]
        if landmark.valley:
            axes.plot(landmark.a, landmark.b, ":", color=fill, linewidth=0.9)
        else:
            name = left.pop(landmark.role, "_")  # Matplotlib's legend passes over what begins like that
            _point(axes, landmark.a, landmark.b, symbol, fill, 0.6 * points, name)


def _kinds(drawing: Map) -> dict[str, str]:
    """What the legend calls each kind of landmark that is a point."""
    return {landmark.role: f"{landmark.role}, known" for landmark in drawing.landmarks if not landmark.valley}


def _path(axes: Axes, drawing: Map) -> None:
    line = {"color": "white", "linewidth": 1.1}
    rim = {"markeredgecolor": "#111111", "markeredgewidth": 0.3}
    if not _faded(axes, drawing, "#111111", line):
        halo = [Stroke(linewidth=2.2, foreground="#111111"), withStroke(linewidth=1.1, foreground="white")]
        axes.plot(
            drawing.path_a, drawing.path_b, **line, **rim, marker="o", markersize=2, path_effects=halo, gid="path"
        )
    for role, i, name in drawing.stations:
        fill, symbol, points = STATIONS[role]
        _point(axes, drawing.path_a[i : i + 1], drawing.path_b[i : i + 1], symbol, fill, 0.6 * points, name)
    for route in drawing.routes:
        fill = colour(route.colour)
        style = (0, tuple(DASHES[route.dash])) if DASHES[route.dash] else "solid"
        line = {"color": fill, "linewidth": 1.3, "linestyle": style}
        if not _faded(axes, route, "white", line):
            rim = [withStroke(linewidth=2.4, foreground="white")]
            axes.plot(route.a, route.b, **line, path_effects=rim, gid="path")
        axes.plot(route.a[:1], route.b[:1], "o", markersize=5, markerfacecolor="none", markeredgecolor="white")
        _point(axes, route.a[-1:], route.b[-1:], route.marker, fill, 6, route.label)
    for tag in tags(drawing):
        _tag(axes, tag)
    if drawing.doubts:
        box = {"boxstyle": "square,pad=0.25", "fc": LIGHT.paper, "ec": "none", "alpha": 0.9}
        place = {"transform": axes.transAxes, "ha": "left", "va": "bottom", "bbox": box}
        axes.text(0.01, 0.01, "\n".join(drawing.doubts), fontsize=7, color=LIGHT.text, **place)


def _faded(axes: Axes, path: Map | Route, rim: str, line: dict[str, Any]) -> bool:
    """Draws a path of which parts are faint, or of which no line is drawn; whether this is such a one."""
    a, b = (path.path_a, path.path_b) if isinstance(path, Map) else (path.a, path.b)
    opacity = strength(a, b, path.held)
    if (opacity == 1).all() and path.explained >= LEAST:
        return False
    wide = line["linewidth"] * (0.5 if oscillates(a, b) else 1.0)
    for level, x, y in pieces(a, b, opacity) if path.explained >= LEAST else []:
        axes.plot(x, y, color=rim, linewidth=2 * wide, alpha=level)
        axes.plot(x, y, **line | {"linewidth": wide, "alpha": level})
    fills = to_rgba_array([line["color"]] * len(a), opacity)
    axes.scatter(a, b, s=4, c=fills, edgecolors="face", linewidths=0.3, zorder=2, gid="path")
    return True


def _tag(axes: Axes, tag: Tag) -> None:
    """The words beside a route's end."""
    axes.annotate(
        tag.route.tag,
        (tag.a, tag.b),
        xytext=(-6 if tag.left else 6, 0),
        textcoords="offset points",
        fontsize=7,
        ha="right" if tag.left else "left",
        va="center",
        color=LIGHT.text,
        bbox={"boxstyle": "square,pad=0.2", "fc": LIGHT.paper, "ec": colour(tag.route.colour), "alpha": 0.88},
    )


def _point(axes: Axes, a: np.ndarray, b: np.ndarray, marker: str, fill: str, size: float, label: str) -> None:
    """One point [1] of a path, with the name that the legend gives it."""
    rim = {"markeredgecolor": "#111111", "markeredgewidth": 0.6}
    axes.plot(a, b, SHAPES[marker], color=fill, markersize=size, label=label, **rim)
