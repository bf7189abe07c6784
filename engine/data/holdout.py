"""Holdout: which examples are trained on and which are held out, stratified by class."""

from __future__ import annotations

import numpy as np

from engine.data.dataset import random


def parted(y: np.ndarray, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the training and of the held-out examples among classes y [N], both in random order.

    One example in five is held out, of every class as large a share to within one example, and never all of a class:
    an only example is trained on.
    """
    order = random(draw, "own file").permutation(len(y))
    several = order[np.bincount(y)[y[order]] > 1]
    held_out = np.zeros(len(y), bool)
    held_out[several[np.argsort(y[several], kind="stable")][::5]] = True
    return order[~held_out[order]], order[held_out[order]]


def trainable(y: np.ndarray) -> int:
    """How many of the examples with these classes are trained on, whatever the draw."""
    return len(y) - len(range(0, int((np.bincount(y)[y] > 1).sum()), 5))


def leading(places: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """The first `count` of the places; where a class of y is not among them, its first example takes the place of the
    last ones whose classes have another. `count` is at least the number of classes."""
    first = np.zeros(y.max() + 1, int)
    first[y[places][::-1]] = np.arange(len(places))[::-1]  # the last one assigned stays
    used = np.zeros(len(places), bool)
    used[first] = True
    used[np.flatnonzero(~used)[: count - len(first)]] = True
    return places[used]
