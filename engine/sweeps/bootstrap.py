"""The bootstrap over seeds: draws that keep a seed's runs together, medians of resampled maps, intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
COUNT = 2000
ANY = (-np.inf, np.inf)
FEWEST = 3
"""Seeds below which there is no interval of medians: of two, each is judged by the other alone, in every resample."""
TRIED = 10
"""Seeds for which the width of `spread` was found; fewer say less of how far they vary."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, nominally of 95 % over seeds, NaN where there is none, and what to know about it."""

    value: float
    low: float = np.nan
    high: float = np.nan
    note: str = ""


def draws(seeds: int, count: int = COUNT, generator: int | np.random.SeedSequence = 0) -> np.ndarray:
    """Seeds drawn with replacement, [B, S]: row b is a sweep that might have been, in all its cells."""
    return np.random.default_rng(generator).integers(seeds, size=(count, seeds))


def tallies(drawn: np.ndarray) -> np.ndarray:
    """How often each seed was drawn, [B, S]."""
    return (drawn[:, :, None] == np.arange(drawn.shape[1])).sum(1)


def left_out(seeds: int) -> np.ndarray:
    """The tallies of the jackknife, [S, S]: all seeds but one."""
    return 1 - np.eye(seeds, dtype=int)


def medians(values: np.ndarray, times: np.ndarray, there: np.ndarray | None = None, halfway: bool = True) -> np.ndarray:
    """The median over seeds of every cell, [B, ...], when seed s of `values` [..., S] counts times[b, s] times.

    Of what is not `there` nothing counts; a cell without a run is NaN. Without `halfway` it is the lower of the two in
    the middle. A median is found by counting along each cell's sorted runs: a product of matrices for all resamples.
    """
    cells = values.reshape(-1, values.shape[-1])
    present = np.ones(cells.shape, bool) if there is None else there.reshape(cells.shape)
    cells, seeds = np.where(present, cells, np.inf), cells.shape[1]
    order = np.argsort(cells, axis=1, kind="stable")
    weights = np.take_along_axis(present, order, 1)[:, :, None] * (order[:, :, None] == np.arange(seeds))
    reached = np.cumsum(weights, 1, dtype=np.float32)  # [cells, rank, S]
    times = times.astype(np.float32)
    half = times @ (present.T * np.float32(0.5))
    lower = upper = np.zeros(half.shape, np.int16)
    for rank in range(seeds - 1):
        counted = times @ reached[:, rank].T
        lower = lower + (counted < half)
        upper = upper + (counted <= half) if halfway else lower
    flat, rows = np.take_along_axis(cells, order, 1).ravel(), np.arange(len(cells)) * seeds
    found = (flat[rows + lower] + flat[rows + upper]) / 2 if halfway else flat[rows + lower]
    return np.where(half > 0, found, np.nan).reshape(len(times), *values.shape[:-1])


def weighted_medians(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The median of every row [B, S] when its number s counts times[b, s] times, and not at all if it is NaN; [B]."""
    order = np.argsort(rows, axis=1)
    reached = np.cumsum(np.take_along_axis(times * ~np.isnan(rows), order, 1), 1)
    ordered, runs = np.take_along_axis(rows, order, 1), reached[:, -1:]
    last = rows.shape[1] - 1
    middle = [np.minimum(side.sum(1), last)[:, None] for side in (2 * reached < runs, 2 * reached <= runs)]
    found = (np.take_along_axis(ordered, middle[0], 1) + np.take_along_axis(ordered, middle[1], 1))[:, 0] / 2
    return np.where(runs[:, 0] > 0, found, np.nan)


def spread(
    value: float, resampled: np.ndarray, seeds: int, limits: tuple[float, float] = ANY, note: str = ""
) -> Estimate:
    """The normal interval of a number made of medians and minima: 1.96 times half the resamples' central 68 %.

    Percentiles of the resamples lie on one side of such a number, for a resample has the seeds' noise twice; and a few
    resamples that jump to another cell make their standard deviation several times too large. Of fewer than ten seeds
    it is as much wider as Student's is; of two there is none.
    """
    if seeds < FEWEST or not np.isfinite(resampled).any():
        return Estimate(float(np.clip(value, *limits)), note=_without(seeds, note))
    low, high = np.nanquantile(resampled, stats.norm.cdf([-1, 1]))
    few = max(1.0, _student(seeds) / _student(TRIED))
    return _about(value, float(few * stats.norm.ppf((1 + LEVEL) / 2) * (high - low) / 2), seeds, limits, note)


def _student(seeds: int) -> float:
    """How many standard deviations of a mean of so many Student's interval reaches."""
    return float(stats.t.ppf((1 + LEVEL) / 2, seeds - 1))


def _without(seeds: int, note: str) -> str:
    return "; ".join(filter(None, (note, "two seeds: no interval" if seeds == 2 else "")))


def student(value: float, others: np.ndarray, limits: tuple[float, float] = ANY, note: str = "") -> Estimate:
    """Student's interval of a smooth function of means, by the jackknife; `others` [S] lack a seed each."""
    seeds = len(others)
    error = np.sqrt((seeds - 1) / seeds * ((others - others.mean()) ** 2).sum())
    return _about(value, stats.t.ppf((1 + LEVEL) / 2, max(1, seeds - 1)) * error, seeds, limits, note)


def percentile(value: float, resampled: np.ndarray, seeds: int, note: str = "") -> Estimate:
    """The resamples' central 95 %, of a number that takes few values, such as a column of a grid; of two seeds none."""
    if seeds < FEWEST:
        return Estimate(float(value), note=_without(seeds, note))
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return Estimate(float(value), float(low), float(high), note)


def _about(value: float, width: float, seeds: int, limits: tuple[float, float], note: str) -> Estimate:
    """The value and the interval around it, within the limits of what it can be; one seed has none."""
    low, high = (value - width, value + width) if seeds > 1 else (np.nan, np.nan)
    value, low, high = np.clip([value, low, high], *limits)
    return Estimate(float(value), float(low), float(high), note)
