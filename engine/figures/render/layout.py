"""How Plotly's figures are laid out: margins, axes and walls in a theme's colours."""

from __future__ import annotations

from typing import Any

from engine.figures import escape
from engine.figures.drawing import Map
from engine.figures.heights import TALL
from engine.figures.theme import Theme

CLEAR = "rgba(0,0,0,0)"


def axis(look: Theme) -> dict[str, Any]:
    """An axis in a plane."""
    return {
        "gridcolor": look.grid,
        "linecolor": look.axis,
        "zeroline": False,
        "tickcolor": look.axis,
        "ticks": "outside",
        **POWERS,
    }


POWERS = {"exponentformat": "power", "minexponent": 5}
"""Large numbers by powers of ten, and not as 1.5B."""
FONT = "Source Sans, sans-serif"
"""The page's own."""
BELOW = 104
"""Pixels below a map: its axis, its name, and the colour bar."""


def layout(drawing: Map, look: Theme, height: int) -> dict[str, Any]:
    """Of a map from above and of its landscape, `height` pixels high."""
    return {
        "height": height,
        "uirevision": f"{drawing.source} {drawing.name}",
        "margin": {"l": 56, "r": 8, "t": 34, "b": BELOW},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": look.text, "size": 13, "family": FONT},
        "legend": {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0, "bgcolor": CLEAR},
        **_axes(drawing, look),
        "scene": _walls(drawing, look)
        | {
            "aspectmode": "manual",
            "aspectratio": {"x": 1, "y": 1, "z": TALL},
            # a little to the right, for at the left stand the heights and their name
            "camera": {"eye": {"x": 1.4, "y": -1.6, "z": 1.5}, "center": {"x": -0.085, "y": -0.085, "z": -0.13}},
        },
    }


def _axes(drawing: Map, look: Theme) -> dict[str, Any]:
    """Of the map from above."""
    flat = axis(look) | {"constrain": "domain", "visible": not drawing.empty or drawing.bare}
    across, up = _sides(drawing)
    equal = {"scaleanchor": "x", "scaleratio": 1} if drawing.equal else {}
    return {
        "xaxis": flat | {"title": _title(drawing.x_label), "range": across},
        "yaxis": flat | {"title": _title(drawing.y_label), "range": up, "constraintoward": "top"} | equal,
    }


def _walls(drawing: Map, look: Theme) -> dict[str, Any]:
    """The axes of the landscape."""
    wall = {
        "tickfont": {"size": 10},
        "backgroundcolor": CLEAR,
        "gridcolor": look.grid,
        "zerolinecolor": look.grid,
        "color": look.text,
        **POWERS,
    }
    across, up = _sides(drawing)
    low, high = drawing.range if not drawing.empty else (0.0, 1.0)
    places, names = drawing.ticks if not drawing.empty else ([], [])
    rim = 0.05 * (high - low)
    heights = {"range": [low - rim, high + rim], "tickvals": places, "ticktext": names}
    return {
        "xaxis": wall | {"title": _title(short(drawing.x_label), 11), "range": across},
        "yaxis": wall | {"title": _title(short(drawing.y_label), 11), "range": up},
        "zaxis": wall | {"title": _title(short(drawing.z_label), 11)} | heights,
    }


def _sides(drawing: Map) -> tuple[list[float], list[float]]:
    """The ends of both axes."""
    across, up = drawing.ends if drawing.z.size else ((-1, 1), (-1, 1))
    return [*across], [*up]


def short(label: str) -> str:
    """Without the unit, for which a scene has no room; its colour bar has."""
    return label.partition(" (")[0].partition(",")[0]


def _title(label: str, size: int = 13) -> dict[str, Any]:
    """A name in a size for which a narrow plot has room, too."""
    return {"text": escape.plotly(label), "font": {"size": size}}
