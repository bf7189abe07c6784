"""A chart on the screen: a Vega-Lite spec with its table, light or dark."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from engine.figures.drawing import Chart, Line, band, pointed, visible
from engine.figures.ends import End
from engine.figures.marks import Place, placed
from engine.figures.parallel import Parallel
from engine.figures.points import beads, thin
from engine.figures.render import named
from engine.figures.render.arrow import coded, table
from engine.figures.render.layout import FONT
from engine.figures.render.named import LINE
from engine.figures.theme import DASHES, Theme, colour, theme

POINTS = 600
"""The most points of a curve that are sent to a browser; its extremes are among them."""
POWER = "floor(log(abs(datum.value)) / LN10 + 1e-9)"
FIGURES = f"format(datum.value / pow(10, {POWER}), '.3~r')"
RAISED = "substring('⁰¹²³⁴⁵⁶⁷⁸⁹', {0}, {0} + 1)"
SAY = (
    "datum.label == '' ? '' : datum.value == 0 ? '0' "
    f": abs(datum.value) < 1e6 && {POWER} > -4 ? format(datum.value, ',.6~r') "
    f": ({FIGURES} == '1' ? '' : {FIGURES} + '×') + '10' + ({POWER} < 0 ? '⁻' : '') "
    f"+ (abs({POWER}) > 9 ? {RAISED.format(f'floor(abs({POWER}) / 10)')} : '') + {RAISED.format(f'abs({POWER}) % 10')}"
)
"""A tick's label as people write it, as `words.number` does, in Vega's language; those that a logarithmic axis leaves
empty stay so."""
SHAPES = {
    "circle": "circle",
    "square": "square",
    "triangle": "triangle-up",
    "diamond": "diamond",
    "cross": "cross",
    "": "circle",
}


def vega(chart: Chart, dark: bool = False, height: int = 220, width: int = 360) -> tuple[pa.Table, dict[str, Any]]:
    """(table, spec) for `st.vega_lite_chart(table, spec, theme=None)`.

    The spec does not depend on the curves' values, so that a live chart is updated in place; `height` is in pixels,
    and `width` those that the labels of marks may count on.
    """
    look = theme(dark)
    rows = _table(chart, dark, named.found(chart, height))
    places = [] if chart.empty else placed(chart, (width - 60) / 6.5)
    room = LINE * max((place.row + 1 for place in places), default=0)
    layers = [
        *_bands(chart),
        *_rug(chart, look),
        *_marks(chart, look, places),
        *_curves(chart, dark, room),
        *named.layers(chart, look.text),
        *([] if over_steps(chart) else [_hover(chart)]),
    ]
    return rows, {
        # for what is drawn over it: whether it goes by steps, and what it shows
        "params": [
            {"name": "steps", "value": over_steps(chart)},
            {"name": "shows", "value": chart.name},
            *named.parameters(chart),
        ],
        "width": "container",
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "padding": {"left": 2, "right": 6, "top": 2 if len(chart.lines) > 1 else 2 + room, "bottom": 4},
        "encoding": {} if chart.empty else {"x": _x(chart)},
        "layer": [nothing(chart, look)] if chart.empty else layers,
        "config": config(look),
    }


def over_steps(chart: Chart) -> bool:
    """Whether a chart goes by steps: the page's crosshair, which knows it by the parameter "steps", then tells its
    values at the step under the pointer."""
    return chart.x_label == "step" and not chart.log_x and not chart.x_ticks


def _table(chart: Chart, dark: bool, ends: Mapping[str, End]) -> pa.Table:
    """The points of all lines, one below the other, the last of each with the place of its name if it has one there."""
    lines = chart.lines or [Line("", np.zeros(0), np.zeros(0), "ink")]
    parts = [_points(chart, line, ends.get(line.label)) for line in lines]
    of = np.repeat(np.arange(len(lines)), [len(part["x"]) for part in parts])
    looks = {
        "series": [line.label for line in lines],
        "hue": [colour(line.colour, dark) for line in lines],
        "shape": [SHAPES[pointed(line)] for line in lines],
    }
    numbers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return table({name: coded(words, of) for name, words in looks.items()} | numbers)


def _points(chart: Chart, line: Line, end: End | None) -> dict[str, np.ndarray]:
    """The columns of numbers of one line."""
    y = visible(chart, line)
    kept = thin(y, POINTS)
    lower, upper = band(chart, line) or (np.full(len(y), np.nan),) * 2
    good = np.flatnonzero(np.isfinite(y[kept]))
    bead = np.zeros(len(kept), bool)
    if pointed(line):
        bead[good if line.dash == "none" else good[beads(len(good))]] = True
    own = np.full(len(y), np.nan) if line.layer is None else line.layer  # what the crosshair says of a layer
    numbers = {"x": np.asarray(line.x, float), "y": y, "lower": lower, "upper": upper, "own": own}
    beside = np.full(len(kept), np.nan)
    if end:
        beside[-1] = end.beside
    return {name: values[kept] for name, values in numbers.items()} | {"bead": bead, "beside": beside}


def _x(chart: Chart) -> dict[str, Any]:
    axis: dict[str, Any] = {"labelExpr": SAY, "tickCount": 6, "labelSeparation": 5}
    if chart.x_ticks:
        places, names = zip(*chart.x_ticks, strict=True)
        axis = {"values": list(places), "labelExpr": f"{json.dumps(names)}[indexof({list(places)}, datum.value)]"}
    marks = any(line.dash == "none" for line in chart.lines) and not chart.x_range  # which are else cut at the edge
    scale: dict[str, Any] = {"type": "log"} if chart.log_x else {"zero": False}
    scale |= {"nice": False} | ({"padding": 12} if chart.log_x or chart.x_ticks or marks else {})
    if chart.x_range:
        scale |= {"domain": [float(x) for x in chart.x_range]}
    title = chart.x_label if chart.legend else ""
    return {"field": "x", "type": "quantitative", "title": title, "axis": axis, "scale": scale}


def _y(chart: Chart, field: str = "y") -> dict[str, Any]:
    scale: dict[str, Any] = {"type": "log", "nice": False} if chart.log_y else {"zero": False, "nice": True}
    if chart.y_range:
        scale |= {"domain": [float(y) for y in chart.y_range], "nice": False}
    axis: dict[str, Any] = {"labelExpr": SAY, "tickCount": 5, "labelOverlap": "greedy"}
    if chart.log_y:
        axis["gridOpacity"] = {
            "condition": {"test": "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6", "value": 1},
            "value": 0,
        }
    return {"field": field, "type": "quantitative", "title": chart.y_label, "scale": scale, "axis": axis}


def _per_line(chart: Chart, values: list[Any], legend: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": [line.label for line in chart.lines], "range": values},
        "legend": legend,
    }


def _as_is(field: str) -> dict[str, Any]:
    """A column that holds colours or shapes themselves."""
    return {"field": field, "type": "nominal", "scale": None}


def _bands(chart: Chart) -> list[dict[str, Any]]:
    # by "color": two legends become one where each of their channels has one field in all layers
    solid = [line for line in chart.lines if line.band and line.dash != "none"]
    points = [line.label for line in chart.lines if line.band and line.dash == "none"]
    edges = {"y": _y(chart, "lower"), "y2": {"field": "upper"}}
    hue = {"color": _as_is("hue")}
    layers = [({"type": "bar", "width": 2, "clip": True}, edges | hue, points)]
    for strength in sorted({line.strength for line in solid}):
        names = [line.label for line in solid if line.strength == strength]
        area = {"type": "area", "opacity": strength, "clip": True}
        layers.append((area, edges | hue | {"detail": {"field": "series"}}, names))
    return [{"mark": mark, "encoding": of, "transform": [_only(names)]} for mark, of, names in layers if names]


def _curves(chart: Chart, dark: bool, room: int) -> list[dict[str, Any]]:
    """Lines, with the legend, and the points on them; where there are points only, they carry the legend. `room` is
    left below the legend."""
    legend = named.legend(chart, room)
    hue = _per_line(chart, [colour(line.colour, dark) for line in chart.lines], legend)
    dash = _per_line(chart, [DASHES.get(line.dash, []) for line in chart.lines], legend)
    points_only = all(line.dash == "none" for line in chart.lines)
    shape = _per_line(chart, [SHAPES[pointed(line)] for line in chart.lines], legend)
    looks = {"fill": hue, "shape": shape} if points_only else {"fill": _as_is("hue"), "shape": _as_is("shape")}
    points = {
        "mark": {"type": "point", "size": 42, "opacity": 1, "strokeWidth": 0},
        "transform": [{"filter": _shown(chart)}],
        "encoding": {"y": _y(chart)} | looks,
    }
    layers = []
    for theory, strength in ((False, 2), (True, 1.5)):
        names = [line.label for line in chart.lines if line.dash != "none" and line.theory == theory]
        curve = {
            "mark": {"type": "line", "strokeWidth": strength, "clip": True},
            "encoding": {"y": _y(chart), "stroke": hue, "strokeDash": dash},
        }
        layers += [curve | {"transform": [_only(names)]}] if names else []
    # of a layer without a point Vega complains
    return [*layers, *([points] if any(map(pointed, chart.lines)) else [])]


def _shown(chart: Chart) -> str:
    """Which rows carry a marker: it may reach over the edge of the plot, but does not lie beyond it."""
    return "datum.bead" + (
        f" && datum.y >= {float(chart.y_range[0])} && datum.y <= {float(chart.y_range[1])}" if chart.y_range else ""
    )


def _hover(chart: Chart) -> dict[str, Any]:
    """Unseen points that answer the mouse: a line mark alone would only ever name its first point."""
    words = [("series", "nominal", ""), ("x", "quantitative", chart.x_label), ("y", "quantitative", chart.y_label)]
    tooltip = [
        {"field": field, "type": kind, "title": title or " "} | ({"format": ".6~g"} if title else {})
        for field, kind, title in words
    ]
    return {
        "mark": {"type": "point", "filled": True, "size": 150, "opacity": 0, "clip": True},
        "encoding": {"y": _y(chart), "tooltip": tooltip},
    }


def _rug(chart: Chart, look: Theme) -> list[dict[str, Any]]:
    if not len(chart.rug):
        return []
    values = [{"x": float(x)} for x in np.asarray(chart.rug)[_apart(chart.rug)]]
    mark = {"type": "tick", "orient": "vertical", "size": 7, "thickness": 1, "color": look.axis, "clip": True}
    return [
        {"data": {"values": values}, "mark": mark, "encoding": {"x": _x(chart), "y": {"value": {"expr": "height - 4"}}}}
    ]


def _marks(chart: Chart, look: Theme, places: list[Place]) -> list[dict[str, Any]]:
    """Dotted lines, and their labels above the plot, where no curve lies under them."""
    layers = [
        {
            "data": {"values": [{"x": x} for x in {mark.x for mark in chart.marks}]},
            "mark": {"type": "rule", "strokeDash": [2, 2], "color": look.axis},
        }
    ]
    for mark, right, line in places:
        text = {
            "type": "text",
            "text": mark.label,
            "align": "left" if right else "right",
            "fontSize": 12,
            "color": look.text,
        }
        layers += [{"data": {"values": [{"x": mark.x}]}, "mark": text, "encoding": {"y": {"value": -8 - LINE * line}}}]
    return [layer | {"encoding": {"x": _x(chart)} | layer.get("encoding", {})} for layer in layers if chart.marks]


def nothing(chart: Chart | Parallel, look: Theme) -> dict[str, Any]:
    """The note of what has nothing to show."""
    place = {"x": {"value": {"expr": "width / 2"}}, "y": {"value": {"expr": "height / 2"}}}
    text = {"type": "text", "text": textwrap.wrap(chart.note, 36), "fontSize": 14, "color": look.axis}
    return {"data": {"values": [{}]}, "mark": text, "encoding": place}


def _only(labels: list[str]) -> dict[str, Any]:
    return {"filter": {"field": "series", "oneOf": labels}}


def _apart(places: np.ndarray) -> np.ndarray:
    """Which of sorted places to tick: the first in each of 500 equal parts, since a screen shows no more."""
    span = float(np.ptp(places)) or 1.0
    return np.unique(((places - places.min()) / span * 500).astype(int), return_index=True)[1]


def config(look: Theme) -> dict[str, Any]:
    """How text, axes, grid and legends look."""
    text = {
        "labelColor": look.text,
        "titleColor": look.text,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    axis = text | {"gridColor": look.grid, "domainColor": look.axis, "tickColor": look.axis, "titlePadding": 6}
    legend = text | {"labelLimit": 400, "columnPadding": 14, "padding": 0}
    mark = {"invalid": "break-paths-show-path-domains", "aria": False}
    words = {"font": FONT}
    # the chart has one name as a whole
    return {"axis": axis, "legend": legend, "view": {"stroke": None}, "font": FONT, "text": words, "mark": mark}
