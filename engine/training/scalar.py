"""Steps of toy landscapes on numbers: many at a time, as programs, where a step on tensors costs far more than its
arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from engine.data import Examples
from engine.problems import Problem
from engine.problems.toys import TOYS
from engine.rules import Clock, Step, need, scaled
from engine.training.batches import Batches
from engine.training.measure import noise_at
from engine.training.program import Program, numbers, tensors, traced
from engine.training.runs import RunSpec
from engine.training.single import Single, take
from engine.training.state import Advance, Moving, State, begin, members, stacked

REFUSED = (ArithmeticError, ValueError)
"""What Python raises where a tensor would be infinite or NaN: for 1/0, or the root of a negative number."""


def offered(problem: Problem, device: str) -> bool:
    """Whether steps on a problem may be programs: floats are float64, and worth it only where tensors are tiny."""
    return isinstance(problem, TOYS) and problem.dtype == torch.float64 and device == "cpu"


class Scalar:
    """Steps runs of a toy landscape one after the other as programs; together on tensors where one is no program."""

    def __init__(self, specs: Sequence[RunSpec], data: Examples, on_tensors: Advance):
        self.specs, self.data, self.on_tensors = specs, data, on_tensors
        self.singles = [Single(spec, data, "cpu") for spec in specs]
        self.courses: dict[int, list[Course] | None] = {}  # by phase: one for each run

    def __call__(self, state: State, until: int) -> State:
        """The state after the steps up to `until`, or after one of them on tensors."""
        courses = self._courses(self.specs[0].phase(state.step))
        if courses is None:
            return self.on_tensors(state, until)
        runs = zip(courses, self.singles, members(state, len(self.specs)), strict=True)
        return stacked([_alone(*run, until) for run in runs])

    def _courses(self, phase: int) -> list[Course] | None:
        """The runs' steps in a phase; None where one of them cannot be a program."""
        if phase not in self.courses:
            found = [course(spec, phase, self.data) for spec in self.specs]
            self.courses[phase] = [steps for steps in found if steps] if all(found) else None
        return self.courses[phase]


def _alone(steps: Course, single: Single, state: State, until: int) -> State:
    """One run's state at `until`; a step on which Python's numbers end is taken on tensors."""
    while state.step < until:
        further = steps(state, until)
        state = further if further.step > state.step else single(state, until)
    return state


class Course:
    """The steps that one run takes under one rule, many at a time."""

    def __init__(self, spec: RunSpec, program: Program, gradients: float, data: Examples, noisy: bool):
        self.spec, self.program, self.gradients, self.noisy = spec, program, gradients, noisy
        self.batches = Batches(spec, "cpu")
        self.rows = [[numbers(row) for row in values] for values in data] if not self.batches.whole else []

    def __call__(self, state: State, until: int) -> State:
        """The state at a later step, or as far as Python's numbers go."""
        leaves, tree = tree_flatten(state.moving)
        step, gradients, values, spec = state.step, state.gradients, numbers(state.moving), self.spec
        try:
            while step < until:
                factor = spec.factor(step)
                values = self.program([*values, spec.lr * factor, factor, *self._given(step, state.theta)])
                gradients, step = gradients + self.gradients, step + 1
        except REFUSED:
            pass
        moving = tree_unflatten(tensors(values, leaves), tree)
        return state._replace(step=step, gradients=gradients, **moving._asdict())

    def _given(self, step: int, theta: Tensor) -> list[Any]:
        """The numbers that a step is given beside the rate: its noise and its batch."""
        given = noise_at(self.spec, step, theta).tolist() if self.noisy else []
        if self.rows:
            picked = self.batches.picked(step).tolist()
            given += [number for rows in self.rows for i in picked for number in rows[i]]
        return given


def course(spec: RunSpec, phase: int, data: Examples) -> Course | None:
    """The steps of a run in one of its phases, where they can be a program.

    It is traced at the run's start, for a program says what is done with numbers, whatever they are, and a resumed
    run must go on alike. There is no clock, which would change from step to step: a rule that reads it fails here.
    """
    rule, batches, moving = spec.phases[phase].rule, Batches(spec, "cpu"), _start(spec, phase)
    if need(rule, "next") and not batches.whole:
        return None
    noisy, rate = need(rule, "noise"), torch.ones((), dtype=spec.problem.dtype)
    noise = [noise_at(spec, 0, moving.theta)] if noisy else []
    batch = [] if batches.whole else [*batches.at(0, data)]
    gradients: list[float] = []

    def moved(moving: Moving, lr: Tensor, factor: Tensor, noise: list[Tensor], batch: list[Tensor]) -> Moving:
        step = Step(
            spec.problem,
            moving.theta,
            *(Examples(*batch) if batch else data),
            lr=lr,
            factor=factor,
            clock=cast(Clock, None),
            velocity=moving.update["m"],
            noise=noise[0] if noise else None,
        )
        radius = rule if spec.radius == "constant" else scaled(rule, factor)
        result = take(radius, spec.update, spec.clip, step, moving)
        gradients.append(sum(step.asked))
        return result

    try:
        program = traced(moved, (*tree_map(torch.clone, (moving, rate, rate)), noise, batch), moving)
    except Exception:  # whatever a rule does that cannot be traced, the step on tensors can do, or says what is wrong
        return None
    return Course(spec, program, gradients[0], data, noisy)


def _start(spec: RunSpec, phase: int) -> Moving:
    return begin([spec], "cpu", spec.phases[phase].start).moving
