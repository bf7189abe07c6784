"""Short ways to drive the engine in tests: run a generator to its end, train a run, make a run's record by hand."""

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from engine.problems import Classification, Problem
from engine.records import Run
from engine.spec import encode
from engine.training.loop import Frame, State, train
from engine.training.runs import RunSpec


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


def final(*specs: RunSpec, state: State | None = None) -> State:
    """The state at the end of training."""
    return last(train(specs, state=state)).state


def frames(*specs: RunSpec, stride: int = 1) -> list[Frame]:
    """Every measurement of a training."""
    return [tick.frame for tick in train(specs, stride=stride) if tick.frame]


def record(spec: RunSpec, path: Tensor | np.ndarray) -> Run:
    """A finished run whose path [T, n] is given."""
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
