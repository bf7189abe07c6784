"""The steps of many runs at once: a run's step under `torch.vmap`, compiled where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.data import Examples
from engine.rules import Clock, Rule, Step, functional, need, scaled
from engine.spec import SpecError, floats, with_floats
from engine.training.batches import Batches
from engine.training.compiled import compiled
from engine.training.measure import noise_at
from engine.training.runs import RunSpec
from engine.training.single import take
from engine.training.state import Moving, State
from engine.training.updates import Update

SHARED = ("problem", "batch", "steps", "every", "curvature", "radius", "clip")
"""What all runs of an ensemble have in common, beside the kinds of their rules and updates."""
Numbers = dict[str, Tensor]
"""The real numbers of a rule or an update by dotted name, each [R]."""


def check(specs: Sequence[RunSpec]) -> None:
    """SpecError where runs differ in more than the runs of an ensemble may."""
    for other in specs[1:]:
        _check_pair(specs[0], other)


def _check_pair(spec: RunSpec, other: RunSpec) -> None:
    for name in SHARED:
        if getattr(other, name) != getattr(spec, name):
            raise SpecError(f"{name}: the runs of an ensemble must share it")
    if [phase.start for phase in other.phases] != [phase.start for phase in spec.phases]:
        raise SpecError("then: the runs of an ensemble must share when their rules switch")
    for phase, counterpart in zip(spec.phases, other.phases, strict=True):
        _check_alike("rule", phase.rule, counterpart.rule)
        if phase.restart != counterpart.restart:
            raise SpecError("then: the runs of an ensemble must share what a switch does to the momentum")
    _check_alike("update", spec.update, other.update)


def _check_alike(name: str, a: Rule | Update, b: Rule | Update) -> None:
    """Refuses two rules, or two updates, that differ in more than their real numbers."""
    comparable = type(a) is type(b) and floats(a).keys() == floats(b).keys()
    if not comparable or with_floats(b, floats(a)) != a:
        raise SpecError(f"{name}: the runs of an ensemble may differ in its numbers only")


class Arguments(NamedTuple):
    """What the runs' steps are computed from, with a leading run axis; within `torch.vmap`, what one run's is."""

    rule_numbers: Numbers
    update_numbers: Numbers
    lr: Tensor
    factor: Tensor
    noise: Tensor
    moving: Moving
    batch: tuple[Tensor, ...]  # x and y; none where each run's batch is the whole set
    following: tuple[Tensor, ...]  # those of the next step, where they are others and the rule needs them


class Ensemble:
    """Steps runs together."""

    def __init__(self, specs: Sequence[RunSpec], data: Examples, device: str, compile: bool):
        self.specs, self.data, self.device, self.compile = specs, data, device, compile
        self.batches = [Batches(spec, device) for spec in specs]
        phases = range(len(specs[0].phases))
        self.rule_numbers = [self._numbers([spec.phases[i].rule for spec in specs]) for i in phases]
        self.update_numbers = self._numbers([spec.update for spec in specs])
        self.compiled: dict[int, tuple[Callable[..., Any], float]] = {}  # by phase: a step, and the gradients it takes

    def __call__(self, state: State, until: int) -> State:
        """The state after one step of each run."""
        return state.moved(*self._stepped(state.step, self._arguments(state)))

    def _arguments(self, state: State) -> Arguments:
        spec, step = self.specs[0], state.step
        phase, factors = spec.phase(step), [spec.factor(step) for spec in self.specs]
        rule = spec.phases[phase].rule
        return Arguments(
            self.rule_numbers[phase],
            self.update_numbers,
            self._tensor([spec.lr * factor for spec, factor in zip(self.specs, factors, strict=True)]),
            self._tensor(factors),
            self._noise(step, state.theta) if need(rule, "noise") else state.theta[:, :0],
            state.moving,
            self._batch(step),
            self._batch(step + 1) if need(rule, "next") else (),
        )

    def _noise(self, step: int, theta: Tensor) -> Tensor:
        return torch.stack([noise_at(spec, step, theta) for spec in self.specs])

    def _batch(self, step: int) -> tuple[Tensor, ...]:
        """The runs' batches [R, N, ...] of a step; none where each is the whole set."""
        if self.batches[0].whole:
            return ()
        return tuple(map(torch.stack, zip(*(batches.at(step, self.data) for batches in self.batches), strict=True)))

    def _stepped(self, step: int, arguments: Arguments) -> tuple[Moving, float]:
        """What a step of each run moves, and the gradients that it takes."""
        spec, asked = self.specs[0], list[float]()
        phase = spec.phase(step)

        def step_of_one(*run: Any) -> Moving:
            return self._step_of_one(Arguments(*run), phase, spec.clock(step), asked)

        if not self.compile or need(spec.phases[phase].rule, "clock"):
            moved = torch.vmap(step_of_one)(*arguments)
            return Moving(*moved), sum(asked)
        if phase not in self.compiled:
            fast = compiled(torch.vmap(step_of_one), *arguments)
            self.compiled[phase] = fast, sum(asked)
        fast, gradients = self.compiled[phase]
        return Moving(*fast(*arguments)), gradients

    def _step_of_one(self, run: Arguments, phase: int, clock: Clock, asked: list[float]) -> Moving:
        """One run's step; `asked` grows by the share of the batch that each gradient is taken on."""
        spec = self.specs[0]
        rule = with_floats(spec.phases[phase].rule, run.rule_numbers)
        rule = rule if spec.radius == "constant" else scaled(rule, run.factor)
        step = Step(
            spec.problem,
            run.moving.theta,
            *(run.batch or self.data),
            differentiate=functional,
            lr=run.lr,
            factor=run.factor,
            clock=clock,
            velocity=run.moving.update["m"],
            noise=run.noise,
            following=Examples(*run.following) if run.following else None,
            asked=asked,
        )
        return take(rule, with_floats(spec.update, run.update_numbers), spec.clip, step, run.moving)

    def _numbers(self, parts: Sequence[Rule] | Sequence[Update]) -> Numbers:
        return {name: self._tensor([floats(part)[name] for part in parts]) for name in floats(parts[0])}

    def _tensor(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=self.specs[0].problem.dtype, device=self.device)
