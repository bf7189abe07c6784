"""Short ways to drive the engine in tests: run a generator to its end, train a run, shift a start, make a run's record
by hand."""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, cast
from unittest.mock import patch

import numpy as np
import psutil
import torch
from torch import Tensor

from engine.problems import Classification, Problem
from engine.records import Computing, Run
from engine.spec import encode, knobs
from engine.training.loop import Frame, State, train
from engine.training.runs import RunSpec
from engine.work.nursery import NURSERY


@dataclass(frozen=True)
class Double(Classification):
    """The same problem in double precision, from the same start."""

    dtype: ClassVar = torch.float64

    def start(self, seed: int) -> Tensor:
        return super().start(seed).to(self.dtype)


def last(items: Iterable[Any]) -> Any:
    """The last item of a generator that has run to its end."""
    return deque(items, maxlen=1).pop()


def returned(generator: Generator[Any, Any, Any]) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def workers(server: int) -> list[psutil.Process]:
    """The workers of a server that has a nursery of its own, by the server's number."""
    return [worker for nursery in psutil.Process(server).children() for worker in nursery.children()]


def alone() -> dict[str, str]:
    """The environment of a server that has a nursery of its own, and not these tests'."""
    return {name: value for name, value in os.environ.items() if name != NURSERY}


def final(*specs: RunSpec, state: State | None = None) -> State:
    """The state at the end of training."""
    return last(train(specs, state=state)).state


def frames(*specs: RunSpec, stride: int = 1) -> list[Frame]:
    """Every measurement of a training."""
    return [tick.frame for tick in train(specs, stride=stride) if tick.frame]


def somewhere(problem: Problem, seed: int = 0) -> Tensor:
    """A point of no symmetry: a start, shifted so that no bias is 0 and no scale is 1, in float64."""
    theta = problem.start(seed).double()
    return theta + 0.05 * torch.randn(len(theta), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made_up(spec: Any) -> Iterator[tuple[dict[str, type], type]]:
    """The classes in a spec that tests have made up, each with the table that it is missing from."""
    for name, knob in knobs(type(spec)).items():
        value = getattr(spec, name)
        for item in value if isinstance(value, tuple) else (value,):
            if knob.nested:
                table = cast(Any, knob.table())
                if type(item).__name__ not in table:
                    yield table, type(item)
                yield from made_up(item)


SEEN: list[tuple[dict[str, type], type]] = []
"""What the specs of records made by hand have of these."""


def computed(analysis: Any, run: Run, device: str = "cpu") -> Any:
    """The record of an analysis of a run made by `record`."""
    return returned(computing(analysis, run, device))


def computing(analysis: Any, run: Run, device: str = "cpu") -> Computing:
    """The analysis at work; classes that tests have made up are in their tables while it is."""
    with ExitStack() as tables:
        for table, cls in SEEN:
            tables.enter_context(patch.dict(table, {cls.__name__: cls}))
        return (yield from analysis.compute([run], device, None))


def stages(analysis: Any, run: Run) -> list[Any]:
    """What an analysis shows on its way, and its record in the place of the last."""
    parts, task = [], computing(analysis, run)
    while True:
        try:
            progress = next(task)
        except StopIteration as end:
            return [*parts[:-1], end.value]
        if progress.partial:
            parts.append(progress.partial())


def record(spec: RunSpec, path: Tensor | np.ndarray) -> Run:
    """A finished run whose path [T, n] is given."""
    SEEN.extend(found for found in made_up(spec) if found not in SEEN)
    points = torch.as_tensor(path).numpy().copy()
    measures = {"limit": np.full(len(points), spec.update.limit(spec.lr))}
    return Run(
        spec=encode(spec),
        steps=np.arange(len(points)) * spec.every,
        seconds=np.arange(len(points)) * 1.0,
        measures=measures,
        path=points,
    )


def at_start(problem: Problem, seed: int = 0) -> tuple[RunSpec, Run]:
    """A spec of a problem, and a record that holds its start as the only checkpoint."""
    spec = RunSpec(problem=problem, batch=0, seed=seed)
    return spec, record(spec, problem.start(seed)[None])
