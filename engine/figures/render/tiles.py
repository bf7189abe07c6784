"""Maps of cells: on screen with Plotly, one for each panel, and side by side in print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from engine.figures import escape
from engine.figures.drawing import Panel, Tiles
from engine.figures.render.axes import below, colours, thin, tick
from engine.figures.render.frame import Frame, sheet
from engine.figures.render.layout import CLEAR, FONT, axis
from engine.figures.theme import LIGHT, SIDES, VIRIDIS, colour, theme
from engine.figures.ticks import log_ticks, ticks
from engine.figures.words import number

GONE = ("#D9DBE0", "#3A3F49")
"""Of cells that were lost, on a light and on a dark page."""
EDGE = "theory's edge at the start"
"""What the dashed line is called."""
OVER, UNDER = "#111111", "#FFFFFF"
"""Of what is drawn on the cells, and of the rim that makes it stand out from any of them."""
ALIKE = 1.0
"""A panel's height in its width, in print."""


def tile(drawing: Tiles, nth: int, dark: bool = False, height: int = 320, bar: bool = False) -> go.Figure:
    """One panel on screen, with its colour scale beside it where it stands for itself."""
    panel, look = drawing.panels[nth], theme(dark)
    x, y = edges(drawing.a, drawing.log_a), edges(drawing.b, drawing.log_b)
    figure = go.Figure(layout=_layout(drawing, nth, dark, height)).update_layout(template=None)
    if drawing.empty:
        figure.add_annotation(
            text=escape.plotly(drawing.note), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font_size=15
        )
        return figure
    low, high = drawing.range
    gone = np.where(panel.lost, 1.0, np.nan)
    common: dict[str, Any] = {"x": x, "y": y, "showscale": False}
    figure.add_heatmap(z=gone, colorscale=[[0, GONE[dark]], [1, GONE[dark]]], hoverinfo="skip", **common)
    if bar:
        places, names = drawing.ticks
        title = {"text": escape.plotly(drawing.z_label), "side": "right"}
        scaled = {"tickvals": places, "ticktext": names, "title": title, "thickness": 14, "outlinewidth": 0}
        common |= {"showscale": True, "colorbar": scaled}
    figure.add_heatmap(
        z=drawing.heights(panel.z),
        zmin=low,
        zmax=high,
        colorscale=scale(drawing),
        customdata=_said(drawing, panel),
        hovertemplate="%{customdata}<extra></extra>",
        **common,
    )
    _add_levels(figure, drawing, panel, look.text)
    for trace in _marks(drawing, panel):
        figure.add_scatter(**trace, hoverinfo="skip", showlegend=False)
    return figure


def _marks(drawing: Tiles, panel: Panel) -> Iterator[dict[str, Any]]:
    """What lies on a panel's cells: the line of a theory, dots, the star of the best cell."""
    if panel.edge is not None:
        x, y = along(drawing, panel.edge)
        yield {"x": x, "y": y, "mode": "lines", "line": {"color": UNDER, "width": 5}}
        yield {"x": x, "y": y, "mode": "lines", "line": {"color": OVER, "width": 2, "dash": "dash"}}
    if panel.dots is not None and panel.dots.any():
        i, j = np.nonzero(panel.dots)
        yield {"x": drawing.a[j], "y": [_row(drawing, int(k)) for k in i]} | {
            "mode": "markers",
            "marker": {"symbol": "circle", "size": 4, "color": OVER},
        }
    if panel.best:
        star = {"symbol": "star", "size": 13, "color": UNDER, "line": {"color": OVER, "width": 1.2}}
        yield {"x": [drawing.a[panel.best[1]]], "y": [_row(drawing, panel.best[0])], "mode": "markers", "marker": star}


def along(drawing: Tiles, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A theory's line [B + 2] from the map's lower side through the centres of its rows to its upper side."""
    ends = edges(drawing.b, drawing.log_b)
    middle = drawing.b if np.isfinite(drawing.b).all() else np.zeros(len(edge))
    return np.concatenate([edge[:1], edge, edge[-1:]]), np.concatenate([ends[:1], middle, ends[-1:]])


def _add_levels(figure: go.Figure, drawing: Tiles, panel: Panel, ink: str) -> None:
    """Contour lines at the drawing's levels, where there are cells on both sides."""
    if min(panel.z.shape) < 2:
        return
    for level in drawing.levels:
        contours = {"type": "constraint", "operation": "=", "value": float(drawing.heights(np.array([level]))[0])}
        figure.add_contour(
            x=drawing.a,
            y=drawing.b,
            z=drawing.heights(panel.z),
            contours=contours,
            line={"color": ink, "width": 1.5},
            showscale=False,
            showlegend=False,
            hoverinfo="skip",
            fillcolor=CLEAR,
        )


def edges(values: np.ndarray, log: bool) -> np.ndarray:
    """[m + 1]: where the cells of m rising values end, half-way to the next, by factors where `log`."""
    if len(values) == 1:
        centre = float(values[0]) if np.isfinite(values[0]) else 0.0
        return np.array([centre / 1.5, centre * 1.5]) if log and centre > 0 else np.array([centre - 0.5, centre + 0.5])
    places = np.log(values) if log else values
    between = (places[1:] + places[:-1]) / 2
    whole = np.concatenate([[2 * places[0] - between[0]], between, [2 * places[-1] - between[-1]]])
    return np.exp(whole) if log else whole


def scale(drawing: Tiles) -> list[list[Any]]:
    """The colour scale as Plotly takes it, bright at the good end or in the middle."""
    stops = colours_of(drawing)
    return [[i / (len(stops) - 1), stop] for i, stop in enumerate(stops)]


def colours_of(drawing: Tiles) -> tuple[str, ...]:
    """The scale's colours, from the low end."""
    return {"high": VIRIDIS, "low": VIRIDIS[::-1], "middle": SIDES}[drawing.bright]


def side_by_side(drawing: Tiles, width: float, foot: float, size: float) -> Figure:
    """All panels in print, in rows of at most three, or of two or four where they are four, with one colour bar."""
    em, count, across = size / 72, lines(drawing, width, size), _across(drawing, width, size)
    tall = foot + count * (ALIKE * across + TOP * em) + below(size) + ((count - 1) * BETWEEN + _key(drawing)) * em
    made = sheet(width, tall, foot)
    tiles_within(made, drawing, size)
    return made.figure


LEFT, RIGHT, TOP, GAP, BETWEEN = 5.5, 7, 2.2, 1.2, 1.8
"""What is left free around panels, between two beside one another and between two rows, in units of the text's size."""


def lines(drawing: Tiles, width: float, size: float) -> int:
    """How many rows the panels stand in."""
    return -(-len(drawing.panels) // _columns(drawing, width, size))


def _columns(drawing: Tiles, width: float, size: float) -> int:
    em, count = size / 72, len(drawing.panels)
    most = max(1, int((width - 6 * em) / (12 * em)))
    return min(count, most, 3) if count != 4 else min(most, 4 if most >= 4 else 2)


def _across(drawing: Tiles, width: float, size: float) -> float:
    """A panel's width in inches."""
    em, columns = size / 72, _columns(drawing, width, size)
    return (width - (LEFT + RIGHT + GAP * (columns - 1)) * em) / columns


def tiles_within(frame: Frame, drawing: Tiles, size: float) -> None:
    """All panels in a frame, in text of `size` points, with one colour bar."""
    em, count, columns = size / 72, len(drawing.panels), _columns(drawing, frame.width, size)
    down, across = lines(drawing, frame.width, size), _across(drawing, frame.width, size)
    _add_key(frame, drawing, size)
    frame = frame._replace(height=frame.height - _key(drawing) * em)
    up = (frame.height - below(size) - (down - 1) * BETWEEN * em) / down - TOP * em
    for nth, panel in enumerate(drawing.panels):
        i, j = divmod(nth, columns)
        floor = below(size) + (down - 1 - i) * (up + (TOP + BETWEEN) * em)
        axes = frame.axes(LEFT * em + j * (across + GAP * em), floor, across, up)
        mesh = _cells(axes, drawing, panel, size)
        for side, (low, high), room in ((axes.xaxis, axes.get_xlim(), across), (axes.yaxis, axes.get_ylim(), up)):
            places = [float(place) for place in side.get_majorticklocs() if low <= place <= high]
            thin(side, places, room, size, side is axes.yaxis)
        axes.set_ylabel(drawing.y_label if j == 0 and len(drawing.b) > 1 else "", fontsize=size)
        axes.set_xlabel(drawing.x_label if nth + columns >= count else "", fontsize=size)
        axes.tick_params(
            labelsize=size, color=LIGHT.axis, labelcolor=LIGHT.text, labelleft=j == 0 and len(drawing.b) > 1
        )
    tall = frame.height - below(size) - TOP * em
    _scale_beside(frame.axes(frame.width - (RIGHT - 1) * em, below(size), 0.9 * em, tall), drawing, mesh, size)


def _key(drawing: Tiles) -> float:
    """What the line takes that says what stars and dashes are, in units of the text's size."""
    return 1.6 if any(panel.edge is not None or panel.best for panel in drawing.panels) else 0.0


def _add_key(frame: Frame, drawing: Tiles, size: float) -> None:
    """That line, at the right above the panels."""
    star = {"color": UNDER, "marker": "*", "markersize": 1.1 * size, "markeredgecolor": OVER, "markeredgewidth": 0.6}
    found = [Line2D([], [], linestyle="none", label="best", **star)] * any(panel.best for panel in drawing.panels)
    if any(panel.edge is not None for panel in drawing.panels):
        found.append(Line2D([], [], color=OVER, linewidth=1, linestyle="--", label=EDGE))
    across, up = frame.figure.get_size_inches()
    place = (frame.left + frame.width) / across, (frame.foot + frame.height) / up
    if found:
        look = {"frameon": False, "fontsize": size, "ncols": 2, "borderaxespad": 0.1, "labelcolor": LIGHT.text}
        names = [str(one.get_label()) for one in found]
        key = Legend(frame.figure, found, names, loc="upper right", bbox_to_anchor=place, **look)
        frame.figure.add_artist(key)


def _scale_beside(axes: Axes, drawing: Tiles, mesh: Any, size: float) -> None:
    """The colour bar, on axes of its own."""
    bar = axes.figure.colorbar(mesh, cax=axes)
    places, names = drawing.ticks
    bar.set_ticks(places, labels=names)
    bar.ax.tick_params(labelsize=size)
    bar.set_label(drawing.z_label, fontsize=size)
    bar.outline.set_visible(False)


def _cells(axes: Axes, drawing: Tiles, panel: Panel, size: float) -> Any:
    x, y = edges(drawing.a, drawing.log_a), edges(drawing.b, drawing.log_b)
    low, high = drawing.range
    axes.pcolormesh(x, y, np.where(panel.lost, 1.0, np.nan), cmap=colours((GONE[0], GONE[0])), rasterized=True)
    stops = colours_of(drawing)
    mesh = axes.pcolormesh(x, y, drawing.heights(panel.z), cmap=colours(stops), vmin=low, vmax=high, rasterized=True)
    if panel.edge is not None:
        axes.plot(*along(drawing, panel.edge), color=UNDER, linewidth=2.4)
        axes.plot(*along(drawing, panel.edge), color=OVER, linewidth=1, linestyle="--")
    if panel.dots is not None and panel.dots.any():
        i, j = np.nonzero(panel.dots)
        axes.plot(drawing.a[j], [_row(drawing, int(k)) for k in i], ".", markersize=0.3 * size, color=OVER)
    if panel.best:
        place = drawing.a[panel.best[1]], _row(drawing, panel.best[0])
        star = {"color": UNDER, "markeredgecolor": OVER, "markeredgewidth": 0.6, "clip_on": False, "zorder": 5}
        axes.plot(*place, "*", markersize=1.1 * size, **star)
    if drawing.levels and min(panel.z.shape) > 1:
        levels = sorted(drawing.heights(np.array(drawing.levels)))
        axes.contour(drawing.a, drawing.b, drawing.heights(panel.z), levels=levels, colors="#111111", linewidths=0.8)
    axes.set_xscale("log" if drawing.log_a else "linear")
    axes.set_yscale("log" if drawing.log_b and len(drawing.b) > 1 else "linear")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    tick(axes.xaxis, x[0], x[-1], drawing.log_a)
    tick(axes.yaxis, y[0], y[-1], drawing.log_b and len(drawing.b) > 1)
    axes.spines[:].set_visible(False)
    axes.set_title(panel.title, loc="left", fontsize=size, color=colour(panel.colour), fontweight="bold", pad=3)
    return mesh


def _row(drawing: Tiles, i: int) -> float:
    return float(drawing.b[i]) if np.isfinite(drawing.b[i]) else 0.0


def _said(drawing: Tiles, panel: Panel) -> np.ndarray:
    """[B, A]: what the pointer is told of each cell."""
    said = np.empty(panel.z.shape, dtype=object)
    for (i, j), value in np.ndenumerate(panel.z):
        lines = [f"{drawing.x_label} {number(float(drawing.a[j]))}"]
        lines += [f"{drawing.y_label} {number(float(drawing.b[i]))}"] if len(drawing.b) > 1 else []
        lines += [f"{drawing.z_label} {number(float(value))}"]  # short lines: a panel may be narrow
        said[i, j] = "<br>".join(map(escape.plotly, lines))
    return said


def _layout(drawing: Tiles, nth: int, dark: bool, height: int) -> dict[str, Any]:
    look, panel = theme(dark), drawing.panels[nth]
    x, y = edges(drawing.a, drawing.log_a), edges(drawing.b, drawing.log_b)
    rows = len(drawing.b) > 1
    title = {"text": escape.plotly(panel.title), "font": {"size": 16, "color": colour(panel.colour, dark)}}
    return {
        "height": height,
        "uirevision": f"{drawing.source} {drawing.name}",
        "margin": {"l": 54 if rows else 16, "r": 6, "t": 34, "b": 46},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": look.text, "size": 13, "family": FONT},
        "title": title | {"x": 0, "xref": "paper", "xanchor": "left", "y": 0.99, "yanchor": "top"},
        "annotations": [_remark(panel, look.axis)],
        "xaxis": _side(drawing.x_label, x, drawing.log_a, axis(look)),
        "yaxis": _side(drawing.y_label, y, drawing.log_b and rows, axis(look)) | {"visible": rows},
        "dragmode": "zoom",
    }


def _remark(panel: Panel, ink: str) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "paper", "x": 1, "y": 1.01, "xanchor": "right", "yanchor": "bottom"}
    return place | {"text": escape.plotly(panel.remark), "showarrow": False, "font": {"size": 12, "color": ink}}


def _side(label: str, ends: np.ndarray, log: bool, plain: dict[str, Any]) -> dict[str, Any]:
    bounds = np.log10(ends[[0, -1]]) if log else ends[[0, -1]]
    places = log_ticks(*bounds, count=4) if log else ticks(*bounds, count=4)
    common = {"title": {"text": escape.plotly(label), "standoff": 6}, "range": bounds.tolist(), "showgrid": False}
    told = {"tickvals": places, "ticktext": [number(place) for place in places]}
    return plain | common | told | ({"type": "log"} if log else {})
