"""Sharpness in three senses: how much a loss rises at distance rho from theta in the worst direction, up the
gradient, and on average.

Wen, Ma & Li 2023 (arXiv 2211.05729, sec. 4.1) tell them apart. At a minimum, and as rho goes to 0, each is rho²
times a function of the Hessian's eigenvalues:
`engine.experiments.theory` has them. Losses are given as summands, as `engine.problem.parts` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.curvature import Hessian, ends, extremes
from engine.problems import Loss

LIMIT = 40
"""Steps of an ascent on the sphere."""
GAIN = 1e-4
"""Relative gain of a step below which an ascent has arrived."""


class Ascent(NamedTuple):
    """The highest rise found on a sphere: a lower bound of R_max, after so many gradients."""

    rise: float
    direction: Tensor  # [n] of unit norm
    steps: int


class Estimate(NamedTuple):
    """A mean over random directions, and its standard error."""

    mean: float
    error: float


def worst(losses: Sequence[Loss], theta: Tensor, rho: float, starts: Sequence[Tensor], limit: int = LIMIT) -> Ascent:
    """R_max = max over ‖v‖ <= 1 of L(theta + rho v) - L(theta), from below: the best of the ascents from each start
    [n]; 0 where none rises."""
    here = _value(losses, theta)
    found = [_climb(losses, theta, rho, start, limit) for start in starts if float(start.norm()) > 0]
    best = max(found, key=lambda ascent: ascent.rise, default=Ascent(here, torch.zeros_like(theta), 0))
    return Ascent(max(best.rise - here, 0.0), best.direction, sum(ascent.steps for ascent in found))


def candidates(losses: Sequence[Loss], theta: Tensor, random: torch.Generator) -> list[Tensor]:
    """Where ascents begin: both ways along the gradient and along the Hessian's top eigenvector [n]."""
    hessian = Hessian(losses, theta)
    fresh = torch.randn(1, len(theta), generator=random, dtype=torch.float64).to(theta)
    for krylov in extremes(
        hessian, torch.cat([hessian.gradient[None], fresh]), random, top=1, tol=1e-2, limit=100, look=4
    ):
        pass
    top = krylov.ritz(ends(1, 0, krylov.count)).vectors[0]
    return [hessian.gradient, -hessian.gradient, top, -top]


def ascended(losses: Sequence[Loss], theta: Tensor, rho: float) -> float:
    """R_asc = L(theta + rho g/‖g‖) - L(theta); NaN where g is 0."""
    _, g = _slope(losses, theta)
    return _value(losses, theta + rho * g / g.norm()) - _value(losses, theta)


def averaged(losses: Sequence[Loss], theta: Tensor, rho: float, random: torch.Generator, pairs: int = 50) -> Estimate:
    """R_avg = E L(theta + rho z/‖z‖) - L(theta) with z ~ N(0, I), over pairs ± z: what is odd in z, the slope among
    it, drops out of each."""
    here, rises = _value(losses, theta), []
    for _ in range(pairs):
        z = torch.randn(len(theta), generator=random, dtype=torch.float64).to(theta)
        step = rho * z / z.norm()
        rises.append((_value(losses, theta + step) + _value(losses, theta - step)) / 2 - here)
    return Estimate(float(np.mean(rises)), float(np.std(rises, ddof=1) / np.sqrt(pairs)))


def _climb(losses: Sequence[Loss], theta: Tensor, rho: float, start: Tensor, limit: int) -> Ascent:
    """Goes up on the sphere of radius rho around theta: `rise` is the loss there, which no step lowers.

    A step leads from v to the unit vector along v + s ∇L/‖∇L‖. On a quadratic a large s is a power iteration; s is
    halved where the loss would fall.
    """
    v, size, steps = start / start.norm(), 1e3, 1
    value, slope = _slope(losses, theta + rho * v)
    while steps < limit and size > 1e-3 and float(slope.norm()):
        ahead = v + size * slope / slope.norm()
        ahead = ahead / ahead.norm()
        higher, steeper = _slope(losses, theta + rho * ahead)
        steps += 1
        if not higher > value:
            size /= 4
            continue
        gain, v, value, slope = higher - value, ahead, higher, steeper
        if gain <= GAIN * abs(value):
            break
    return Ascent(value, v, steps)


@torch.no_grad()
def _value(losses: Sequence[Loss], theta: Tensor) -> float:
    return sum(float(loss(theta)) for loss in losses)


def _slope(losses: Sequence[Loss], theta: Tensor) -> tuple[float, Tensor]:
    """The loss and its gradient [n]."""
    theta = theta.detach().requires_grad_()
    values = [loss(theta) for loss in losses]
    gradients = [torch.autograd.grad(value, theta, materialize_grads=True)[0] for value in values]
    return sum(float(value.detach()) for value in values), reduce(torch.add, gradients)
