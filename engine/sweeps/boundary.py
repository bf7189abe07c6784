"""The boundary of trainability on a map: which side of it a run is on, how far by rank, and the dimension of the edge
by counting boxes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from engine.records import Design, Sweep
from engine.sweeps.bootstrap import LEVEL, Estimate

ENDED, DIVERGED = 1.0, 2.0
"""States of runs that have come to an end: of all their steps, or of the finite numbers."""
LEAST, PART = 32, 3
"""Cells each way that a map must have, and how many of the largest boxes lie side by side in it."""


def trained(sweep: Sweep | Design) -> np.ndarray:
    """[R, Y, X, S], or [R, N, S], of True where a run has ended with a finite training loss below its start's."""
    loss, start = sweep.outcomes["train_loss"], sweep.curves["train_loss"][..., 0]
    return (sweep.outcomes["state"] == ENDED) & np.isfinite(loss) & (loss < start)


def ranks(sweep: Sweep | Design) -> np.ndarray:
    """[R, Y, X, S]: where a run stands among all runs of a sweep on its side of the edge, which is 0; from -1, trained
    fastest, to 1, diverged first; NaN where there is no outcome, or no positive loss at the start.

    With l(t) the training loss at look t, trained runs are ordered by mean_t l(t) / l(0), the least first; others by
    sum_{t > 0} l(0) / l(t), the largest first, to which a loss that is not finite adds nothing (Sohl-Dickstein 2024,
    arXiv 2402.06184, there of every step). Equal ones share the mean of their ranks.
    """
    curve = sweep.curves["train_loss"].astype(float)
    start, good = curve[..., :1], trained(sweep)
    there = np.isin(sweep.outcomes["state"], (ENDED, DIVERGED)) & (start[..., 0] > 0)
    share = np.where(start > 0, curve, np.nan) / np.where(start > 0, start, 1.0)
    slow = np.nanmean(np.where(good[..., None], share, 0.0), axis=-1)
    lasting = np.where(np.isfinite(share) & (share > 0), share, np.inf)[..., 1:]
    found = np.full(good.shape, np.nan)
    found[there & good] = _placed(slow[there & good]) - 1
    found[there & ~good] = _placed(-(1 / lasting).sum(axis=-1)[there & ~good])
    return found


def _placed(values: np.ndarray) -> np.ndarray:
    """The rank of every number among n, from 1 / 2n for the least to 1 - 1 / 2n."""
    return (stats.rankdata(values) - 0.5) / max(len(values), 1)


def edge(beyond: np.ndarray) -> np.ndarray:
    """[Y - 1, X - 1] of True where four cells meet of which some are beyond the edge [Y, X] and some are not."""
    corners = np.stack([beyond[:-1, :-1], beyond[:-1, 1:], beyond[1:, :-1], beyond[1:, 1:]])
    return np.any(corners, axis=0) & np.any(~corners, axis=0)


class Boundary(NamedTuple):
    """What there is of one rule's boundary: its boxes, or why there are none."""

    boxes: Boxes | None
    why: str = ""


class Boxes(NamedTuple):
    """How many boxes of each size it takes to cover an edge, and the line through their logarithms."""

    sizes: np.ndarray  # [K] cells
    counts: np.ndarray  # [K]
    dimension: Estimate  # the line's slope, turned round
    at_one: float  # the line's count at one cell


def boxes(beyond: np.ndarray) -> Boxes:
    """The box-counting dimension of the edge of what is beyond it, bool [Y, X].

    ValueError where the map is too small, or has no edge.
    """
    if min(beyond.shape) < LEAST:
        raise ValueError(f"boundary: {LEAST} cells each way are needed, got {beyond.shape[0]} by {beyond.shape[1]}")
    places = edge(beyond)
    if not places.any():
        raise ValueError("boundary: all cells are on one side of it")
    sizes = _sizes(min(places.shape))
    counts = np.array([_cover(places, size) for size in sizes])
    slope, at_one, error = _line(np.log(sizes), np.log(counts))
    width = float(stats.t.ppf((1 + LEVEL) / 2, len(sizes) - 2)) * error
    value, low, high = np.clip([-slope, -slope - width, -slope + width], 0, 2).tolist()
    return Boxes(sizes, counts, Estimate(value, low, high), math.exp(at_one))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """The least-squares line through points: its slope, its value at 0, and the slope's standard error."""
    apart = x - x.mean()
    slope = float(apart @ y / (apart @ apart))
    at_zero = float(y.mean() - slope * x.mean())
    left = y - at_zero - slope * x
    return slope, at_zero, math.sqrt(float(left @ left) / (len(x) - 2) / float(apart @ apart))


def dimension(beyond: np.ndarray) -> Estimate:
    """The box-counting dimension alone, see `boxes`; the interval is Student's of the slope: how far the counts are
    from a power law over these sizes of boxes."""
    return boxes(beyond).dimension


def boundaries(sweep: Sweep) -> list[Boundary]:
    """Of every rule of a sweep, with the median over seeds of the runs' ranks saying on which side a cell is."""
    found = []
    for of_rule in ranks(sweep):
        missing = int(np.isnan(of_rule).all(axis=-1).sum())
        if missing:
            found.append(Boundary(None, f"boundary: {missing:,} cells have no outcome"))
            continue
        try:
            found.append(Boundary(boxes(np.nanmedian(of_rule, axis=-1) > 0)))
        except ValueError as error:
            found.append(Boundary(None, str(error)))
    return found


def _sizes(side: int) -> np.ndarray:
    """Of boxes, in places: powers of two, as long as PART of them lie side by side."""
    return 2 ** np.arange(1, int(np.log2(side / PART)) + 1)


def _cover(places: np.ndarray, size: int) -> int:
    """The fewest boxes [size, size] of a grid that hold all places, over all offsets of the grid."""
    height, width = places.shape
    down, across = np.nonzero(places)
    columns = (width + size - 2) // size + 1
    found = height * width
    for i in range(size):
        for j in range(size):
            named = (down + i) // size * columns + (across + j) // size
            found = min(found, len(np.unique(named)))
    return found
