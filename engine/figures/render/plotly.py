"""A map with Plotly: as contours, or as a solid that can be turned; light or dark."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from engine.figures import escape
from engine.figures.drawing import Map
from engine.figures.heights import above
from engine.figures.render.layout import layout
from engine.figures.render.paths import dot, named, paths, single
from engine.figures.theme import VIRIDIS, Theme, colour, theme


def contour(drawing: Map, dark: bool = False, height: int = 460) -> go.Figure:
    """The map from above: colours, contour lines, the path; one unit as long across as up."""
    figure = _frame(drawing, theme(dark), height)
    if not drawing.empty:
        _add_contours(figure, drawing, dark)
    paths(figure, drawing, dark)
    return figure


def _add_contours(figure: go.Figure, drawing: Map, dark: bool) -> None:
    low, high = drawing.range
    figure.add_contour(
        **_cells(drawing),
        zmin=low,
        zmax=high,
        contours={
            "coloring": "heatmap",
            "showlines": not drawing.flat,
            "start": low,
            "end": high,
            "size": (high - low) / 16,
        },
        line={"width": 0.7, "color": "rgba(255,255,255,0.45)"},
        colorbar=_bar(drawing, dark),
    )


def scene(drawing: Map, dark: bool = False, height: int = 460) -> go.Figure:
    """The map as a landscape, the path at the loss of its own points: it leaves the ground where the plane does not
    hold it."""
    figure = _frame(drawing, theme(dark), height).update_layout(margin={"l": 0, "r": 0, "b": 60})
    if not drawing.empty:
        low, high = drawing.range
        figure.add_surface(
            **_cells(drawing), cmin=low, cmax=high, colorbar=_bar(drawing, dark), contours={"z": {"show": False}}
        )
        _raise_path(figure, drawing)
        _raise_routes(figure, drawing, dark)
    return figure


def _raise_path(figure: go.Figure, drawing: Map) -> None:
    """The path and its named points over the ground."""
    x, y, z = map(single, above(drawing, drawing.path_a, drawing.path_b, drawing.path_z))
    figure.add_scatter3d(
        x=x,
        y=y,
        z=z,
        mode="lines+markers",
        name="path",
        line={"color": colour("vermilion"), "width": 5},
        marker={"size": 2.5, "color": "#FFFFFF"},
        customdata=drawing.path_steps,
        hovertemplate="step %{customdata}<extra></extra>",
        showlegend=False,
    )
    for label, i, (fill, symbol, size) in named(drawing):
        figure.add_scatter3d(
            x=x[i : i + 1],
            y=y[i : i + 1],
            z=z[i : i + 1],
            mode="markers",
            name=escape.plotly(label),
            hoverinfo="name",
            marker=dot(fill, size / 2) | {"symbol": "circle" if symbol == "circle" else "diamond"},
        )


def _raise_routes(figure: go.Figure, drawing: Map, dark: bool) -> None:
    """Several paths over the ground, each in its colour."""
    for route in drawing.routes:
        x, y, z = map(single, above(drawing, route.a, route.b, route.z))
        figure.add_scatter3d(
            x=x,
            y=y,
            z=z,
            mode="lines+markers",
            name=escape.plotly(route.label),
            line={"color": colour(route.colour, dark), "width": 6, "dash": route.dash},
            marker={"size": 2.5, "color": colour(route.colour, dark)},
            customdata=route.steps,
            hovertemplate=f"{escape.plotly(route.label)}, step %{{customdata}}<extra></extra>",
        )


def _cells(drawing: Map) -> dict[str, Any]:
    hover = "%{x:.4g}, %{y:.4g}: %{customdata:.5g}<extra></extra>"
    return {
        "x": single(drawing.a),
        "y": single(drawing.b),
        "z": single(drawing.shown),
        "customdata": single(drawing.z),
        "hovertemplate": hover,
        "colorscale": scale(),
    }


def scale() -> list[list[Any]]:
    """The colour scale of maps as Plotly takes it: pairs of a share from 0 to 1 and a colour."""
    return [[i / (len(VIRIDIS) - 1), c] for i, c in enumerate(VIRIDIS)]


def _bar(drawing: Map, dark: bool) -> dict[str, Any]:
    """The colour bar, along the foot of the figure, where it takes nothing from the map's width."""
    places, names = drawing.ticks
    return {
        "orientation": "h",
        "title": {"text": escape.plotly(drawing.z_label), "side": "bottom", "font": {"size": 13}},
        "tickvals": places,
        "ticktext": names,
        "thickness": 12,
        "outlinewidth": 0,
        "yref": "container",
        "y": 0,
        "yanchor": "bottom",
        "ypad": 2,
    }


def _frame(drawing: Map, look: Theme, height: int) -> go.Figure:
    """A figure without anything in it, or with the note that says why."""
    # a template would double what is sent
    figure = go.Figure(layout=layout(drawing, look, height)).update_layout(template=None)
    if drawing.empty:
        figure.add_annotation(
            text=escape.plotly(drawing.note), showarrow=False, xref="paper", yref="paper", x=0.5, y=0.5, font_size=15
        )
    return figure
