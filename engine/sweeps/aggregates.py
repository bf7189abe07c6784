"""Scores of several problems, lower is better, with the bootstrap stratified by problem (Agarwal et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from engine.sweeps.bootstrap import COUNT, LEVEL, Estimate, draws

Scores = Mapping[str, np.ndarray]
"""Of each problem a rule's scores over seeds, [S]; on one scale, such as a loss as a share of its start's."""


def interquartile_mean(scores: Scores, count: int = COUNT) -> Estimate:
    """The mean of the middle half of all problems' scores together; of n, floor(n / 4) at each end do not count."""
    return _interval(_middle(_pooled(scores)), _middle(_pooled(resampled(scores, count))), scores)


def probability_of_improvement(one: Scores, other: Scores, count: int = COUNT) -> Estimate:
    """The probability that a run of the first rule has the lower score than one of the second, a tie being half of it,
    averaged over problems. Seeds are drawn in pairs where both have as many."""
    if one.keys() != other.keys():
        raise ValueError("scores: the two rules differ in problems")
    drawn = resampled(one, count), resampled(other, count)
    value, again = (np.mean([_wins(a[name], b[name]) for name in one], axis=0) for a, b in ((one, other), drawn))
    return _interval(value, again, one, (0, 1))


def performance_profile(scores: Scores, thresholds: np.ndarray, count: int = COUNT) -> list[Estimate]:
    """The share of runs whose score is at most each of the thresholds: the score distribution, pointwise."""
    value, again = ((_pooled(s)[..., None] <= thresholds).mean(-2) for s in (scores, resampled(scores, count)))
    return [_interval(value[k], again[:, k], scores, (0, 1)) for k in range(len(thresholds))]


def resampled(scores: Scores, count: int = COUNT, generator: int = 0) -> dict[str, np.ndarray]:
    """The scores [B, S] of seeds drawn anew, in each problem for itself."""
    seeds = np.random.SeedSequence(generator).spawn(len(scores))
    streams = zip(scores.items(), seeds, strict=True)
    return {name: _finite(runs)[draws(len(runs), count, seed)] for (name, runs), seed in streams}


def _finite(runs: np.ndarray) -> np.ndarray:
    """NaN is the worst."""
    return np.where(np.isnan(runs), np.inf, runs)


def _pooled(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([_finite(runs) for runs in scores.values()], axis=-1)


def _middle(pooled: np.ndarray) -> np.ndarray:
    cut = pooled.shape[-1] // 4
    return np.sort(pooled, axis=-1)[..., cut : pooled.shape[-1] - cut].mean(-1)


def _wins(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    ours, theirs = _finite(one)[..., :, None], _finite(other)[..., None, :]
    return ((ours < theirs) + 0.5 * (ours == theirs)).mean((-2, -1))


def _interval(
    value: np.ndarray, again: np.ndarray, scores: Scores, limits: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate:
    """Percentiles that are as wide as Student's interval is: a resample of n has (n - 1) / n of the variance, and n
    seeds say as little of it as n - 1 degrees of freedom (Hesterberg 2015)."""
    seeds = min(len(runs) for runs in scores.values())
    if seeds < 2:
        return Estimate(float(value), note="one seed: no interval")
    freedom = sum(len(runs) - 1 for runs in scores.values())
    tail = stats.norm.cdf(-np.sqrt(seeds / (seeds - 1)) * stats.t.ppf((1 + LEVEL) / 2, freedom))
    low, high = np.clip(np.quantile(again, [tail, 1 - tail], method="inverted_cdf"), *limits)
    return Estimate(float(value), float(low), float(high))
