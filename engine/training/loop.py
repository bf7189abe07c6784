"""Training: the one loop, for one run with plain autograd or for an ensemble under vmap, from the same text of rule
and update."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from engine.data import Examples
from engine.machine import settle
from engine.rules import Memory, Rule, Step, functional, need, scaled
from engine.seeds import generator
from engine.spec import SpecError, floats, with_floats
from engine.training.batches import Batches
from engine.training.compiled import compiled
from engine.training.measure import measure, noise_at, whole
from engine.training.runs import MEASURES, RunSpec
from engine.training.scalar import Course, Moving, course, offered
from engine.training.updates import Update, moved


class Frame(NamedTuple):
    """Measurements of R runs after `step` steps: theta [R, n] and, by name, arrays [R]."""

    step: int
    theta: Tensor
    measures: dict[str, np.ndarray]


class State(NamedTuple):
    """Where training goes on from: tensors of one run, or with a leading run axis."""

    step: int
    measured: int  # the last step that was measured
    gradients: float  # gradient evaluations so far, of each run
    theta: Tensor
    rule: Memory
    update: Memory
    top: Tensor  # the top eigenvector as last tracked


STRIDE = 1000
"""Steps of a toy landscape from one tick to the next, for who watches a run live: some hundredths of a second."""
ALONE = 64
"""Runs of a toy landscape up to which numbers, one run after the other, are faster than tensors of all of them."""
Advance = Callable[[State, int], State]
"""Takes one step, or several where they are cheap, but none beyond a given one."""


class Tick(NamedTuple):
    """One breath of the loop: the state, and a frame where one was just measured."""

    state: State
    frame: Frame | None


def train(
    specs: Sequence[RunSpec], device: str = "cpu", state: State | None = None, compile: bool = False, stride: int = 1
) -> Iterator[Tick]:
    """Trains one run, or an ensemble of runs that differ in their seed, learning rate, schedule and the numbers of
    rules and update.

    Yields after every step and, with a frame, after every measurement: whoever drives it decides when to pause, and
    stops it by leaving. A `state` from an earlier tick resumes there, bit for bit. Ends early once every run's loss
    has left the finite numbers.

    `compile` makes the steps of an ensemble faster, and equal up to rounding, at a cost of half a minute before the
    first: for more than some 200,000 steps of all runs together. Rules that read the clock go uncompiled.

    A `stride` above 1 lets toy landscapes take up to so many steps from one tick to the next, though none across a
    measurement or a switch:
    some ten times as fast, equal up to rounding, and resumed bit for bit with the same stride. All else yields after
    every step as before.
    """
    settle()
    spec, problem = specs[0], specs[0].problem
    _check(specs)
    data = problem.load("train", device)
    held_out = problem.load("test", device)
    advance = _single(spec, data, device) if len(specs) == 1 else _ensemble(specs, data, device, compile)
    if stride > 1 and len(specs) <= ALONE and offered(problem, device):
        advance = _scalar(specs, data, advance)
    state = state or _begin(specs, device)
    while True:
        if state.measured != state.step and spec.measured(state.step):
            rows, tops = [], []
            for r, one in enumerate(specs):
                alone = _member(state, r) if len(specs) > 1 else state
                at = whole(one, alone.theta, data, state.step, alone.update)
                row, top = yield from measure(one, at, alone.rule, alone.top, state.step, held_out, Tick(state, None))
                rows.append(row | {"gradients": state.gradients})
                tops.append(top)
            state = state._replace(measured=state.step, top=tops[0] if len(specs) == 1 else torch.stack(tops))
            frame = Frame(
                state.step, state.theta.view(len(specs), -1), {k: np.array([row[k] for row in rows]) for k in MEASURES}
            )
            yield Tick(state, frame)
            if diverged(frame).all():
                return
        if state.step == spec.steps:
            return
        state = _switched(specs, advance(state, _until(spec, state.step, stride)))
        yield Tick(state, None)


def _until(spec: RunSpec, step: int, stride: int) -> int:
    """The last step to take before the next tick: at most `stride` ahead, and the next measurement, as there is one
    at every switch."""
    return min(
        step + stride,
        step - step % spec.every + spec.every,
        spec.steps,
        *(p.start for p in spec.phases if p.start > step),
    )


def diverged(frame: Frame) -> np.ndarray:
    """[R]: which runs' losses are NaN or infinite."""
    return ~np.isfinite(frame.measures["train_loss"])


def _check(specs: Sequence[RunSpec]) -> None:
    first = specs[0]
    for other in specs[1:]:
        for name in ("problem", "batch", "steps", "every", "curvature", "radius", "clip"):
            if getattr(other, name) != getattr(first, name):
                raise SpecError(f"{name}: the runs of an ensemble must share it")
        if [p.start for p in other.phases] != [p.start for p in first.phases]:
            raise SpecError("then: the runs of an ensemble must share when their rules switch")
        for one, two in zip(first.phases, other.phases, strict=True):
            _alike("rule", one.rule, two.rule)
            if one.restart != two.restart:
                raise SpecError("then: the runs of an ensemble must share what a switch does to the momentum")
        _alike("update", first.update, other.update)


def _alike(name: str, a: Rule | Update, b: Rule | Update) -> None:
    if (with_floats(b, floats(a)) != a) if type(a) is type(b) and floats(a).keys() == floats(b).keys() else True:
        raise SpecError(f"{name}: the runs of an ensemble may differ in its numbers only")


def _begin(specs: Sequence[RunSpec], device: str, step: int = 0) -> State:
    """The state at the start; for another step, with the memory of the rule that is then in force."""
    states = []
    for spec in specs:
        theta = spec.problem.start(spec.seed).to(device)
        top = torch.randn(len(theta), generator=generator(spec.seed, "top"), dtype=torch.float64).to(theta)
        states.append(State(0, -1, 0.0, theta, _memory(spec, theta, step), spec.update.begin(theta), top))
    return _stacked(states) if len(states) > 1 else states[0]


def _switched(specs: Sequence[RunSpec], state: State) -> State:
    """The state, made ready for the rule that takes over at its step, if one does."""
    index = specs[0].phase(state.step)
    if specs[0].phases[index].start != state.step or state.step == specs[0].steps:
        return state
    members = [_member(state, r) for r in range(len(specs))] if len(specs) > 1 else [state]
    for r, (spec, one) in enumerate(zip(specs, members, strict=True)):
        update = spec.update.begin(one.theta) if spec.phases[index].restart else one.update
        members[r] = one._replace(rule=_memory(spec, one.theta, state.step), update=update)
    return _stacked(members) if len(specs) > 1 else members[0]


def _memory(spec: RunSpec, theta: Tensor, step: int) -> Memory:
    """The memory of the rule that takes over at a step."""
    index = spec.phase(step)
    return spec.phases[index].rule.begin(theta, spec.problem.layout, generator(spec.seed, "rule", index))


def _stacked(states: Sequence[State]) -> State:
    step, measured, gradients, *_ = states[0]
    stack = partial(tree_map, lambda *leaves: torch.stack(leaves))
    return State(step, measured, gradients, *(stack(*(s[i] for s in states)) for i in range(3, len(State._fields))))


def _member(state: State, r: int) -> State:
    """One run of an ensemble's state."""
    return State(*state[:3], *tree_map(lambda leaves: leaves[r], state[3:]))


def _single(spec: RunSpec, data: Examples, device: str) -> Advance:
    batches = Batches(spec, device)

    def advance(state: State, until: int) -> State:
        step, rule, factor = state.step, spec.rule_at(state.step), spec.factor(state.step)
        noise = noise_at(spec, step, state.theta) if need(rule, "noise") else None
        batch, following = batches.at(step, data), _following(rule, batches, step, data)
        moving, gradients = _taken(
            spec, rule, batch, spec.lr * factor, factor, spec.clock(step), noise, state[3:6], following
        )
        return State(step + 1, state.measured, state.gradients + gradients, *moving, state.top)

    return advance


def _following(rule: Rule, batches: Batches, step: int, data: Examples) -> Examples | None:
    """The batch of the step after this one, where the rule needs it and there are batches at all."""
    return batches.at(step + 1, data) if need(rule, "next") and not batches.whole else None


def _ensemble(specs: Sequence[RunSpec], data: Examples, device: str, compile: bool) -> Advance:
    spec = specs[0]
    batches = [Batches(s, device) for s in specs]
    whole_set = batches[0].whole
    stack = partial(torch.tensor, dtype=spec.problem.dtype, device=device)
    numbers = [_numbers([s.phases[i].rule for s in specs], stack) for i in range(len(spec.phases))]
    settings = _numbers([s.update for s in specs], stack)
    fast: dict[int, tuple[Callable, float]] = {}  # by phase: the compiled step, and the gradients that it takes

    def one(values, setting, lr, factor, noise, theta, memory, update, x, y, *following, index, clock, asked):
        rule = with_floats(spec.phases[index].rule, values)
        rule = rule if spec.radius == "constant" else scaled(rule, factor)
        at = Step(spec.problem, theta, x, y, functional, lr, factor, clock, update["m"], noise, asked=asked)
        at.following = Examples(*following) if following else None
        return _step(rule, with_floats(spec.update, setting), spec.clip, at, memory, update)

    def advance(state: State, until: int) -> State:
        index, step = spec.phase(state.step), state.step
        rule = spec.phases[index].rule
        factors = [s.factor(step) for s in specs]
        lr, factor = stack([s.lr * f for s, f in zip(specs, factors, strict=True)]), stack(factors)
        noise = (
            torch.stack([noise_at(s, step, state.theta) for s in specs]) if need(rule, "noise") else state.theta[:, :0]
        )
        arguments = (numbers[index], settings, lr, factor, noise, state.theta, state.rule, state.update)
        if not whole_set:
            given = [(*b.at(step, data), *(_following(rule, b, step, data) or ())) for b in batches]
            arguments += tuple(map(torch.stack, zip(*given, strict=True)))
        asked: list[float] = []
        rest = {"x": data.x, "y": data.y} if whole_set else {}
        each = torch.vmap(partial(one, index=index, clock=spec.clock(step), asked=asked, **rest))
        if compile and not need(rule, "clock"):
            if index not in fast:
                fast[index] = compiled(each, *arguments), sum(asked)
            each, gradients = fast[index]
            theta, memory, update = each(*arguments)
        else:
            theta, memory, update = each(*arguments)
            gradients = sum(asked)
        return state._replace(
            step=step + 1, gradients=state.gradients + gradients, theta=theta, rule=memory, update=update
        )

    return advance


def _numbers(parts: Sequence[Rule] | Sequence[Update], stack: Callable[[list[float]], Tensor]) -> dict[str, Tensor]:
    return {name: stack([floats(part)[name] for part in parts]) for name in floats(parts[0])}


def _scalar(specs: Sequence[RunSpec], data: Examples, tensors: Advance) -> Advance:
    """Takes many steps of a toy landscape at once, as programs of numbers, and on tensors those that cannot be such."""
    singles = [_single(spec, data, "cpu") for spec in specs]
    found: dict[int, list[Course | None]] = {}  # by phase: one for each run

    def alone(course: Course, single: Advance, state: State, until: int) -> State:
        while state.step < until:
            step, gradients, moved = course.go(state.step, until, state.gradients, state[3:6])
            state = (
                State(step, state.measured, gradients, *moved, state.top) if step > state.step else single(state, until)
            )
        return state

    def advance(state: State, until: int) -> State:
        members = [_member(state, r) for r in range(len(specs))] if len(specs) > 1 else [state]
        index = specs[0].phase(state.step)
        if index not in found:
            found[index] = [
                course(spec, index, data, _begin([spec], "cpu", state.step)[3:6], partial(_taken, spec))
                for spec in specs
            ]
        courses = [one for one in found[index] if one]
        if len(courses) < len(specs):
            return tensors(state, until)
        members = [alone(*each, until) for each in zip(courses, singles, members, strict=True)]
        return _stacked(members) if len(specs) > 1 else members[0]

    return advance


def _taken(
    spec: RunSpec,
    rule: Rule,
    batch: Examples,
    lr: float | Tensor,
    factor: float | Tensor,
    clock: Any,
    noise: Any,
    moving: Moving,
    following: Examples | None = None,
) -> tuple[Moving, float]:
    """Theta and the memories of rule and update after one step of a run, and the gradients that it took."""
    theta, memory, buffers = moving
    at = Step(spec.problem, theta, *batch, lr=lr, factor=factor, clock=clock, velocity=buffers["m"], noise=noise)
    at.following = following
    return _step(rule, spec.update, spec.clip, at, memory, buffers), sum(at.asked)


def _step(rule: Rule, update: Update, clip: float, at: Step, memory: Memory, buffers: Memory):
    at.move = lambda d: moved(update, clip, at.w, d, buffers, at.lr)[0]
    d, memory = rule.direction(at, memory)
    theta, buffers = moved(update, clip, at.w, d, buffers, at.lr)
    theta, memory = rule.after(theta, memory, at.clock)
    return theta, memory, buffers
