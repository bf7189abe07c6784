"""A map in print as a landscape, seen from where it was turned to: its ground as an image, and the axes, words and
paths over it as vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from engine.figures.drawing import Map
from engine.figures.heights import HANGS, TALL, above
from engine.figures.render import paper
from engine.figures.render.axes import SHAPES, colours, tick
from engine.figures.render.layout import short
from engine.figures.theme import DASHES, LIGHT, STATIONS, VIRIDIS, colour, text_size

CELLS = 150
"""Along a side of the ground, the most that are drawn."""


class View(NamedTuple):
    """From where a landscape is seen, as a direction in units of its sides, two of which lie along the ground."""

    x: float = 1.485
    y: float = -1.515
    z: float = 1.63

    @property
    def angles(self) -> tuple[float, float]:
        """Elevation above the ground and azimuth from the first axis, in degrees."""
        up = np.degrees(np.arctan2(self.z, np.hypot(self.x, self.y)))
        return float(up), float(np.degrees(np.arctan2(self.y, self.x)))


def figure(drawing: Map, view: View, width: float = 5.5) -> Figure:
    """The landscape of a map that is not empty, `width` inches wide. Paths are drawn over the ground, also where it
    would hide them."""
    size, made = text_size(width), Figure(figsize=(width, 0.72 * width), facecolor="white")
    with matplotlib.rc_context({"grid.color": LIGHT.grid, "grid.linewidth": 0.5}):
        axes: Any = made.add_axes((0.0, 0.02, 0.84, 0.88), projection="3d", computed_zorder=False)
    axes.view_init(*view.angles)
    axes.set_box_aspect((1, 1, TALL), zoom=1.02)
    low, high = drawing.range
    cells = {"rcount": CELLS, "ccount": CELLS, "cmap": colours(VIRIDIS), "vmin": low, "vmax": high}
    a, b = np.meshgrid(drawing.a, drawing.b)
    ground = axes.plot_surface(a, b, drawing.shown, **cells, linewidth=0, antialiased=False, zorder=1, rasterized=True)
    _paths(axes, drawing, size)
    _walls(axes, drawing, size)
    places, names = drawing.ticks
    bar = made.colorbar(ground, cax=made.add_axes((0.87, 0.2, 0.02, 0.55)))
    bar.set_ticks(places, labels=names)
    bar.ax.tick_params(labelsize=size)
    bar.set_label(drawing.z_label, fontsize=size)
    bar.outline.set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        legend = {"frameon": False, "fontsize": size, "ncols": 3, "borderaxespad": 0.2}
        made.legend(*axes.get_legend_handles_labels(), loc="upper left", **legend)
    return made


def export(drawing: Map, form: str, view: View, width: float = 5.5, clear: bool = False, times: int = 2) -> bytes:
    """The bytes of a file of one of `paper.FORMATS`, as `paper.export` gives of the map from above."""
    with paper.TOP:
        made = figure(drawing, view, width)
        paper.see(made)
        if clear:
            paper.without_ground(made)
        return paper.write(made, form, times, drawing.title, f"{drawing.words} {HANGS}", drawing.source)


def _paths(axes: Any, drawing: Map, size: float) -> None:
    """The path with its named points, or the routes."""
    rim = {"markeredgecolor": LIGHT.text, "markeredgewidth": 0.5, "linestyle": "none", "zorder": 4}
    x, y, z = above(drawing, drawing.path_a, drawing.path_b, drawing.path_z)
    axes.plot(x, y, z, color=colour("vermilion"), linewidth=1.6, zorder=3)
    for role, i, name in drawing.stations:
        fill, symbol, points = STATIONS[role]
        place = x[i : i + 1], y[i : i + 1], z[i : i + 1]
        axes.plot(*place, SHAPES[symbol], color=fill, markersize=0.45 * points, label=name, **rim)
    for route in drawing.routes:
        x, y, z = above(drawing, route.a, route.b, route.z)
        style = (0, tuple(DASHES[route.dash])) if DASHES[route.dash] else "solid"
        axes.plot(x, y, z, color=colour(route.colour), linewidth=1.6, linestyle=style, zorder=3)
        place = x[-1:], y[-1:], z[-1:]
        marker = SHAPES[route.marker]
        axes.plot(*place, marker, color=colour(route.colour), markersize=0.6 * size, label=route.label, **rim)


def _walls(axes: Any, drawing: Map, size: float) -> None:
    """The three axes, with their ticks and names."""
    low, high = drawing.range
    rim = 0.05 * (high - low)
    across, up = drawing.ends
    axes.set(xlim=across, ylim=up, zlim=(low - rim, high + rim))
    tick(axes.xaxis, *across, False)
    tick(axes.yaxis, *up, False)
    places, names = drawing.ticks
    axes.set_zticks(places, labels=names)
    axes.tick_params(labelsize=0.9 * size, pad=0, colors=LIGHT.text)
    for side, label in ((axes.xaxis, drawing.x_label), (axes.yaxis, drawing.y_label), (axes.zaxis, drawing.z_label)):
        side.set_pane_color((1, 1, 1, 0))
        side.set_label_text(short(label), fontsize=size)
