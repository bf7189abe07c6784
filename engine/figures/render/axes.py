"""Matplotlib's axes: a chart or a map drawn on them, with its ticks, its marks and its legend."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from engine.figures import escape
from engine.figures.drawing import Chart, Drawing, Line, band, pointed, visible
from engine.figures.ends import End, ends
from engine.figures.marks import placed
from engine.figures.parallel import Parallel
from engine.figures.points import beads
from engine.figures.render.frame import Frame
from engine.figures.theme import DASHES, LIGHT, colour
from engine.figures.ticks import log_ticks, ticks
from engine.figures.words import number

SHAPES = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "X", "star": "*", "down": "v"}
STUB, SHARE = 1.9, 0.3
"""What lies between a plot and a name right of it, and after that, in units of the text's size; and which part of the
width names may take at most."""
BAR = (0.03, 0, 0.045, 1)
"""Where the colour bar stands beside a map, in units of its sides: gap, foot, width, height."""


def label(axes: Axes, drawing: Drawing | Parallel, size: float) -> None:
    """Names both axes, in text of `size` points."""
    axes.tick_params(labelsize=size, color=LIGHT.axis, labelcolor=LIGHT.text)
    axes.set_xlabel(drawing.x_label, fontsize=size)
    axes.set_ylabel(drawing.y_label, fontsize=size)


def below(size: float) -> float:
    """The inches that an axis's marks, their numbers and a label of one line take below a plot. Marks and gaps are 11
    points, whatever the size of the text."""
    return (2.3 * size + 12) / 72


def draw(axes: Axes, drawing: Drawing | Parallel, width: float, size: float) -> int:
    """A chart with its marks' labels, but without the names of its lines, on a plot of a figure `width` inches wide, in
    text of `size` points; the note of what has nothing to show. Returns the rows of text above the plot."""
    label(axes, drawing, size)
    if not isinstance(drawing, Chart) or drawing.empty:
        _nothing(axes, drawing.note, size)
        return 0
    _curves(axes, drawing, size)
    return _marks(axes, drawing, 0.85 * 72 * width / (0.55 * size), size)


def name(axes: Axes, chart: Chart, place: Frame, size: float, rows: int) -> tuple[int, float]:
    """Names a chart's lines, if they have to be, at their ends or, where these have no room for it, in a legend above
    so many rows of text. `place` is what plot, names and all have. Returns the rows of text above the plot and the
    inches right of it."""
    labels, em = keys(chart), size / 72
    beside = (0.55 * max(map(len, labels), default=0) + STUB) * em
    if beside <= SHARE * place.width:
        low, high = axes.get_ylim()
        if found := ends(chart, low, high, (place.height - (4.2 + 1.3 * rows) * em) / (1.25 * em)):
            _beside(axes, found, size)
            return rows, beside
    columns = legend_columns(labels, place.width, size)
    if labels:
        legend(axes, columns, size, rows)
    return rows + -(-len(labels) // columns), 0.0


def _beside(axes: Axes, found: Sequence[End], size: float) -> None:
    """Names right of the plot, and strokes of their lines' colours that lead there."""
    right = axes.transAxes + ScaledTranslation(size / 72, 0, axes.get_figure(root=True).dpi_scale_trans)  # type: ignore[union-attr]  # drawn
    for line, y, height in found:
        hue = colour(line.colour)
        axes.annotate(
            "",
            (float(line.x[-1]), y),
            xytext=(1, height),
            textcoords=blended_transform_factory(right, axes.transData),
            arrowprops={"arrowstyle": "-", "color": hue, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2},
            annotation_clip=False,
        )
        axes.annotate(
            line.label,
            (1, height),
            xycoords=axes.get_yaxis_transform(),
            xytext=(1.3 * size, 0),
            textcoords="offset points",
            fontsize=size,
            va="center",
            color=LIGHT.text,
            annotation_clip=False,
        )


def wrapped(text: str, room: float, size: float, most: int = 3) -> str:
    """An axis's label in lines of so many inches, but in `most` lines at the most."""
    plain = escape.line(text)
    return textwrap.fill(plain, max(int(room * 72 / (0.6 * size)), -(-len(plain) // most) + 4))


def thin(axis: Any, places: Sequence[float], room: float, size: float, upright: bool = False) -> None:
    """Leaves as many of the ticks at these places as there is room for along an axis, in inches; `upright` is y."""
    longest = max((len(number(place)) for place in places), default=0)
    most = max(2, int(room / ((1.4 if upright else 0.68 * longest + 1) * size / 72)))
    if len(places) > most:
        axis.set_major_locator(FixedLocator(places[:: -(-len(places) // most)]))


def keys(chart: Chart) -> list[str]:
    """The labels of a chart's legend; none where there is one thing to see."""
    if len(chart.lines) + len(chart.rug) < 2:
        return []
    return [line.label for line in chart.lines] + [chart.rug_label] * bool(len(chart.rug))


def _curves(axes: Axes, chart: Chart, size: float) -> None:
    for line in chart.lines:
        _line(axes, chart, line, size)
    axes.set_xscale("log" if chart.log_x else "linear")
    axes.set_yscale("log" if chart.log_y else "linear")
    if chart.x_range:
        axes.set_xlim(*chart.x_range)
    if chart.y_range:
        axes.set_ylim(*chart.y_range)
    if len(chart.rug):
        axes.plot(
            chart.rug,
            np.full(len(chart.rug), 0.015),
            "|",
            transform=axes.get_xaxis_transform(),
            color=LIGHT.axis,
            markersize=4,
            markeredgewidth=0.4,
            label=chart.rug_label,
        )
    axes.grid(color=LIGHT.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    tick(axes.xaxis, *axes.get_xlim(), chart.log_x)
    tick(axes.yaxis, *axes.get_ylim(), chart.log_y)
    if chart.x_ticks:
        places, names = zip(*chart.x_ticks, strict=True)
        axes.set_xticks(places, [*map(escape.line, names)])


def _marks(axes: Axes, chart: Chart, room: float, size: float) -> int:
    """Dotted lines, and their labels above the plot; how many rows these take."""
    places = placed(chart, room)
    for mark, right, row in places:
        axes.axvline(mark.x, color=LIGHT.axis, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.annotate(
            mark.label,
            (mark.x, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, (0.3 + 1.25 * row) * size),
            textcoords="offset points",
            fontsize=size,
            ha="left" if right else "right",
            va="bottom",
            color=LIGHT.text,
        )
    return max((place.row + 1 for place in places), default=0)


def _line(axes: Axes, chart: Chart, line: Line, size: float) -> None:
    x, y, hue = np.asarray(line.x, float), visible(chart, line), colour(line.colour)
    edges = band(chart, line)
    if edges and line.dash == "none":
        axes.vlines(x, *edges, color=hue, linewidth=1)
    elif edges:
        axes.fill_between(x, *edges, color=hue, alpha=line.strength, linewidth=0)
    good = np.flatnonzero(np.isfinite(y))
    style = (
        "none" if line.dash == "none" else (0, [0.8 * d for d in DASHES[line.dash]]) if DASHES[line.dash] else "solid"
    )
    axes.plot(
        x,
        y,
        color=hue,
        linestyle=style,
        linewidth=1 if line.theory else 1.4,
        label=line.label,
        marker=SHAPES.get(pointed(line), ""),
        markersize=0.5 * size,
        markevery=[int(i) for i in (good if line.dash == "none" else good[beads(len(good))])],
    )


def tick(axis, low: float, high: float, log: bool) -> None:
    """Puts round numbers on an axis between two bounds."""
    places = log_ticks(np.log10(low), np.log10(high)) if log else ticks(low, high)
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_locator(NullLocator())


def legend_columns(labels: list[str], width: float, size: float) -> int:
    """In how many columns, each as wide as its longest label, these fit above a plot."""
    # in characters, less those left of the plot; a sample of the line and the space around it take 9 too
    room = width * 72 / (0.6 * size) - 9
    return max(
        (
            n
            for n in range(1, len(labels) + 1)
            if sum(max(map(len, column)) + 9 for column in np.array_split(labels, n)) <= room
        ),
        default=1,
    )


def legend_shift(labels: list[str], columns: int, room: float, size: float) -> float:
    """Inches by which a legend has to begin left of a plot, from whose left side there is so much room."""
    wide = (0.6 * max(map(len, labels), default=0) + 4.5) * size / 72
    return max(0.0, wide - room) if columns == 1 else 0.0


def shift_legend(axes: Axes, left: float, rows: float, size: float) -> None:
    """Puts a legend above so many rows of labels above the plot, so many inches left of its side."""
    scale = axes.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]  # drawn
    place = axes.transAxes + ScaledTranslation(-left, 1.3 * rows * size / 72, scale)
    if found := axes.get_legend():
        found.set_bbox_to_anchor((0, 1), place)


def legend(axes: Axes, columns: int, size: float, rows: int = 0) -> None:
    """In text of `size` points, above the plot, and above so many rows of labels there."""
    above = axes.transAxes + ScaledTranslation(0, 1.3 * rows * size / 72, axes.get_figure(root=True).dpi_scale_trans)  # type: ignore[union-attr]  # drawn
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=above,
        ncols=columns,
        frameon=False,
        fontsize=size,
        borderaxespad=0.2,
    )


def colours(stops: Sequence[str]) -> ListedColormap:
    """A colour scale between hex colours, in 256 steps."""
    parts = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in stops])
    shares = np.linspace(0, 1, 256)
    return ListedColormap(
        np.stack([np.interp(shares, np.linspace(0, 1, len(parts)), channel) for channel in parts.T], axis=1)
    )


def _nothing(axes: Axes, note: str, size: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(
        0.5,
        0.5,
        textwrap.fill(note, 48),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=size,
        color=LIGHT.axis,
    )
