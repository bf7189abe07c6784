"""Heights: where the points of a path lie over a map's ground."""

from __future__ import annotations

import numpy as np

from engine.figures.drawing import Map

HANGS = "In 3-D a path hangs at the height of its own points."
"""What is to be said wherever a map is seen as a solid."""
TALL = 0.65
"""How high a landscape is, in its width."""


def above(drawing: Map, a: np.ndarray, b: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[T] each: where points of a path are drawn, a little above the ground, which else hides half of it; NaN where
    they lie off the grid."""
    low, high = drawing.range
    places = a, b, drawing.heights(z) + 0.02 * (high - low)
    x, y, height = (np.where(_inside(drawing, a, b), values, np.nan) for values in places)
    return x, y, height


def _inside(drawing: Map, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[T]: which points of a path lie on the grid."""
    across, up = drawing.a, drawing.b
    return (a >= across[0]) & (a <= across[-1]) & (b >= up[0]) & (b <= up[-1])
