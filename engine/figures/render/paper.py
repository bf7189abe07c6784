"""Print: a drawing as a Matplotlib figure of exact width, as PDF, SVG or PNG, and its numbers as CSV; the same
drawing gives the same bytes."""

from __future__ import annotations

import csv as table
import io
import textwrap
from collections.abc import Iterator
from threading import Lock

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import Stroke, withStroke
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from engine.figures.drawing import (
    Chart,
    Drawing,
    Line,
    Map,
    band,
    beads,
    log_ticks,
    placed,
    pointed,
    say,
    ticks,
    visible,
)
from engine.figures.theme import DARK, DASHES, LIGHT, STATIONS, VIRIDIS, colour, text_size

matplotlib.rcParams.update(
    {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "ravine", "text.parse_math": False}
)
FORMATS = ("pdf", "svg", "png")
SHAPES = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "X", "star": "*"}
TOP = Lock()
"""Matplotlib's font code is not safe to run in two threads at once."""


def figure(drawing: Drawing, width: float = 5.5, caption: bool = False) -> Figure:
    """The drawing `width` inches wide, its text sized as in the paper of that width; with `caption`, its words stand
    below it."""
    size = text_size(width)
    words = textwrap.wrap(drawing.words, int(width * 72 / (0.59 * size))) if caption else []
    below = 1.35 * len(words) * size / 72
    if isinstance(drawing, Map) and not drawing.empty:
        result = _map(drawing, width, below, size)
    else:
        result = Figure(figsize=(width, 0.6 * width + below), layout="constrained", facecolor="white")
        draw(result.add_subplot(), drawing, width, size)
    if words:
        result.supxlabel("\n".join(words), x=0.01, ha="left", fontsize=size, linespacing=1.15, color=LIGHT.text)
    return result


def export(drawing: Drawing, form: str, width: float = 5.5, caption: bool = False, dark: bool = False) -> bytes:
    """The bytes of a "pdf", "svg" or "png" (300 dpi) file `width` inches wide. It carries title, caption and the
    specs' digests, and no date.

    `dark` is for a dark page to show: light text on no background.
    """
    about = {"Title": drawing.title}
    about |= {
        "pdf": {"Subject": drawing.words, "Keywords": drawing.source, "Creator": "Ravine", "CreationDate": None},
        "svg": {"Description": drawing.words, "Keywords": [drawing.source], "Creator": "Ravine", "Date": None},
        "png": {"Description": drawing.words, "Source": drawing.source, "Software": "Ravine"},
    }[form]
    buffer = io.BytesIO()
    with TOP:
        made = figure(drawing, width, caption)
        if dark:
            _darken(made)
        made.savefig(buffer, format=form, dpi=300, metadata=about)
    return buffer.getvalue()


def _darken(made: Figure) -> None:
    made.patch.set_alpha(0)
    for text in made.findobj(Text):
        text.set(color=DARK.text)
    for axes in made.findobj(Axes):
        assert isinstance(axes, Axes)
        axes.tick_params(color=DARK.axis, labelcolor=DARK.text)
        for spine in axes.spines.values():
            spine.set_edgecolor(DARK.axis)


def csv(drawing: Drawing) -> str:
    """The numbers of a drawing, all of them and exactly: lines of `# ` words, a line of names, then one row per value.

    A chart has series, x, y, lower, upper (its marks and its rug as series of their own, which have x alone). A map
    has part, step, a, b, value: a row of part "cell" for each cell, one of part "path" (or of a route's name) for each
    point of the path, which alone has a step.
    """
    text = io.StringIO()
    axes = f"x: {drawing.x_label}; y: {drawing.y_label}" + (
        f"; value: {drawing.z_label.removesuffix(', log scale')}" if isinstance(drawing, Map) else ""
    )
    for words in (drawing.title, drawing.words, axes, f"source: {drawing.source}"):
        text.write(f"# {' '.join(words.split())}\n")
    rows = table.writer(text, quoting=table.QUOTE_NONNUMERIC, lineterminator="\n")
    rows.writerows(_cells(drawing) if isinstance(drawing, Map) else _points(drawing))
    return text.getvalue()


def _points(chart: Chart) -> Iterator[tuple[str | float, ...]]:
    yield "series", "x", "y", "lower", "upper"
    for line in chart.lines:
        lower, upper = line.band or ((), ())
        for i in range(len(line.x)):
            yield (
                line.label,
                float(line.x[i]),
                float(line.y[i]),
                *(float(edge[i]) if line.band else "" for edge in (lower, upper)),
            )
    for label, x in [*((mark.label, mark.x) for mark in chart.marks), *((chart.rug_label, x) for x in chart.rug)]:
        yield label, float(x), "", "", ""


def _cells(drawing: Map) -> Iterator[tuple[str | float, ...]]:
    yield "part", "step", "a", "b", "value"
    for i, b in enumerate(drawing.b):
        for j, a in enumerate(drawing.a):
            yield "cell", "", *map(float, (a, b, drawing.z[i, j]))
    for step, *place in zip(drawing.path_steps, drawing.path_a, drawing.path_b, drawing.path_z, strict=True):
        yield "path", int(step), *map(float, place)
    for route in drawing.routes:
        for step, *place in zip(route.steps, route.a, route.b, route.z, strict=True):
            yield route.label, int(step), *map(float, place)


def _name(axes: Axes, drawing: Drawing, size: float) -> None:
    axes.tick_params(labelsize=size, color=LIGHT.axis, labelcolor=LIGHT.text)
    axes.set_xlabel(drawing.x_label, fontsize=size)
    axes.set_ylabel(drawing.y_label, fontsize=size)


def draw(axes: Axes, drawing: Drawing, width: float, size: float) -> None:
    _name(axes, drawing, size)
    if isinstance(drawing, Map) or drawing.empty:
        return _nothing(axes, drawing.note, size)
    _curves(axes, drawing, size)
    rows = _marks(axes, drawing, 0.85 * 72 * width / (0.55 * size), size)
    if len(drawing.lines) + len(drawing.rug) > 1:
        labels = [line.label for line in drawing.lines] + [drawing.rug_label] * bool(len(drawing.rug))
        _legend(axes, legend_columns(labels, width, size), size, rows)


def _curves(axes: Axes, chart: Chart, size: float) -> None:
    for line in chart.lines:
        _line(axes, chart, line, size)
    axes.set_xscale("log" if chart.log_x else "linear")
    axes.set_yscale("log" if chart.log_y else "linear")
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
    _tick(axes.xaxis, *axes.get_xlim(), chart.log_x)
    _tick(axes.yaxis, *axes.get_ylim(), chart.log_y)
    if chart.x_ticks:
        places, names = zip(*chart.x_ticks, strict=True)
        axes.set_xticks(places, names)


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
        axes.fill_between(x, *edges, color=hue, alpha=0.25, linewidth=0)
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


def _tick(axis, low: float, high: float, log: bool) -> None:
    places = log_ticks(np.log10(low), np.log10(high)) if log else ticks(low, high)
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter(FuncFormatter(lambda value, _: say(value)))
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


def _legend(axes: Axes, columns: int, size: float, rows: int = 0) -> None:
    """Above the plot, and above so many rows of labels there."""
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


def _map(drawing: Map, width: float, below: float, size: float) -> Figure:
    """Laid out by hand, since Matplotlib's constrained layout lets what surrounds a plot of fixed aspect overlap."""
    labels, em = [*(s.label for s in drawing.stations), *(route.label for route in drawing.routes)], size / 72
    columns = legend_columns(labels, width, size)
    left, right, bottom, top = 6 * em, 6.5 * em, 3.6 * em, (0.6 + 1.7 * -(-len(labels) // columns)) * em
    across = (width - left - right) / (1 + BAR[0] + BAR[2])
    up = across * (float(np.ptp(drawing.b) / np.ptp(drawing.a)) if drawing.equal else 1)
    tall = below + bottom + up + top
    result = Figure(figsize=(width, tall), facecolor="white")
    axes = result.add_axes((left / width, (below + bottom) / tall, across / width, up / tall))
    _name(axes, drawing, size)
    _ground(axes, drawing, size)
    _path(axes, drawing, size)
    if labels:
        _legend(axes, columns, size)
    return result


BAR = (0.03, 0, 0.045, 1)
"""Where the colour bar stands beside a map, in units of its sides: gap, foot, width, height."""


def _ground(axes: Axes, drawing: Map, size: float) -> None:
    low, high = drawing.range
    cells = axes.contourf(
        drawing.a, drawing.b, drawing.shown, levels=np.linspace(low, high, 49), cmap=_viridis(), vmin=low, vmax=high
    )
    cells.set_edgecolor("face")  # else a viewer shows hairlines between the levels
    cells.set_linewidth(0.3)
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
    axes.set_xlim(drawing.a[0], drawing.a[-1])
    axes.set_ylim(drawing.b[0], drawing.b[-1])
    axes.set_aspect("equal" if drawing.equal else "auto")
    _tick(axes.xaxis, *axes.get_xlim(), False)
    _tick(axes.yaxis, *axes.get_ylim(), False)
    bar = axes.figure.colorbar(cells, cax=axes.inset_axes((1 + BAR[0], *BAR[1:])))
    places, names = drawing.ticks
    bar.set_ticks(places, labels=names)
    bar.ax.tick_params(labelsize=size)
    bar.set_label(drawing.z_label, fontsize=size)
    bar.outline.set_visible(False)


def _path(axes: Axes, drawing: Map, size: float) -> None:
    halo = [Stroke(linewidth=2.2, foreground="#111111"), withStroke(linewidth=1.1, foreground="white")]
    axes.plot(
        drawing.path_a,
        drawing.path_b,
        color="white",
        linewidth=1.1,
        marker="o",
        markersize=2,
        markeredgecolor="#111111",
        markeredgewidth=0.3,
        path_effects=halo,
        gid="path",
    )
    for role, i, label in drawing.stations:
        fill, symbol, points = STATIONS[role]
        axes.plot(
            drawing.path_a[i : i + 1],
            drawing.path_b[i : i + 1],
            SHAPES[symbol],
            color=fill,
            markersize=0.6 * points,
            markeredgecolor="#111111",
            markeredgewidth=0.6,
            label=label,
            clip_on=True,
        )
    for route in drawing.routes:
        fill, rim = colour(route.colour), [withStroke(linewidth=2.4, foreground="white")]
        style = (0, tuple(DASHES[route.dash])) if DASHES[route.dash] else "solid"
        axes.plot(route.a, route.b, color=fill, linewidth=1.3, linestyle=style, path_effects=rim, gid="path")
        axes.plot(route.a[:1], route.b[:1], "o", markersize=5, markerfacecolor="none", markeredgecolor="white")
        axes.plot(
            route.a[-1:],
            route.b[-1:],
            SHAPES[route.marker],
            color=fill,
            markersize=6,
            markeredgecolor="#111111",
            markeredgewidth=0.6,
            label=route.label,
        )


def _viridis() -> ListedColormap:
    """The screen's colour scale, in 256 steps."""
    stops = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in VIRIDIS])
    at = np.linspace(0, 1, 256)
    return ListedColormap(
        np.stack([np.interp(at, np.linspace(0, 1, len(stops)), channel) for channel in stops.T], axis=1)
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
