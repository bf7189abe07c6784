"""Landmarks of toy landscapes: what is known to lie where on a map whose coordinates are the landscape's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.figures.onmap import Landmark
from engine.figures.words import Spec

OWN = "coordinate"
"""The unit of a plane along a landscape's own coordinates."""
Known = list[tuple[str, list[tuple[float, float]]]]
"""Of each landmark whether it is a minimum or a saddle, and its point or the ends of its valley."""
INFINITE = float("inf")


def origin(spec: Spec, unit: str, path_a: np.ndarray, path_b: np.ndarray) -> tuple[float, float]:
    """The landscape's own coordinates of a plane's origin, from a path [T] that begins where its problem does; (0, 0)
    for a plane along other axes."""
    begin = spec["problem"].get("begin", ())
    if unit != OWN or len(begin) < 2 or not len(path_a) or not np.isfinite(path_a[0] + path_b[0]):
        return 0.0, 0.0
    return begin[0] - float(path_a[0]), begin[1] - float(path_b[0])


def marked(spec: Spec, unit: str, a: np.ndarray, b: np.ndarray) -> tuple[Landmark, ...]:
    """What is known of a run's landscape and lies on a map of it with the coordinates a [A] and b [B], its own."""
    if unit != OWN or not len(a) or not len(b):
        return ()
    found = []
    for role, points in known(spec["problem"]):
        x, y = (
            np.where(np.isinf(places), np.clip(places, axis[0], axis[-1]), places)
            for places, axis in zip(np.array(points).T, (a, b), strict=True)
        )
        if a[0] <= x.min() and x.max() <= a[-1] and b[0] <= y.min() and y.max() <= b[-1]:
            found.append(Landmark(role, x, y))
    return tuple(found)


def told(landmarks: Sequence[Landmark]) -> str:
    """A sentence on what the legend does not name; "" where it names all."""
    return " The dotted line is a valley of minima." if any(landmark.valley for landmark in landmarks) else ""


def known(problem: Mapping[str, Any]) -> Known:
    """The minima and saddles of a landscape of two coordinates; none of another, of which a map is a cut."""
    if len(problem.get("begin", ())) != 2:
        return []
    if problem["name"] == "Quadratic":
        low, high = sorted(problem["eigenvalues"])
        return [("minimum", [(0.0, 0.0)])] if low > 0 else [("saddle", [(0.0, 0.0)])] if low < 0 < high else []
    return KNOWN.get(problem["name"], [])


KNOWN: Mapping[str, Known] = {
    "Product": [
        ("minimum", [(0.0, -INFINITE), (0.0, INFINITE)]),
        ("minimum", [(-INFINITE, 0.0), (INFINITE, 0.0)]),
    ],
    "Saddle": [("saddle", [(0.0, 0.0)]), ("minimum", [(0.0, -1.0)]), ("minimum", [(0.0, 1.0)])],
    "Beale": [("saddle", [(0.0, 1.0)]), ("minimum", [(3.0, 0.5)])],
}
"""By the landscape's name, as its formula has them."""
