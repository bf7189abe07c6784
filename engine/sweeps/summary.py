"""Summaries: the numbers of a sweep's rules side by side, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.records import Sweep
from engine.sweeps.bootstrap import Estimate
from engine.sweeps.comparisons import Difference, difference
from engine.sweeps.maps import best_cell, importance, rate_sensitivity, share_within, stable_rate
from engine.sweeps.resamples import Outcomes

WITHIN = 0.5
"""How far above the best, as a share of it, a cell may be to count among the good ones."""
RESAMPLES = 500
"""Of the seeds: as many as those with which the intervals were found to hold what they say (`benchmarks.coverage`)."""
NOT_HERE = Estimate(float("nan"), note="needs the learning rate across")


@dataclass(frozen=True)
class Summary:
    """What is said of one rule."""

    best: Estimate
    share: Estimate
    stable: Estimate
    sensitivity: Estimate
    importance: dict[str, Estimate]


def summaries(sweep: Sweep, loss: str, rated: bool) -> list[Summary]:
    """Of every rule of a sweep, by its "test_loss" or "train_loss"; `rated` says that the columns are learning rates.
    None before every rule has a run from every seed's start."""
    if not started(sweep, loss):
        return []
    rules = [outcomes(sweep, loss, r) for r in range(len(sweep.outcomes[loss]))]
    made = []
    for rule in rules:
        rivals = [other for other in rules if other is not rule]
        made.append(
            Summary(
                best=best_cell(rule).loss,
                share=share_within(rule, WITHIN, rivals),
                stable=stable_rate(rule, sweep.columns).rate if rated else NOT_HERE,
                sensitivity=rate_sensitivity(rule, sweep.columns) if rated else NOT_HERE,
                importance=importance(rule),
            )
        )
    return made


def contrasts(sweep: Sweep, loss: str, against: int) -> list[Difference]:
    """Each rule of a sweep less one of them, by its "test_loss" or "train_loss"; none before there is a run of every
    rule from every seed's start."""
    if not started(sweep, loss):
        return []
    other = outcomes(sweep, loss, against)
    return [difference(outcomes(sweep, loss, r), other) for r in range(len(sweep.outcomes[loss]))]


def started(sweep: Sweep, loss: str) -> bool:
    """Whether every rule has a run from every seed's start."""
    return bool(np.isfinite(sweep.curves[loss][..., 0]).any(axis=(1, 2)).all())


def outcomes(sweep: Sweep, loss: str, rule: int) -> Outcomes:
    """A rule's losses in every cell and seed, and those at the seeds' starts, which all rules have in common."""
    starts = sweep.curves[loss][..., 0].astype(float)
    return Outcomes(
        sweep.outcomes[loss][rule].astype(float),
        np.nanmedian(starts.reshape(-1, starts.shape[-1]), axis=0),
        sweep.outcomes["state"][rule] > 0,
        count=RESAMPLES,
    )
