"""What lies on a map from above, with Plotly: paths, as far as the plane holds them, their named points, landmarks, and
words."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from engine.figures import escape
from engine.figures.drawing import Map
from engine.figures.fading import LEAST, oscillates, pieces, strength
from engine.figures.onmap import Route
from engine.figures.render.layout import CLEAR
from engine.figures.tags import tags
from engine.figures.theme import LANDMARKS, STATIONS, colour, theme

SHAPES = {"circle": "circle", "square": "square", "triangle": "triangle-up", "diamond": "diamond", "cross": "cross"}
SHAPES |= {"down": "triangle-down"}


def paths(figure: go.Figure, drawing: Map, dark: bool) -> None:
    """Adds all that lies on a map; routes on a plane of which no cell is computed, too."""
    if not drawing.empty:
        _add_landmarks(figure, drawing)
        _add_path(figure, drawing)
        _add_stations(figure, drawing)
    if not drawing.empty or drawing.bare:
        _add_routes(figure, drawing, dark)
        _add_tags(figure, drawing, dark)
        _add_doubts(figure, drawing, dark)


def _add_path(figure: go.Figure, drawing: Map) -> None:
    """The path from above, white on a dark rim."""
    opacity = _faded(figure, drawing, "#111111", {"color": "#FFFFFF", "width": 2}, 4.5)
    figure.add_scatter(
        x=single(drawing.path_a),
        y=single(drawing.path_b),
        mode="lines+markers" if opacity is None else "markers",
        name="path",
        line={"color": "#FFFFFF", "width": 2},
        marker=dot("#FFFFFF", 5) | ({} if opacity is None else {"opacity": opacity}),
        showlegend=False,
        customdata=drawing.path_steps,
        hovertemplate="step %{customdata}<extra></extra>",
    )


def _faded(figure: go.Figure, path: Map | Route, rim: str, line: dict[str, Any], wide: float) -> np.ndarray | None:
    """The rim of a path, `wide` pixels, and its lines where parts of it are faint; their points' opacity [T] then, None
    where the path is strong everywhere and its line is still to be drawn."""
    a, b = (path.path_a, path.path_b) if isinstance(path, Map) else (path.a, path.b)
    opacity = strength(a, b, path.held)
    plain = bool((opacity == 1).all()) and path.explained >= LEAST
    thin = 0.5 if oscillates(a, b) else 1.0
    for level, x, y in pieces(a, b, opacity) if path.explained >= LEAST else []:
        looks = [{"color": rim, "width": thin * wide}] + ([] if plain else [line | {"width": thin * line["width"]}])
        for look in looks:
            more = {"line": look, "opacity": level, "hoverinfo": "skip", "showlegend": False}
            figure.add_scatter(x=single(x), y=single(y), mode="lines", **more)
    return None if plain else opacity


def _add_stations(figure: go.Figure, drawing: Map) -> None:
    """The path's named points from above."""
    x, y = single(drawing.path_a), single(drawing.path_b)
    for label, i, (fill, symbol, size) in named(drawing):
        marker = dot(fill, size) | {"symbol": symbol}
        figure.add_scatter(
            x=x[i : i + 1], y=y[i : i + 1], mode="markers", name=escape.plotly(label), marker=marker, hoverinfo="name"
        )


def _add_routes(figure: go.Figure, drawing: Map, dark: bool) -> None:
    """Several paths from above: each in its colour on a dark rim, its end marked and named in the legend."""
    for route in drawing.routes:
        x, y, fill = single(route.a), single(route.b), colour(route.colour, dark)
        line = {"color": fill, "width": 2.5, "dash": route.dash}
        opacity = _faded(figure, route, "#FFFFFF", line, 5)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers" if opacity is None else "markers",
            name=escape.plotly(route.label),
            line=line,
            marker=dot(fill, 4) | {"line": {"width": 0}} | ({} if opacity is None else {"opacity": opacity}),
            showlegend=False,
            customdata=route.steps,
            hovertemplate=f"{escape.plotly(route.label)}, step %{{customdata}}<extra></extra>",
        )
        pale = theme(dark).axis if drawing.bare else "#FFFFFF"
        ring = {"color": CLEAR, "size": 9, "line": {"color": pale, "width": 2}}
        figure.add_scatter(x=x[:1], y=y[:1], mode="markers", marker=ring, hoverinfo="skip", showlegend=False)
        figure.add_scatter(
            x=x[-1:],
            y=y[-1:],
            mode="markers",
            name=escape.plotly(route.label),
            marker=dot(fill, 12) | {"symbol": SHAPES[route.marker]},
            hoverinfo="name",
            showlegend=not route.tag,
        )


def _add_landmarks(figure: go.Figure, drawing: Map) -> None:
    """Minima and saddles, each kind named once; valleys dotted, and named by the caption."""
    known: set[str] = set()
    for landmark in drawing.landmarks:
        fill, symbol, size = LANDMARKS[landmark.role]
        figure.add_scatter(
            x=single(landmark.a),
            y=single(landmark.b),
            mode="lines" if landmark.valley else "markers",
            name=escape.plotly(f"{landmark.role}, known"),
            legendgroup=landmark.role,
            showlegend=not landmark.valley and landmark.role not in known,
            line={"color": fill, "width": 1.5, "dash": "dot"},
            marker=dot(fill, size) | {"symbol": SHAPES[symbol]},
            hoverinfo="name",
        )
        known |= set() if landmark.valley else {landmark.role}


def _add_tags(figure: go.Figure, drawing: Map, dark: bool) -> None:
    """The words beside the ends of routes, on paper of their own so that they can be read on any colour."""
    look = theme(dark)
    for route, a, b, left in tags(drawing):
        figure.add_annotation(
            x=a,
            y=b,
            text=escape.plotly(route.tag),
            showarrow=False,
            xanchor="right" if left else "left",
            xshift=-11 if left else 11,
            font={"color": look.text, "size": 13},
            bgcolor=look.paper,
            opacity=0.88,
            bordercolor=colour(route.colour, dark),
            borderwidth=1.5,
            borderpad=2,
        )


def _add_doubts(figure: go.Figure, drawing: Map, dark: bool) -> None:
    """What the plane does not hold, in the lower left corner, a line each."""
    look = theme(dark)
    for nth, said in enumerate(drawing.doubts):
        figure.add_annotation(
            text=escape.plotly(said),
            x=0,
            y=0,
            yshift=20 * nth,
            xref="x domain",
            yref="y domain",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            align="left",
            font={"color": look.text, "size": 12},
            bgcolor=look.paper,
            opacity=0.9,
            borderpad=3,
        )


def named(drawing: Map) -> list[tuple[str, int, tuple[str, str, int]]]:
    """(its label, its row, its colour, symbol and size) of each named point of the path."""
    return [(station.label, station.point, STATIONS[station.role]) for station in drawing.stations]


def dot(fill: str, size: float) -> dict[str, Any]:
    """A point with a dark rim, `size` pixels."""
    return {"color": fill, "size": size, "line": {"color": "#111111", "width": 1}}


def single(values: np.ndarray) -> np.ndarray:
    """Values in single precision, which halves what is sent."""
    return np.asarray(values, np.float32)
