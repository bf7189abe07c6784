"""Training: the one loop, which drives a run or an ensemble from step to step and from measurement to measurement."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.data import Examples
from engine.machine import settle
from engine.training.ensemble import Ensemble, check
from engine.training.measure import measure
from engine.training.runs import MEASURES, RunSpec
from engine.training.scalar import Scalar, offered
from engine.training.single import Single
from engine.training.state import Advance, State, begin, members, switched

STRIDE = 1000
"""Steps of a toy landscape from one tick to the next, for who watches a run live: some hundredths of a second."""
ALONE = 64
"""Runs of a toy landscape up to which numbers, one run after the other, are faster than tensors of all of them."""


class Frame(NamedTuple):
    """Measurements of R runs after `step` steps: theta [R, n] and, by name, arrays [R]."""

    step: int
    theta: Tensor
    measures: dict[str, np.ndarray]


class Tick(NamedTuple):
    """One breath of the loop: the state, and a frame where one was just measured."""

    state: State
    frame: Frame | None


def train(
    specs: Sequence[RunSpec], device: str = "cpu", state: State | None = None, compile: bool = False, stride: int = 1
) -> Iterator[Tick]:
    """Trains one run, or an ensemble of runs that differ in their seed, learning rate, schedule and the numbers of
    rules and update; SpecError where they differ in more.

    Yields after every step and, with a frame, after every measurement: whoever drives it decides when to pause, and
    stops it by leaving. A `state` from an earlier tick resumes there, bit for bit. Ends early once every run's loss
    has left the finite numbers.

    `compile` makes the steps of an ensemble faster, and equal up to rounding, at a cost of half a minute before the
    first: for more than some 200,000 steps of all runs together. Rules that read the clock go uncompiled.

    A `stride` above 1 lets toy landscapes take up to so many steps from one tick to the next, though none across a
    measurement or a switch: some ten times as fast, equal up to rounding, and resumed bit for bit with the same
    stride. All else yields after every step as before.
    """
    settle()
    check(specs)
    spec = specs[0]
    data, held_out = (spec.problem.load(split, device) for split in ("train", "test"))
    advance = _advance(specs, data, device, compile, stride)
    state = state or begin(specs, device)
    while True:
        if state.measured != state.step and spec.measured(state.step):
            state, frame = yield from _measured(specs, state, data, held_out)
            yield Tick(state, frame)
            if diverged(frame).all():
                return
        if state.step == spec.steps:
            return
        state = switched(specs, advance(state, _until(spec, state.step, stride)))
        yield Tick(state, None)


def diverged(frame: Frame) -> np.ndarray:
    """[R]: which runs' losses are NaN or infinite."""
    return ~np.isfinite(frame.measures["train_loss"])


def _advance(specs: Sequence[RunSpec], data: Examples, device: str, compile: bool, stride: int) -> Advance:
    """How these runs step."""
    advance = Single(specs[0], data, device) if len(specs) == 1 else Ensemble(specs, data, device, compile)
    if stride > 1 and len(specs) <= ALONE and offered(specs[0].problem, device):
        return Scalar(specs, data, advance)
    return advance


def _until(spec: RunSpec, step: int, stride: int) -> int:
    """The last step to take before the next tick: at most `stride` ahead, and the next measurement, as there is one
    at every switch."""
    switches = (phase.start for phase in spec.phases if phase.start > step)
    return min(step + stride, step - step % spec.every + spec.every, spec.steps, *switches)


def _measured(
    specs: Sequence[RunSpec], state: State, data: Examples, held_out: Examples
) -> Generator[Tick, None, tuple[State, Frame]]:
    """The state with its runs' top eigenvectors as now tracked, and their measurements; a tick for each breath."""
    rows, tops = [], []
    for spec, member in zip(specs, members(state, len(specs)), strict=True):
        row, top = yield from measure(spec, member, data, held_out, Tick(state, None))
        rows.append(row)
        tops.append(top)
    top = tops[0] if len(specs) == 1 else torch.stack(tops)
    measures = {name: np.array([row[name] for row in rows]) for name in MEASURES}
    frame = Frame(state.step, state.theta.view(len(specs), -1), measures)
    return state._replace(measured=state.step, top=top), frame
