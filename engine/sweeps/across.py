"""Across problems: how good a sweep's rules are when tuned, and what that is worth, over several sweeps of one grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.records import Sweep
from engine.sweeps.aggregates import interquartile_mean, performance_profile, probability_of_improvement
from engine.sweeps.bootstrap import Estimate
from engine.sweeps.problems import dimensionality, tuning_sensitivity
from engine.sweeps.resamples import Outcomes, tuned
from engine.sweeps.summary import outcomes, started

SEVERAL = Estimate(float("nan"), note="needs sweeps of two problems")
THRESHOLDS = np.geomspace(0.01, 1.0, 25)
"""Losses, as shares of the start's, at which a profile is taken."""


@dataclass(frozen=True)
class Standing:
    """What is said of one rule over several problems; its score in a problem is what a seed's run has in the cell that
    the other seeds have chosen, as a share of the loss at the start."""

    middle: Estimate  # interquartile mean of the scores
    better: Estimate  # probability that a run is better than one of the first rule
    phi: Estimate
    knobs: Estimate  # how many of them must be tuned
    profile: list[Estimate]  # share of runs at or below each of THRESHOLDS


def standings(sweeps: Mapping[str, Sweep], loss: str) -> list[Standing]:
    """Of every rule, over sweeps by the names of their problems that have rules, grid and seeds in common, by their
    "test_loss" or "train_loss"; none before each of them has a run from every seed's start."""
    if not all(started(sweep, loss) for sweep in sweeps.values()):
        return []
    count = len(next(iter(sweeps.values())).outcomes[loss])
    maps = {name: {str(r): outcomes(sweep, loss, r) for r in range(count)} for name, sweep in sweeps.items()}
    scores = [{name: _scores(rules[str(r)]) for name, rules in maps.items()} for r in range(count)]
    several = len(maps) > 1
    phi = tuning_sensitivity(maps) if several else {}
    knobs = dimensionality(maps) if several else {}
    return [
        Standing(
            middle=interquartile_mean(scores[r]),
            better=probability_of_improvement(scores[r], scores[0]),
            phi=phi.get(str(r), SEVERAL),
            knobs=knobs.get(str(r), SEVERAL),
            profile=performance_profile(scores[r], THRESHOLDS),
        )
        for r in range(count)
    ]


def _scores(rule: Outcomes) -> np.ndarray:
    """[S]: each seed's loss where the others have tuned the rule, as a share of its start's."""
    return tuned([rule])[0] / rule.start


def alike(one: Mapping, other: Mapping) -> bool:
    """Whether two sweeps, encoded with all their fields, have rules, grid, seeds and steps in common, and so may differ
    in their problem."""
    grid = ("x", "y", "rules", "seeds")
    return all(one[name] == other[name] for name in grid) and one["run"]["steps"] == other["run"]["steps"]
