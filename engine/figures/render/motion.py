"""Motion: a drawing as a Plotly figure whose curves grow, step by step, in the browser; a new look at it goes on
from where the last one was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from engine.figures import escape
from engine.figures.drawing import Chart, Drawing, Line, Map, Tiles, band, pointed, visible
from engine.figures.ends import End, ends
from engine.figures.points import beads, thin
from engine.figures.render import plotly
from engine.figures.render.layout import CLEAR, FONT, axis
from engine.figures.render.tiles import tile
from engine.figures.theme import Theme, colour, theme
from engine.figures.ticks import log_ticks
from engine.figures.words import number

TIMES = ("step", "epoch", "gradient evaluations")
"""The axes along which a chart's curves grow."""
POINTS = 400
"""The most points of a curve: all of them are handed to Plotly anew for every picture of the motion."""
LONGEST = 12
"""Letters of a name that a plot on a narrow page has room for at its right."""
BESIDE = {"orientation": "v", "yref": "paper", "y": 0.5, "yanchor": "middle", "ypad": 10}
DASHES = {"solid": "solid", "dash": "dash", "dot": "dot", "none": "solid"}
SYMBOLS = {
    "circle": "circle",
    "square": "square",
    "triangle": "triangle-up",
    "diamond": "diamond",
    "cross": "x",
    "": "circle",
}


TEXT = 13
"""Pixels of the words of a page."""


def figure(drawing: Drawing, dark: bool = False, height: int = 460, text: int = TEXT) -> go.Figure:
    """The drawing `height` pixels high, its words `text` pixels tall. What moves carries the step of each of its
    points as `meta`."""
    if isinstance(drawing, Map):
        return _grown(_map(drawing, dark, height, text), text / TEXT)
    if isinstance(drawing, Tiles):
        return tile(drawing, 0, dark, height, bar=True)
    look = theme(dark)
    made = go.Figure(layout=_layout(drawing, look, height, text)).update_layout(template=None)
    if drawing.empty and not drawing.beneath:
        made.update_xaxes(visible=False).update_yaxes(visible=False)
        made.add_annotation(
            text=escape.plotly(drawing.note),
            showarrow=False,
            xref="paper",
            yref="paper",
            x=0.5,
            y=0.5,
            font_size=text + 2,
        )
        return made
    for line in drawing.beneath:
        _add_faint(made, drawing, line, dark)
    for line in drawing.lines:
        _add(made, drawing, line, dark)
    _add_marks(made, drawing, look)
    _add_names(made, drawing, _ends(drawing, height, text), dark, text)
    return _grown(made, text / TEXT)


def _grown(made: go.Figure, times: float) -> go.Figure:
    """The figure with lines and points as many times as large: a slide is read from afar, like its words."""

    def grow(trace: Any) -> None:
        trace.line.width = times * (2 if trace.line.width is None else trace.line.width)
        trace.marker.size = (times * np.asarray(6 if trace.marker.size is None else trace.marker.size)).tolist()

    return made.for_each_trace(grow, {"type": "scatter"}) if times != 1 else made


def _add_marks(made: go.Figure, chart: Chart, look: Theme) -> None:
    """Dotted lines with words above them."""
    line = {"dash": "dot", "width": 1, "color": look.axis}
    for mark in chart.marks:
        made.add_shape(type="line", x0=mark.x, x1=mark.x, y0=0, y1=1, yref="paper", line=line)
        x = _place(mark.x, chart.log_x)
        made.add_annotation(text=escape.plotly(mark.label), x=x, y=1, yref="paper", yanchor="bottom", showarrow=False)


def _place(value: float, log: bool) -> float:
    """A value as an annotation takes it: of a logarithmic axis its logarithm, where a shape takes the value itself."""
    return float(np.log10(value)) if log else value


def _ends(chart: Chart, height: int, text: int) -> tuple[End, ...]:
    """Where the lines are named at their ends; none where the names are too long for a narrow page, or the lines grow
    towards those of another result."""
    bounds = _range(chart, "y")
    if bounds is None or chart.beneath or max(len(line.label) for line in chart.lines) > LONGEST:
        return ()
    low, high = (10.0**bound if chart.log_y else bound for bound in bounds)
    return ends(chart, low, high, (height - 6.5 * text) / (1.25 * text))


def _add_names(made: go.Figure, chart: Chart, found: Sequence[End], dark: bool, text: int) -> None:
    """Names at the lines' ends, with strokes of their colours that lead there, in place of a legend."""
    if not found:
        return
    made.update_layout(showlegend=False, margin_r=(0.55 * max(len(end.line.label) for end in found) + 1.5) * text)
    for line, y, beside in found:
        stroke = {"arrowhead": 0, "arrowwidth": 1, "arrowcolor": colour(line.colour, dark)}
        here = {"x": _place(float(line.x[-1]), chart.log_x), "y": _place(y, chart.log_y)}
        tail = {"ax": text, "ay": _place(beside, chart.log_y), "ayref": "y", "xanchor": "left"}
        made.add_annotation(text=escape.plotly(line.label), **here, **tail, **stroke)


def _map(drawing: Map, dark: bool, height: int, text: int) -> go.Figure:
    made = plotly.contour(drawing, dark, height).update_layout(font={"size": text})
    made.update_layout(margin={"l": 4.5 * text, "r": text, "t": 2.6 * text, "b": 3.7 * text})
    # in a figure that is wider than high, the colour bar stands beside the map
    words = {"font": {"size": text}}
    made.update_traces(colorbar=BESIDE | {"title": words | {"side": "right"}}, selector={"type": "contour"})
    made.update_xaxes(title=words).update_yaxes(title=words)
    x, y, steps = (
        np.asarray(values, float).tolist() for values in (drawing.path_a, drawing.path_b, drawing.path_steps)
    )

    def move(trace: Any) -> None:
        trace.x = trace.y = None  # else a list that equals the array in its place is not taken
        trace.x, trace.y, trace.meta, trace.mode = x, y, steps, "lines"

    return made.for_each_trace(move, lambda trace: trace.type == "scatter" and "lines" in trace.mode)


def _add(made: go.Figure, chart: Chart, line: Line, dark: bool) -> None:
    y, hue = visible(chart, line), colour(line.colour, dark)
    kept = thin(y, POINTS)
    x, y = np.asarray(line.x, float)[kept], y[kept]
    when = line.when[kept] if line.when is not None else x if chart.x_label in TIMES and not line.theory else None
    meta = None if when is None else np.asarray(when, float).tolist()
    edges = band(chart, line)
    if edges and line.dash != "none":
        shade = f"rgba({', '.join(str(int(hue[i : i + 2], 16)) for i in (1, 3, 5))}, {line.strength})"
        hidden: dict[str, Any] = {
            "mode": "lines",
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
            "meta": meta,
        }
        made.add_scatter(x=x.tolist(), y=edges[0][kept].tolist(), **hidden)
        made.add_scatter(x=x.tolist(), y=edges[1][kept].tolist(), fill="tonexty", fillcolor=shade, **hidden)
    error = (
        {"type": "data", "symmetric": False, "array": edges[1][kept] - y, "arrayminus": y - edges[0][kept]}
        if edges and line.dash == "none"
        else None
    )
    good, shown = np.flatnonzero(np.isfinite(y)), np.zeros(len(y))
    if pointed(line):
        shown[good if line.dash == "none" else good[beads(len(good))]] = 8
    mode = "markers" if line.dash == "none" else "lines+markers" if shown.any() else "lines"
    made.add_scatter(
        x=x.tolist(),
        y=y.tolist(),
        name=escape.plotly(line.label),
        mode=mode,
        meta=meta,
        error_y=error,
        line={"color": hue, "dash": DASHES[line.dash], "width": 1.5 if line.theory else 2.2},
        hovertemplate="%{x:,.4~g}: %{y:,.5~g}",
        # of points of several sizes Plotly makes bubbles, which one sees through
        marker={
            "color": hue,
            "size": shown.tolist() if shown.any() else 6,
            "symbol": SYMBOLS[pointed(line)],
            "opacity": 1,
            "line": {"width": 0},
        },
    )


def _add_faint(made: go.Figure, chart: Chart, line: Line, dark: bool) -> None:
    """A curve that is known already: it does not move, and the legend does not name it."""
    y = visible(chart, line)
    kept = thin(y, POINTS)
    hue = colour(line.colour, dark)
    made.add_scatter(
        x=np.asarray(line.x, float)[kept].tolist(),
        y=y[kept].tolist(),
        mode="markers" if line.dash == "none" else "lines",
        line={"color": hue, "dash": DASHES[line.dash], "width": 2.2},
        marker={"color": hue, "size": 7, "symbol": SYMBOLS[pointed(line)]},
        opacity=0.3,
        hoverinfo="skip",
        showlegend=False,
    )


def _layout(chart: Chart, look: Theme, height: int, text: int) -> dict[str, Any]:
    over = 1.5 * text / (height - 6.5 * text) if chart.marks else 0  # the marks' labels, as a share of the plot
    return {
        "height": height,
        "margin": {"l": 4.5 * text, "r": text, "t": 1.4 * text * (1 + bool(chart.marks)), "b": 3.6 * text},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "hovermode": "closest",
        "font": {"color": look.text, "size": text, "family": FONT},
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "y": 1.01 + over,
            "yanchor": "bottom",
            "x": 0,
            "bgcolor": CLEAR,
        },
        "showlegend": len(chart.lines) > 1,
        "xaxis": axis(look) | {"tickangle": 0} | _scale(chart.x_label, chart.log_x, _range(chart, "x"), chart.x_ticks),
        "yaxis": axis(look) | _scale(chart.y_label, chart.log_y, _range(chart, "y")),
    }


def _scale(
    label: str, log: bool, bounds: tuple[float, float] | None, named: Sequence[tuple[float, str]] = ()
) -> dict[str, Any]:
    """An axis's title, bounds and ticks: named ones, on a logarithmic axis those of print, else Plotly's own."""
    places = named or ([(value, number(value)) for value in log_ticks(*bounds)] if log and bounds else [])
    ticks = (
        {"tickvals": [value for value, _ in places], "ticktext": [escape.plotly(words) for _, words in places]}
        if places
        else {"exponentformat": "power", "separatethousands": True}
    )
    return {"title": {"text": escape.plotly(label)}, "type": "log" if log else "linear", "range": bounds} | ticks


def _range(chart: Chart, axis: str) -> tuple[float, float] | None:
    """An axis's bounds with a little room, in its own units (of a logarithmic one in powers of ten), so that it
    stays as it is while the curves grow."""
    log = chart.log_x if axis == "x" else chart.log_y
    if own := chart.x_range if axis == "x" else chart.y_range:
        low, high = own
        return (float(np.log10(low)), float(np.log10(high))) if log else (float(low), float(high))
    found = [np.asarray(line.x, float) if axis == "x" else visible(chart, line) for line in chart.lines + chart.beneath]
    if axis == "y":
        found += [edge for line in chart.lines for edge in band(chart, line) or ()]
    values = np.concatenate([*found, [mark.x for mark in chart.marks] if axis == "x" else []])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(values):
        return None
    low, high = (np.log10(v) if log else v for v in (values.min(), values.max()))
    room = 0.04 * ((high - low) or abs(high) or 1.0)
    return float(low - room), float(high + room)
