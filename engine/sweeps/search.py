"""Searching: the points that a design's search tries next, by what those so far have given. By Optuna, where that is
installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from engine.records import Arrays
from engine.spec import Integer, SpecError
from engine.sweeps.design import DesignSpec, Range, Search
from engine.sweeps.knobs import knob, short
from engine.training.runs import RunSpec

WITHIN = 0.1
"""How far a loss may be above the smallest, as a share of it, for its point to count among the good ones."""
LOST = (2, 3)
"""States of runs that have no value: diverged, failed."""


def ranks(outcomes: Arrays, towards: str) -> np.ndarray:
    """[N]: how good points are by the outcomes [N, S] of their seeds, 0 for the best; equal ones share a rank.

    By the median over the seeds of the held-out loss (of the training loss where nothing is held out), a lost run
    counting as infinite. Towards the "flattest" the points whose loss is at most 1 + WITHIN times the smallest of all
    come first, by the median of their sharpness, and then the others by their loss.
    """
    lost = np.isin(outcomes["state"], LOST)
    held_out, trained = outcomes["test_loss"], outcomes["train_loss"]
    loss = _median(np.where(np.isnan(held_out), trained, held_out), lost)
    if towards == "best":
        return np.unique(loss, return_inverse=True)[1]
    near = loss <= loss.min() + WITHIN * abs(loss.min())
    key = np.where(near, _median(outcomes["sharpness"], lost), loss)
    return np.unique(np.stack([~near, key], axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def _median(values: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """[N]: medians over the seeds; what is lost, or not a number, is infinite."""
    return np.median(np.where(lost | np.isnan(values), np.inf, values), axis=1)


def flattest(outcomes: Arrays) -> int | None:
    """The point of the lowest sharpness among those whose loss is near the best, as `ranks` has it; None where no
    point has a loss and a sharpness."""
    ranked = ranks(outcomes, "flattest")
    point = int(ranked.argmin())
    sharp = np.median(outcomes["sharpness"][point])
    return point if np.isfinite(sharp) else None


def proposed(design: DesignSpec, rule: int, tried: np.ndarray, ranked: np.ndarray, count: int) -> np.ndarray:
    """[count, K]: the next points of one rule's search, given those that it has tried [n, K] and their ranks [n]; NaN
    where the rule lacks a knob.

    By a tree-structured Parzen estimator over all knobs together, which goes by the order of the points alone; each of
    the points that are asked for at once counts as tried for those after it. The same every time: what is drawn
    depends on the search's seed and on n. SpecError where Optuna is missing.
    """
    optuna, sampler, ranges = library(), design.sampler, spaces(design, rule)
    assert isinstance(sampler, Search)
    seed = int(np.random.SeedSequence((sampler.seed, len(tried))).generate_state(1)[0])
    parzen = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True)
    before, there = study(design, rule, tried, ranked, parzen), design.has[rule]
    found = np.full((count, len(design.knobs)), np.nan)
    for i in range(count):
        params = before.ask(ranges).params
        found[i, there] = [short(params[name]) for name in ranges]
    return found


def study(design: DesignSpec, rule: int, points: np.ndarray, ranked: np.ndarray, sampler: Any = None) -> Any:
    """One rule's points [n, K] and their ranks [n] as Optuna has them."""
    optuna, ranges = library(), spaces(design, rule)
    made = optuna.create_study(sampler=sampler)
    for point, rank in zip(points[:, design.has[rule]].tolist(), ranked, strict=True):
        params = {name: type(space.low)(value) for (name, space), value in zip(ranges.items(), point, strict=True)}
        made.add_trial(optuna.trial.create_trial(params=params, distributions=ranges, value=float(rank)))
    return made


def spaces(design: DesignSpec, rule: int) -> dict[str, Any]:
    """The ranges of the knobs that a rule has, as Optuna has them."""
    run = design.cell((rule, 0, 0), design.values)
    return {one.knob: _space(run, one) for one, there in zip(design.ranges, design.has[rule], strict=True) if there}


def _space(run: RunSpec, one: Range) -> Any:
    kinds, (low, high) = library().distributions, one.ends
    if isinstance(knob(run, one.knob), Integer):
        return kinds.IntDistribution(max(round(low), int(one.log)), round(high), log=one.log)
    return kinds.FloatDistribution(low, high, log=one.log)


def library(what: str = "sampler") -> Any:
    """Optuna, which takes no part in anything but a search and the importance of a design's knobs. SpecError that
    begins with `what` needs it, where it is missing."""
    try:
        optuna = import_module("optuna")
    except ImportError:
        raise SpecError(f"{what}: needs the package optuna, which is not installed here") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
