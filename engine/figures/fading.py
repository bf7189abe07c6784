"""Fading: how strongly each part of a path is drawn on a plane that does not hold all of it."""

from __future__ import annotations

import numpy as np

LEVELS = (1.0, 0.6, 0.35, 0.2)
"""The opacities of a path's parts."""
HALF, LEAST = 0.5, 0.05
"""Shares of a path that its plane holds: below the first the picture says so, below the second no line is drawn."""
LONG, TURNS = 20, 0.6
"""Steps from which a path that turns back at so large a share of them is an oscillation."""


def oscillates(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a path through a, b [T] goes to and fro, as SAM does on its 2-cycle."""
    steps = np.diff(np.stack([a, b]), axis=1)
    turned = (steps[:, 1:] * steps[:, :-1]).sum(axis=0)
    return len(turned) >= LONG and float((turned < 0).mean()) > TURNS


def held(residual: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """[T]: 1 where a path lies in its plane, 0 where it is as far off it as its furthest point is from the plane's
    origin, between them by the square; of `residual` [T] from the plane and `distance` [T] from the origin."""
    furthest = float(np.max(distance, initial=0.0, where=np.isfinite(distance)))
    return 1 - (residual / furthest) ** 2 if furthest else np.ones(len(residual))


def strength(a: np.ndarray, b: np.ndarray, held: np.ndarray | None) -> np.ndarray:
    """[T]: the opacity of each point of a path through a, b [T], of LEVELS: as far as the plane holds it, and of an
    oscillation by its age, too."""
    wanted = np.ones(len(a)) if held is None else np.clip(np.nan_to_num(held, nan=1.0), 0.0, 1.0)
    if oscillates(a, b):
        wanted = wanted * np.linspace(0.35**0.5, 1.0, len(a)) ** 2
    levels = np.array(LEVELS)
    return levels[np.abs(wanted[:, None] - levels).argmin(axis=1)]


def pieces(a: np.ndarray, b: np.ndarray, opacity: np.ndarray) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """(opacity, a, b): a path as lines of one opacity each, with NaN where another goes on; the faintest first. A part
    between two points is as faint as the fainter of them."""
    parts = np.minimum(opacity[1:], opacity[:-1])
    if len({*parts.tolist()}) < 2:
        return [(float(opacity.min(initial=1.0)), a, b)]
    found = []
    for level in sorted({*parts.tolist()}):
        ours = np.flatnonzero(parts == level)
        # from each point to the next, and a gap
        corners = np.stack([ours, ours + 1, np.full(len(ours), -1)], axis=1).ravel()
        lines = [np.where(corners < 0, np.nan, values[corners]) for values in (a, b)]
        found.append((level, *lines))
    return found


def doubt(name: str, explained: float) -> str:
    """What is written on a picture whose plane holds less than half of a path."""
    return f"The plane holds {100 * explained:.2g}% of {name}" if explained < HALF else ""
