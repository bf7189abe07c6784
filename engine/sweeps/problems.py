"""Whether one setting of the knobs serves several problems (Adkins et al. 2024)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.sweeps.bootstrap import Estimate, medians, percentile, spread, weighted_medians
from engine.sweeps.resamples import Outcomes, first_least

Problems = Mapping[str, Mapping[str, Outcomes]]
"""Of each problem each rule's outcomes, all on one grid and with as many seeds."""
ENOUGH = 0.95


def tuning_sensitivity(problems: Problems) -> dict[str, Estimate]:
    """Phi of each rule: what tuning for each problem gains over the one setting that is best for all on average.

    A problem's score of a loss is (p95 - loss) / (p95 - p5), percentiles of all rules' medians in it, so 1 is good.
    Both settings are chosen by all seeds but one and scored by that one, and the median of the seeds' scores counts:
    the best of many noisy cells would flatter itself. So noise can make it negative. Seeds are drawn anew in each
    problem for itself.
    """
    return {rule: _sensitivity(maps, scales) for rule, maps, scales in _strata(problems)}


def dimensionality(problems: Problems, enough: float = ENOUGH) -> dict[str, Estimate]:
    """How many of the two knobs must be tuned for each problem, the others staying at the setting that is best on
    average, to have `enough` of the score that tuning both gives: 0, 1 or 2, of the medians over seeds."""
    found = {}
    for rule, maps, scales in _strata(problems):
        scores = np.stack([_score(one.maps, scale) for one, scale in zip(maps, scales, strict=True)])
        needed = _needed(np.where(np.isnan(scores), -np.inf, scores), enough)
        found[rule] = percentile(needed[0], needed[1:], maps[0].seeds)
    return found


def _strata(problems: Problems) -> Iterator[tuple[str, list[Outcomes], list[tuple[float, float]]]]:
    """Each rule with its maps and the scores' two ends in every problem, the resamples independent of one another."""
    shapes = {one.values.shape for rules in problems.values() for one in rules.values()}
    if len(shapes) != 1 or len({frozenset(rules) for rules in problems.values()}) != 1:
        raise ValueError("problems: they differ in rules, grid or number of seeds")
    scales = [_ends(list(rules.values())) for rules in problems.values()]
    for rule in next(iter(problems.values())):
        yield rule, [replace(rules[rule], generator=k) for k, rules in enumerate(problems.values())], scales


def _ends(rules: Sequence[Outcomes]) -> tuple[float, float]:
    """The 95th and the 5th percentile of all rules' medians in a problem."""
    high, low = np.nanpercentile(np.stack([one.grid for one in rules]), [95, 5])
    return (high, low) if high > low else (np.nan, np.nan)


def _score(losses: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    return (scale[0] - losses) / (scale[0] - scale[1])


def _sensitivity(maps: Sequence[Outcomes], scales: Sequence[tuple[float, float]]) -> Estimate:
    seeds, count = maps[0].seeds, len(maps[0].times)
    tuned, fixed = np.empty((2, len(maps), count, seeds))
    for seed in range(seeds):
        others = np.arange(seeds) != seed if seeds > 1 else np.ones(1, bool)
        grids = [medians(one.settled, one.times * others, one.present, halfway=False) for one in maps]
        scores = np.stack([_score(g, scale).reshape(count, -1) for g, scale in zip(grids, scales, strict=True)])
        common, nothing = first_least(-scores.mean(0)), np.isnan(scores).all(2)
        for k, one in enumerate(maps):
            runs = _score(np.where(one.present, one.settled, np.nan)[..., seed].ravel(), scales[k])
            chosen = runs[first_least(-scores[k])], runs[common]
            tuned[k, :, seed], fixed[k, :, seed] = np.where(nothing.any(0), np.nan, chosen)
    gains = [
        weighted_medians(t, one.times) - weighted_medians(f, one.times)
        for t, f, one in zip(tuned, fixed, maps, strict=True)
    ]
    gain = np.mean(gains, axis=0)
    note = "" if np.isfinite(scales).all() else "in a problem all cells are alike: it has no scale"
    return spread(gain[0], gain[1:], seeds, note=note)


def _needed(scores: np.ndarray, enough: float) -> np.ndarray:
    """Of scores [P, B, Y, X] how many knobs must be tuned, [B]."""
    count, width = scores.shape[1], scores.shape[3]
    average = scores.mean(0).reshape(count, -1)
    row, column = np.divmod(average.argmax(1), width)
    at = np.arange(count)
    line = enough * scores.max((2, 3)).mean(0)
    along = np.maximum(scores[:, at, row].max(-1).mean(0), scores[:, at, :, column].max(-1).mean(1))
    return np.where(average.max(1) >= line, 0, np.where(along >= line, 1, 2))
