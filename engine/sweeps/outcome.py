"""Outcomes: the few numbers that are kept of a run of a sweep, instead of its path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engine.analyses.planes import usable
from engine.curvature import ends, extremes, signs, training_hessian
from engine.data import Examples
from engine.problems import evaluate
from engine.records import Run
from engine.rules import TINY
from engine.seeds import generator
from engine.spec import SpecError
from engine.training.runs import RunSpec

CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "gradients")
"""What is looked at on the way, by the names of a run's measures."""
ENDS = ("sharpness", "sharpness_residual", "trace", "trace_error", "ascent")
"""What is computed of the last point where curvature is tracked: the Hessian's largest eigenvalue, its trace by
PROBES random vectors, and how much the training loss rises at the distance RADIUS up its gradient."""
LOOKS = 40
"""Looks at a run on the way, at most."""
PROBES, RADIUS = 8, 0.05


@dataclass(frozen=True)
class Outcome:
    """What is kept of one run: its curves at T looks, and what was computed of its last point."""

    steps: np.ndarray  # [T] whole numbers
    curves: np.ndarray  # [T, 5] as CURVES, single precision; NaN where there is no such thing
    ends: np.ndarray  # [5] as ENDS; NaN where it was not computed
    seconds: float  # that its training took; an ensemble's share where it was trained in one
    alone: bool  # whether it was trained by itself, bit for bit as a single run is

    def curve(self, name: str) -> np.ndarray:
        """[T]: one of CURVES."""
        return self.curves[:, CURVES.index(name)]


@lru_cache(maxsize=1024)
def looks(spec: RunSpec) -> tuple[int, ...]:
    """The steps after which a run is looked at: those at which it is measured when it is trained alone, or some of
    them, evenly spread."""
    starts = (phase.start for phase in spec.phases)
    steps = sorted({*range(0, spec.steps, spec.every), *starts, spec.steps})
    picked = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), LOOKS)).round().astype(int))
    return tuple(steps[i] for i in picked)


def end_of(spec: RunSpec, theta: Tensor) -> np.ndarray:
    """[5]: ENDS at a point theta [n]; NaN where curvature is not tracked or there is none that is finite."""
    found = np.full(len(ENDS), np.nan)
    if not spec.curvature or not torch.isfinite(theta).all():
        return found
    try:
        hessian = training_hessian(spec.problem, theta)
        random = generator(spec.seed, "sweep")
        start = torch.randn(1, len(theta), generator=random, dtype=torch.float64).to(theta)
        for krylov in extremes(hessian, start, random, top=1, tol=1e-3, limit=100):
            pass
    except FloatingPointError:  # the Hessian is not finite here
        return found
    pairs = krylov.ritz(ends(1, 0, krylov.count))
    traces = np.array([float(v @ hessian(v)) for v in (signs(len(theta), random, theta) for _ in range(PROBES))])
    up = theta + RADIUS * hessian.gradient / hessian.gradient.norm().clamp(min=TINY)
    examples = spec.problem.load("train", str(theta.device), theta.dtype)
    rise = evaluate(spec.problem, up, examples)[0] - evaluate(spec.problem, theta, examples)[0]
    error = traces.std(ddof=1) / np.sqrt(PROBES)
    found[:] = float(pairs.values[0]), float(pairs.residuals[0]), traces.mean(), error, float(rise)
    return found


def single(rows: Sequence[Sequence[float]]) -> np.ndarray:
    """Rows of CURVES [T, 5] in single precision; what is too large for it is infinite, and the run lost."""
    with np.errstate(over="ignore"):
        return np.array(rows, np.float32)


def of_run(spec: RunSpec, run: Run) -> Outcome:
    """The outcome of a run that was trained by itself, from its record."""
    kept = np.flatnonzero(np.isin(run.steps, looks(spec)))
    if not len(kept):
        raise SpecError("run: it has no measurement yet")
    curves = single([[run.measures[name][i] for name in CURVES] for i in kept])
    last = torch.as_tensor(run.path[-1:])
    ends = end_of(spec, last[0]) if usable(last).any() else np.full(len(ENDS), np.nan)
    return Outcome(run.steps[kept], curves, ends, float(run.seconds[-1]), alone=True)


def row_of(spec: RunSpec, theta: Tensor, gradients: float, sets: Sequence[Examples]) -> list[float]:
    """[5]: CURVES at theta [n]; `sets` are the training and the held-out examples."""
    row: list[float] = []
    for examples in sets:
        there = examples is sets[0] or len(examples) > 0  # the first may be a toy's, without any
        row += evaluate(spec.problem, theta, examples).tolist() if there else [np.nan, np.nan]
    return [*row, gradients]
