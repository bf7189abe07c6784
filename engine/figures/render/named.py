"""How lines are named on the screen: beside their right ends where there is room, else in a legend above the plot; the
browser chooses, by how wide the chart is there."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from engine.figures.drawing import Chart, band, visible
from engine.figures.ends import End, ends

BESIDE = 54
"""Pixels of a chart's width that its y axis takes."""
LETTER, LINE, STUB = 6.5, 15, 14
"""Pixels that a letter and a line of words take, and those between the plot and a name."""
PLOT, SHARE = 150, 2.5
"""Pixels that names beside a plot leave to it at least, and how many times as wide as they it is at least."""
HEIGHT = "scale('y', datum.beside)"
"""Where the name of a row's line stands, in Vega's language."""
ENDS = "ends"
"""The chart's parameter that says whether its lines are named at their ends."""


def needed(chart: Chart) -> bool:
    """Whether a chart's lines have to be named at all."""
    return chart.legend and len(chart.lines) > 1


def found(chart: Chart, height: int) -> dict[str, End]:
    """The ends of a chart `height` pixels high, by the lines' labels; none where they are not to be named there."""
    if not needed(chart) or chart.empty:
        return {}
    low, high = chart.y_range or _up(chart)
    # an axis with round ends leaves them a little less
    rows = (height - 55) / (LINE if chart.y_range or chart.log_y else 1.2 * LINE)
    return {end.line.label: end for end in ends(chart, low, high, rows)}


def _up(chart: Chart) -> tuple[float, float]:
    """The least and the greatest value that are drawn."""
    drawn = [edge for line in chart.lines for edge in (visible(chart, line), *(band(chart, line) or ()))]
    values = np.concatenate(drawn)
    return float(np.nanmin(values)), float(np.nanmax(values))


def parameters(chart: Chart) -> list[dict[str, Any]]:
    """Whether the lines are named at their ends: the table's last row says whether they can be, the width of the
    chart's place whether there is room."""
    if not needed(chart):
        return []
    words = LETTER * max(len(line.label) for line in chart.lines) + STUB
    least = BESIDE + words + max(PLOT, SHARE * words)
    last = "data('rows')[length(data('rows')) - 1]"
    # of the place, and not of the plot, whose width follows from the names; named for its changes are heard
    wide = f"containerSize()[0] + 0 * width >= {least:g}"
    return [{"name": ENDS, "expr": f"{wide} && length(data('rows')) > 0 && isValid({last}.beside)"}]


def layers(chart: Chart, ink: str) -> list[dict[str, Any]]:
    """Each line's name in `ink` right of the plot, and a stroke of the line's colour that leads there."""
    if not needed(chart):
        return []
    here = [{"filter": f"{ENDS} && isValid(datum.beside)"}]
    colour = {"color": {"field": "hue", "type": "nominal", "scale": None}}
    stroke = _at(x="scale('x', datum.x)", y="scale('y', datum.y)", x2=f"width + {STUB - 3}", y2=HEIGHT)
    text = {"text": {"field": "series", "type": "nominal"}}
    name = {"type": "text", "align": "left", "fontSize": 12, "color": ink}
    return [
        {"mark": {"type": "rule", "strokeWidth": 1}, "encoding": stroke | colour, "transform": here},
        {"mark": name, "encoding": _at(x=f"width + {STUB}", y=HEIGHT) | text, "transform": here},
    ]


def _at(**places: str) -> dict[str, Any]:
    """Channels by expressions and not by fields: of a field without a value, as before there are ends, Vega
    complains."""
    return {channel: {"value": {"expr": place}} for channel, place in places.items()}


def legend(chart: Chart, room: int) -> dict[str, Any] | None:
    """Above the plot and above `room` pixels of words, in as many columns as fit, however wide it becomes; empty where
    the lines are named at their ends."""
    if not needed(chart):
        return None
    labels = [line.label for line in chart.lines]
    wide = [42 + LETTER * len(label) for label in labels]
    taken = {c: sum(max(wide[i::c]) for i in range(c)) for c in range(1, len(wide) + 1)}
    room_for = f"containerSize()[0] - {BESIDE} + 0 * width"
    columns = "".join(f"{room_for} >= {taken[c]:g} ? {c} : " for c in reversed(taken)) + "1"
    points = all(line.dash == "none" for line in chart.lines)
    symbol = (
        {"symbolSize": 60, "symbolStrokeWidth": 0}
        if points
        else {"symbolType": "stroke", "symbolSize": 320, "symbolStrokeWidth": 2}
    )
    return {
        "title": None,
        "orient": "top",
        "values": {"expr": f"{ENDS} ? [] : {json.dumps(labels)}"},
        "columns": {"expr": columns},
        "gridAlign": "none",
        "symbolOpacity": 1,
        "offset": 4 + room,
    } | symbol
