"""Parallel coordinates rendered: a line for each point, on screen with Vega-Lite and in print."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from engine.figures.parallel import Parallel
from engine.figures.render.arrow import coded, table
from engine.figures.render.frame import Frame, sheet
from engine.figures.render.vega import config, nothing
from engine.figures.theme import LIGHT, Theme, colour, theme
from engine.figures.words import number

MOST = 1000
"""Lines that are sent to a browser: the best, and others evenly from the first to the last."""
ASIDE = 0.35
"""How far the picture reaches beside the axes, in their distance."""
WORD = "lost"


def lines_on_screen(
    drawing: Parallel, dark: bool = False, height: int = 320, width: int = 720
) -> tuple[pa.Table, dict[str, Any]]:
    """(table, spec) for `st.vega_lite_chart(table, spec, theme=None)`, as `vega` gives of a chart."""
    look = theme(dark)
    names = _wrapped(drawing, (width / len(drawing.rails)) / 6.5)
    layers = [
        _axes(drawing, look),
        *(_lines(kind, *style) for kind, style in STYLES.items()),
        *_words(drawing, look, names),
        _hover(),
    ]
    return _table(drawing, dark), {
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "padding": {"left": 2, "right": 6, "top": 2, "bottom": 4 + 15 * max(map(len, names))},
        "layer": [nothing(drawing, look)] if drawing.empty else layers,
        "config": config(look),
    }


STYLES = {"lost": (1.0, 0.35), "other": (1.2, 0.55), "best": (2.6, 1.0)}
"""Width and opacity of lines, in the order in which they are drawn."""


def kinds(drawing: Parallel) -> np.ndarray:
    """[N]: which of STYLES each line has; "" for one that is not drawn."""
    there = np.isfinite(drawing.heights).all(axis=1)
    found = np.where(drawing.lost, "lost", np.where(there, "other", "")).astype("<U5")
    found[drawing.best] = "best"
    return found


def hue(drawing: Parallel, point: int, dark: bool) -> str:
    """A line's colour: the best stand out most from the page, lost ones are grey."""
    shade = drawing.shades[point]
    if drawing.lost[point] or not np.isfinite(shade):
        return colour("grey", dark)
    return colour(f"ordinal {1 - shade if dark else shade:.4f}", dark)


def _table(drawing: Parallel, dark: bool) -> pa.Table:
    """A row for each crossing of a line and an axis."""
    kind, heights, count = kinds(drawing), drawing.heights, len(drawing.rails)
    drawn = np.flatnonzero(kind != "")
    if len(drawn) > MOST:
        drawn = np.union1d(drawing.best, drawn[np.linspace(0, len(drawn) - 1, MOST).round().astype(int)])
    each = np.repeat(np.arange(len(drawn)), count)
    return table(
        {
            "x": np.tile(np.arange(count, dtype=float), len(drawn)),
            "y": heights[drawn].ravel() if len(drawn) else np.zeros(0),
            "point": drawn[each],
            "kind": coded(kind[drawn].tolist(), each),
            "hue": coded([hue(drawing, n, dark) for n in drawn.tolist()], each),
            "said": coded([_said(drawing, n) for n in drawn.tolist()], each),
        }
    )


def _said(drawing: Parallel, point: int) -> str:
    """What the pointer is told of a line."""
    *knobs, last = (f"{rail.label} {number(float(rail.values[point]))}" for rail in drawing.rails)
    return f"{', '.join(knobs)}: {WORD if drawing.lost[point] else last}"


def _place(axis: str, field: str = "") -> dict[str, Any]:
    """The scale of x, which counts the axes, or of y, the height on them."""
    scale = {"zero": False, "nice": False}
    return {"field": field or axis, "type": "quantitative", "axis": None, "scale": scale}


def _axes(drawing: Parallel, look: Theme) -> dict[str, Any]:
    """The parallel axes; they also hold the picture's corners."""
    last, (low, high) = len(drawing.rails) - 1, drawing.reach
    corners = [{"x": -ASIDE, "y": low, "top": low}, {"x": last + ASIDE, "y": high, "top": high}]
    rows = [{"x": x, "y": 0, "top": 1} for x in range(last + 1)]
    mark = {"type": "rule", "color": look.axis}
    encoding = {"x": _place("x"), "y": _place("y"), "y2": {"field": "top"}}
    return {"data": {"values": rows + corners}, "mark": mark, "encoding": encoding}


def _lines(kind: str, width: float, opacity: float) -> dict[str, Any]:
    looks = {"stroke": {"field": "hue", "type": "nominal", "scale": None}, "detail": {"field": "point"}}
    return {
        "transform": [{"filter": f"datum.kind == '{kind}'"}],
        "mark": {"type": "line", "strokeWidth": width, "opacity": opacity},
        "encoding": {"x": _place("x"), "y": _place("y")} | looks,
    }


def _words(drawing: Parallel, look: Theme, names: list[list[str]]) -> Iterator[dict[str, Any]]:
    """Ticks beside the axes, in a halo, and the axes' names below them."""
    rows = [{"x": x, "y": y, "word": word} for x, y, word in _ticks(drawing)]
    beside = {"type": "text", "align": "right", "dx": -5, "fontSize": 11, "color": look.text}
    halo = beside | {"stroke": look.paper, "strokeWidth": 3, "strokeJoin": "round"}
    place = {"x": _place("x"), "y": _place("y"), "text": {"field": "word", "type": "nominal"}}
    for mark in (halo, beside):
        yield {"data": {"values": rows}, "mark": mark, "encoding": place}
    below = {"type": "text", "baseline": "top", "fontSize": 12, "color": look.text}
    for x, lines in enumerate(names):
        place = {"x": _place("x"), "y": {"value": {"expr": "height + 4"}}}
        yield {"data": {"values": [{"x": x}]}, "mark": below | {"text": lines}, "encoding": place}


def _ticks(drawing: Parallel) -> Iterator[tuple[int, float, str]]:
    """Place, height and word of every tick of the axes."""
    for x, rail in enumerate(drawing.rails):
        yield from ((x, height, word) for height, word in rail.ticks)
    if drawing.lost.any():
        yield len(drawing.rails) - 1, drawing.worst, WORD


def _hover() -> dict[str, Any]:
    """Unseen points that answer the mouse with a line's numbers."""
    tooltip = [{"field": "said", "type": "nominal", "title": " "}]
    return {
        "mark": {"type": "point", "filled": True, "size": 120, "opacity": 0},
        "encoding": {"x": _place("x"), "y": _place("y"), "tooltip": tooltip},
    }


def _wrapped(drawing: Parallel, characters: float) -> list[list[str]]:
    """The axes' names in lines of so many characters."""
    return [textwrap.wrap(rail.label, max(8, int(characters))) for rail in drawing.rails]


def lines_in_print(drawing: Parallel, width: float, foot: float, size: float) -> Figure:
    """All lines on paper `width` inches wide, with `foot` inches left below and text of `size` points."""
    below = _below(_printed_names(drawing, width, size), size)
    made = sheet(width, 0.5 * width + below + foot + 0.5 * size / 72, foot)
    lines_within(made, drawing, size)
    return made.figure


def _printed_names(drawing: Parallel, width: float, size: float) -> list[list[str]]:
    return _wrapped(drawing, (width - 0.2) / (len(drawing.rails) - 1 + 2 * ASIDE) / (0.62 * size / 72))


def _below(names: list[list[str]], size: float) -> float:
    """Inches that the axes' names take."""
    return (0.6 + 1.3 * max(map(len, names))) * size / 72


def lines_within(frame: Frame, drawing: Parallel, size: float) -> None:
    """All lines in a frame, in text of `size` points."""
    last, names = len(drawing.rails) - 1, _printed_names(drawing, frame.width, size)
    below = _below(names, size)
    axes = frame.axes(0.1, below, frame.width - 0.2, frame.height - below - 0.5 * size / 72)
    axes.set_xlim(-ASIDE, last + ASIDE)
    axes.set_ylim(*drawing.reach)
    axes.set_axis_off()
    axes.vlines(range(last + 1), 0, 1, color=LIGHT.axis, linewidth=0.8)
    kind, heights, where = kinds(drawing), drawing.heights, np.arange(last + 1.0)
    for name, (strength, opacity) in STYLES.items():
        points = np.flatnonzero(kind == name).tolist()
        lines = [np.stack([where, heights[n]], axis=1) for n in points]
        hues = [hue(drawing, n, False) for n in points]
        axes.add_collection(LineCollection(lines, colors=hues, linewidths=0.6 * strength, alpha=opacity))
    _print_words(axes, drawing, names, size)


def _print_words(axes: Axes, drawing: Parallel, names: list[list[str]], size: float) -> None:
    """Ticks beside the axes, and the axes' names below them."""
    rim = [withStroke(linewidth=2, foreground="white")]
    for x, height, word in _ticks(drawing):
        axes.annotate(
            word,
            (x, height),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=size,
            color=LIGHT.text,
            path_effects=rim,
        )
    for x, lines in enumerate(names):
        axes.text(x, drawing.reach[0], "\n".join(lines), ha="center", va="top", fontsize=size, color=LIGHT.text)
