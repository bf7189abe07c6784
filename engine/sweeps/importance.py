"""Importance of a design's knobs: what the best of its points have in common. By Optuna, where that is installed."""

from __future__ import annotations

import numpy as np

from engine.records import Design
from engine.sweeps.bootstrap import Estimate, spread
from engine.sweeps.design import DesignSpec
from engine.sweeps.search import library, ranks, study

TOP = 0.1
"""The share of a rule's points that are its best."""
FEWEST = 50
"""Points below which the best are fewer than five, which say nothing."""
HALVES = 20


def importances(spec: DesignSpec, record: Design) -> list[dict[str, Estimate]]:
    """How important each knob is for a point to be among the best tenth, for every rule: shares that sum to 1.

    PED-ANOVA (Watanabe, Bansal & Hutter 2023, arXiv 2304.10255): how far the distribution of a knob's values at the
    best points is from that at all points, by Pearson's divergence of Parzen estimates. What points are best is as
    `ranks` has it. It says nothing of knobs that act only together. The interval, nominally of 95 %, is over points: by
    the spread of the same number of 20 random halves of them. SpecError where Optuna is missing.
    """
    found = []
    for r in range(spec.shape[0]):
        there = (record.outcomes["state"][r] > 0).all(1)
        outcomes = {name: values[r, there] for name, values in record.outcomes.items()}
        ranked = ranks(outcomes, "best") if there.any() else np.zeros(0)
        found.append(importance(spec, r, record.values[r, there], ranked))
    return found


def importance(spec: DesignSpec, rule: int, values: np.ndarray, ranked: np.ndarray) -> dict[str, Estimate]:
    """The same of one rule's points [N, K], whose ranks [N] are lower the better."""
    names = [knob for knob, there in zip(spec.knobs, spec.has[rule], strict=True) if there]
    count = len(values)
    if count < FEWEST:
        return dict.fromkeys(names, Estimate(np.nan, note=f"needs {FEWEST} points"))
    if np.ptp(ranked) == 0:
        return dict.fromkeys(names, Estimate(np.nan, note="all points are alike"))
    library("importance")
    whole = _shares(spec, rule, values, ranked)
    random = np.random.default_rng(0)
    draws = (random.permutation(count)[: count // 2] for _ in range(HALVES))
    halves = np.stack([_shares(spec, rule, values[half], ranked[half]) for half in draws])
    return {name: spread(whole[k], halves[:, k], count, (0, 1)) for k, name in enumerate(names)}


def _shares(spec: DesignSpec, rule: int, values: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """[K']: the importance of each knob that the rule has."""
    optuna = library()
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=TOP)
    shares = optuna.importance.get_param_importances(study(spec, rule, values, ranked), evaluator=evaluator)
    return np.array([shares.get(name, 0.0) for name in np.array(spec.knobs)[spec.has[rule]]])
