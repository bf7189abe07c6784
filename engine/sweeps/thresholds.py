"""Thresholds: the learning rates at which theory says that runs are at the edge of stability as they start."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch

from engine.curvature import Hessian, ends, extremes, training_hessian
from engine.problems import Problem
from engine.seeds import generator
from engine.sweeps.spec import SweepSpec
from engine.training.measure import full_batch, whole
from engine.training.runs import RunSpec
from engine.training.state import State, begin

RANGE = (1e-9, 1e9)
"""Learning rates between which a threshold is looked for."""


class Ground(NamedTuple):
    """The full-batch loss where a run starts: its Hessian, with the gradient, and its largest eigenvalue."""

    state: State
    hessian: Hessian
    sharpness: float


def thresholds(spec: SweepSpec, device: str = "cpu") -> Generator[None, None, np.ndarray]:
    """[R, Y]: of each rule and row the learning rate at which the rule's edge of stability (`Rule.edge`: 2/η for
    gradient descent, Dai et al. 2023 for USAM, Long & Bartlett 2024 for SAM) comes down to the largest Hessian
    eigenvalue at the first seed's start.

    The edges are those of full batches; NaN where there is none for a rule or an update, where the start is not finite
    or not convex along any direction, and everywhere unless the learning rate is what the columns turn. Yields between
    products.
    """
    rules, rows, _, _ = spec.shape
    found = np.full((rules, rows), np.nan)
    if spec.x.knob != "lr":
        return found
    grounds: dict[Problem, Ground | None] = {}
    for r in range(rules):
        for i in range(rows):
            run = spec.cell((r, i, 0, 0))
            if run.problem not in grounds:
                grounds[run.problem] = yield from _ground(run, device)
            if ground := grounds[run.problem]:
                found[r, i] = threshold(run, ground)
            yield
    return found


def threshold(run: RunSpec, ground: Ground) -> float:
    """The learning rate above which the run is beyond its rule's edge where it starts; NaN where theory has none."""
    from scipy.optimize import root_scalar  # not before somebody asks: it takes long to import

    state = begin([run], str(ground.state.theta.device))
    step = whole(run, state.theta, run.problem.load("train", str(state.theta.device)), 0, state.update)
    g, _, ascent_norm = full_batch(run, step, ground.hessian, state.rule, 0)
    norm = g.norm().item()

    def above(log_rate: float) -> float:
        edge = run.rule_at(0).edge(run.update.limit(math.exp(log_rate)), norm, ascent_norm)
        return math.log(edge / ground.sharpness) if edge > 0 else math.nan

    low, high = map(math.log, RANGE)
    if not above(low) > 0 > above(high):
        return math.nan
    return math.exp(root_scalar(above, bracket=(low, high), method="brentq").root)


def _ground(run: RunSpec, device: str) -> Generator[None, None, Ground | None]:
    """Where a run starts; None where nothing is finite there, or no direction curves upwards."""
    state = begin([run], device)
    hessian = training_hessian(run.problem, state.theta)
    random = generator(run.seed, "thresholds")
    start = torch.randn(1, len(state.theta), generator=random, dtype=torch.float64).to(state.theta)
    try:
        for krylov in extremes(hessian, start, random, top=1, tol=1e-3, limit=100):
            yield
    except FloatingPointError:
        return None
    sharpness = float(krylov.ritz(ends(1, 0, krylov.count)).values[0])
    return Ground(state, hessian, sharpness) if sharpness > 0 else None
