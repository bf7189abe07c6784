"""Portable runs: a toy run as numbers and operations, which a browser carries out while a setting is dragged."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from engine.problems import Problem
from engine.rules import Clock, Step, need, scaled
from engine.spec import floats, with_floats
from engine.training.program import Program, numbers, traced
from engine.training.runs import RunSpec
from engine.training.scalar import offered
from engine.training.single import take
from engine.training.state import Moving, begin

LONGEST = 5000
"""Steps of a run that is taken along: more are not taken within a tenth of a second."""


@lru_cache(64)  # pages ask for the same runs whenever they run
def portable(spec: RunSpec) -> dict[str, Any] | None:
    """A run as JSON that says how it is carried out:

    start: the numbers that a step moves, of which the first two are theta; steps: how many; every: the steps between
    measurements;
    factors: the learning rate in each step as a share of `lr`, one for all where it is constant;
    radii: the rule's radii, by name, which may be changed like `lr`;
    step: the program from [start, rate, factor, radii] to the next `start`;
    look: the program from theta to its loss and the largest eigenvalue of its Hessian.

    A program has constants, operations [name, place, place] and outputs, which are places: of the constants, then of
    what is given, then of what the operations make. None for a run of another kind than these: a landscape of two
    coordinates without examples, one rule from the start to the end, which draws no numbers and reads no clock.
    """
    if not _simple(spec):
        return None
    names = [name for name in floats(spec.rule) if name.rpartition(".")[2] == "rho"]
    moving, theta = begin([spec], "cpu").moving, spec.problem.start(spec.seed)
    radii = [torch.tensor(floats(spec.rule)[name], dtype=torch.float64) for name in names]
    rate = torch.ones((), dtype=torch.float64)

    def moved(moving: Moving, lr: Tensor, factor: Tensor, radii: list[Tensor]) -> Moving:
        rule = with_floats(spec.rule, dict(zip(names, radii, strict=True)))
        rule = rule if spec.radius == "constant" else scaled(rule, factor)
        step = Step(
            spec.problem,
            moving.theta,
            None,
            None,
            lr=lr,
            factor=factor,
            clock=cast(Clock, None),
            velocity=moving.update["m"],
        )
        return take(rule, spec.update, spec.clip, step, moving)

    def looked(theta: Tensor) -> Tensor:
        return _looked(spec.problem, theta)

    try:
        step = _written(traced(moved, (*tree_map(torch.clone, (moving, rate, rate)), radii), moving))
        look = _written(traced(looked, (theta,), torch.zeros(2, dtype=torch.float64)))
    except Exception:  # as in `course`: what a rule does that cannot be traced
        return None
    return {
        "start": numbers(moving),
        "steps": min(spec.steps, LONGEST),
        "every": spec.every,
        "factors": _factors(spec),
        "lr": spec.lr,
        "radii": {name: float(radius) for name, radius in zip(names, radii, strict=True)},
        "step": step,
        "look": look,
    }


def _simple(spec: RunSpec) -> bool:
    problem = spec.problem
    plain = offered(problem, "cpu") and problem.size() == 2 and not problem.examples()
    return plain and not spec.then and not need(spec.rule, "noise") and not need(spec.rule, "clock")


def _factors(spec: RunSpec) -> list[float]:
    found = [spec.factor(step) for step in range(min(spec.steps, LONGEST))]
    return found if len(set(found)) > 1 else found[:1]


def _looked(problem: Problem, theta: Tensor) -> Tensor:
    """[2]: the loss at theta [2], and the larger eigenvalue of its Hessian there."""
    theta = theta.detach().requires_grad_()
    loss = problem.loss(theta, None, None)
    gradient = torch.autograd.grad(loss, theta, create_graph=True)[0]
    rows = [torch.autograd.grad(slope, theta, retain_graph=True)[0] for slope in gradient.unbind()]
    (a, b), (_, c) = (row.unbind() for row in rows)
    half = (a - c) / 2
    return torch.stack([loss.detach(), (a + c) / 2 + (half * half + b * b).sqrt()])


def _written(program: Program) -> dict[str, Any]:
    """A program as JSON; ValueError where a constant is no number there."""
    if not all(math.isfinite(value) for value in program.constants):
        raise ValueError("a constant is not finite")
    return {
        "constants": program.constants,
        "operations": [[operation.__name__, a, b] for operation, a, b in program.operations],
        "outputs": program.outputs,
    }
