"""Chunks: runs of a sweep that step together, as one ensemble."""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Sequence

import numpy as np
from torch.utils._pytree import tree_map

from engine.machine import settle
from engine.spec import floats, with_floats
from engine.sweeps.outcome import Outcome, end_of, looks, row_of, single
from engine.training.ensemble import Ensemble
from engine.training.runs import RunSpec
from engine.training.state import TENSORS, State, begin, switched

GRAIN = 8
"""Runs step together in multiples of so many, the last one repeated to fill up: a run's bits are then the same however
many others are beside it, and whichever."""
WIDE, TOYS = 32, 1024
"""Runs that step together on a CPU, and of a toy landscape or a problem as small: more are hardly faster."""
TINY = 256
"""Numbers in the largest tensor of such a problem's gradient."""


def family(spec: RunSpec) -> Hashable:
    """Equal for runs that can step together: they differ in their seed, rate, schedule and the numbers of their rules
    and update alone."""
    phases = tuple((phase.start, _plain(phase.rule), phase.restart) for phase in spec.phases)
    shared = (spec.problem, spec.batch, spec.steps, spec.every, spec.curvature, spec.radius, spec.clip)
    return (*shared, phases, _plain(spec.update))


def width(spec: RunSpec, device: str) -> int:
    """How many runs of a family step together."""
    largest = (spec.batch or spec.problem.examples()) * spec.problem.widest()
    return WIDE if device == "cpu" and largest > TINY else TOYS


def trained(specs: Sequence[RunSpec], device: str) -> Generator[int, None, list[Outcome]]:
    """Trains runs of one family together, and returns their outcomes; yields the steps taken after each.

    Runs whose loss has left the finite numbers step no more, once as many as GRAIN have.
    """
    settle()
    spec, logs = specs[0], [_Log() for _ in specs]
    sets = [spec.problem.load(split, device) for split in ("train", "test")]
    left = [*range(len(specs))]
    state = begin(_filled([specs[i] for i in left]), device)
    step = Ensemble(_filled([specs[i] for i in left]), sets[0], device, compile=False)
    while left:
        if state.step in looks(spec):
            for member, i in enumerate(left):
                logs[i].look(state.step, row_of(spec, state.theta[member], state.gradients, sets))
                yield state.step
            stay = [member for member, i in enumerate(left) if logs[i].finite]
            if not stay or state.step == spec.steps:
                break
            if len(_filled(stay)) < len(_filled(left)):
                state, left = _picked(state, _filled(stay)), [left[member] for member in stay]
                step = Ensemble(_filled([specs[i] for i in left]), sets[0], device, compile=False)
        started = time.perf_counter()
        state = switched(step.specs, step(state, state.step + 1))
        for i in left:
            logs[i].seconds += (time.perf_counter() - started) / len(left)
        yield state.step
    thetas = {i: state.theta[member] for member, i in enumerate(left)}
    made = []
    for i, log in enumerate(logs):
        at_end = log.finite and i in thetas
        made.append(log.outcome(end_of(specs[i], thetas[i] if at_end else state.theta[0] * np.nan)))
        yield spec.steps
    return made


class _Log:
    """What has been seen of one run."""

    def __init__(self):
        self.steps: list[int] = []
        self.rows: list[list[float]] = []
        self.seconds = 0.0

    def look(self, step: int, row: list[float]) -> None:
        """Takes note of a row of CURVES, unless the run is lost already."""
        if self.finite:
            self.steps.append(step)
            self.rows.append(row)

    @property
    def finite(self) -> bool:
        """Whether its training loss was finite when it was last looked at."""
        return not self.rows or bool(np.isfinite(single(self.rows[-1:])[0, 0]))

    def outcome(self, ends: np.ndarray) -> Outcome:
        """The outcome."""
        return Outcome(np.array(self.steps), single(self.rows), ends, self.seconds, alone=False)


def _plain(part: object) -> object:
    """A rule or an update without its numbers."""
    return with_floats(part, dict.fromkeys(floats(part), 0.0))


def _filled(items: list) -> list:
    """The items, the last one repeated up to a multiple of GRAIN."""
    return items + items[-1:] * (-len(items) % GRAIN)


def _picked(state: State, members: Sequence[int]) -> State:
    """The state of some of an ensemble's runs."""
    return state._replace(**{name: tree_map(lambda leaf: leaf[[*members]], getattr(state, name)) for name in TENSORS})
