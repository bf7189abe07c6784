"""Points: which of a curve's points are drawn, and which of them carry a marker."""

from __future__ import annotations

import numpy as np


def thin(y: np.ndarray, most: int) -> np.ndarray:
    """Which of the points to keep, at most `most` of them: the first, the last, every stretch's lowest and highest,
    and a gap of it."""
    if len(y) <= most:
        return np.arange(len(y))
    finite = np.isfinite(y)
    stretches = max(1, (most - 2) // (2 if finite.all() else 3))
    stretch = np.arange(len(y)) * stretches // len(y)
    good, gaps = np.flatnonzero(finite), np.flatnonzero(~finite)
    rising = good[np.lexsort((y[good], stretch[good]))]  # by stretch, and within one by value
    firsts = [places[np.unique(stretch[places], return_index=True)[1]] for places in (rising, rising[::-1], gaps)]
    return np.unique(np.concatenate([[0, len(y) - 1], *firsts]))


def beads(count: int, most: int = 12) -> np.ndarray:
    """Which of `count` points carry a marker, so that a long curve is not buried under them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)) if count else np.zeros(0, int)
