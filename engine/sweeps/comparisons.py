"""Two rules cell by cell: how far they are apart, and whether that is more than luck."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.stats import false_discovery_control

from engine.sweeps.resamples import Outcomes

EXACT = 13
FLIPS = 4095
RATE = 0.05


@dataclass(frozen=True, eq=False)
class Difference:
    """`change` [Y, X]: the first rule's mean log loss less the second's, negative where the first is better, NaN where
    no seed has both; `p` [Y, X] of no difference, at least `least`; `significant` [Y, X]: at most 5 % of these cells
    are false finds."""

    change: np.ndarray
    p: np.ndarray
    significant: np.ndarray
    least: float = 1.0
    note: str = ""


def difference(one: Outcomes, other: Outcomes) -> Difference:
    """Two rules' maps of the same grid, start and seeds, paired by seed.

    A seed's difference is that of log min(loss, start); under no difference its sign is a coin's, so p is the share of
    all 2^S sign changes whose mean is at least as far from 0 (beyond 13 seeds of 4,095 random ones and the observed),
    and Benjamini and Hochberg's procedure holds the false discovery rate over all cells at 5 %.
    """
    if one.values.shape != other.values.shape or not np.array_equal(one.start, other.start):
        raise ValueError("values: the two rules differ in grid, seeds or start")
    both = one.present & other.present
    apart, runs = np.where(both, one.logs - other.logs, 0.0), both.sum(-1)
    change = np.where(runs > 0, apart.sum(-1) / runs.clip(1), np.nan)
    if one.seeds < 2:
        nothing = np.full(change.shape, np.nan)
        return Difference(
            change, nothing, np.zeros(change.shape, bool), note="one seed: nothing is known of significance"
        )
    sums = apart.reshape(-1, one.seeds) @ signs(one.seeds).T
    far = np.abs(sums) >= np.abs(sums[:, :1]) * (1 - 1e-12)
    p = np.where(runs > 0, far.mean(1).reshape(change.shape), np.nan)
    found = np.zeros(change.shape, bool)
    found[runs > 0] = false_discovery_control(p[runs > 0]) <= RATE if (runs > 0).any() else False
    least = 1 / far.shape[1]
    note = f"{one.seeds} seeds: p is at least {least:.3g}, so nothing can be significant" if least > RATE else ""
    return Difference(change, p, found, least, note)


def signs(seeds: int) -> np.ndarray:
    """Sign changes [F, S], none first; the half of them whose first sign stays, for the other half mirrors it."""
    if seeds <= EXACT:
        return np.array([(1, *rest) for rest in product((1, -1), repeat=seeds - 1)])
    random = np.random.default_rng(0).choice((-1, 1), size=(FLIPS, seeds))
    return np.concatenate([np.ones((1, seeds), int), random])
