"""A rule on the quadratic f = (10 x² + y²)/2: its real run, and what its edge of stability says of that run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from engine.problems import Quadratic
from engine.rules import Rule, need
from engine.spec import describe, floats, knob, number_fields, with_floats
from engine.training.loop import train
from engine.training.runs import RunSpec

VALLEY = Quadratic((10.0, 1.0), (1.0, 1.0))
TOP = max(VALLEY.eigenvalues)
STEPS, RATES = 60, 12


@dataclass(frozen=True)
class Trial:
    """How a rule is run on the quadratic."""

    eta: float = knob(
        0.75,
        0.1,
        1.2,
        "Learning rate η, in units of 2/λ",
        "Plain gradient descent is stable up to 1. λ is the largest eigenvalue, 10.",
    )
    rho: float = knob(0.1, 0.0, 1.0, "Radius ρ", "Of the perturbation, in the rule's own units.")

    def spec(self, rule: Rule) -> RunSpec:
        """The rule's run: full-batch steps without momentum, none of them measured."""
        return RunSpec(
            VALLEY,
            with_floats(rule, dict.fromkeys(radii(rule), self.rho)),
            lr=self.eta * 2 / TOP,
            batch=0,
            steps=STEPS,
            every=STEPS,
            curvature=False,
        )


class Trace(NamedTuple):
    """A rule's run, its runs at other learning rates, and what theory says of all of them; NaN where it is silent."""

    spec: dict[str, Any]  # the run's, described
    path: np.ndarray  # [STEPS + 1, 2]
    threshold: float  # the largest stable learning rate
    cycle: float  # radius of the 2-cycle that the run ends in; 0 where it converges
    rates: np.ndarray  # [R] learning rates
    ends: np.ndarray  # [R] distance along the sharpest direction after the last step at each
    cycles: np.ndarray  # [R] radius of each one's 2-cycle


def trace(rule: Rule, trial: Trial) -> Trace:
    """The trial, really run by the engine."""
    spec = trial.spec(rule)
    rates, ends = sweep(rule, trial.rho)
    cycles = np.array([cycle(spec.rule, lr, TOP) for lr in rates.tolist()])
    return Trace(
        describe(spec), path(spec), threshold(spec.rule, TOP), cycle(spec.rule, spec.lr, TOP), rates, ends, cycles
    )


@lru_cache(64)  # so that moving the learning rate runs one run, and not all of these
def sweep(rule: Rule, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Learning rates [R] over the range of Trial.eta, and the distance along the sharpest direction at which the
    rule's run at each has ended [R]."""
    eta = number_fields(Trial)["eta"]
    specs = [Trial(rate, rho).spec(rule) for rate in np.linspace(eta.low, eta.high, RATES).tolist()]
    return np.array([spec.lr for spec in specs]), np.array([abs(path(spec)[-1, 0]) for spec in specs])


def path(spec: RunSpec) -> np.ndarray:
    """[T, n]: theta before the first step and after each of a run."""
    ticks = (tick.state for tick in train([spec]) if tick.frame is None)
    return np.stack([spec.problem.start(spec.seed).numpy(), *(state.theta.numpy() for state in ticks)])


def radii(rule: Rule) -> list[str]:
    """The dotted names of a rule's radii, its own or those of the rule that it wraps."""
    return [name for name in floats(rule) if name.rpartition(".")[2].startswith("rho")]


def threshold(rule: Rule, lam: float) -> float:
    """The learning rate up to which full-batch steps stay bounded on any quadratic whose largest eigenvalue is lam;
    NaN where no theory says.

    It is where lam meets the rule's edge far away from the minimum, where the gradient is large and a perturbation
    of fixed length is nothing.
    """
    limit = _root(lambda h: rule.edge(h, math.inf) - lam, 1e-9 * lam, 1e9 * lam)
    return 2 / limit


def cycle(rule: Rule, lr: float, lam: float) -> float:
    """The radius of the 2-cycle along the sharpest direction that full-batch steps end in; 0 where they converge,
    NaN where no theory says.

    On it a step goes to the other side, w to -w, which is just what it means that lam is the rule's edge at the
    gradient lam r.
    """
    if need(rule, "noise") or not rule.edge(2 / lr, math.inf) > lam:
        return math.nan
    if rule.edge(2 / lr, 0.0) >= lam:
        return 0.0
    return _root(lambda r: rule.edge(2 / lr, lam * r) - lam, 1e-9, 1e9)


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a growing f crosses 0 between two positive numbers, to rounding; NaN where it does not."""
    from scipy.optimize import root_scalar  # not before somebody asks: it takes long to import

    if not f(low) <= 0 <= f(high):
        return math.nan
    precision = {"xtol": 1e-9 * low, "rtol": 4 * np.finfo(float).eps}
    return root_scalar(f, bracket=(low, high), method="brentq", **precision).root
