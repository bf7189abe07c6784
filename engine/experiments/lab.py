"""The lab: performs an experiment, its ensembles in turn so that their curves grow together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from engine.experiments.experiment import Experiment, Point
from engine.records import Arrays
from engine.training.loop import STRIDE, Frame, train
from engine.training.runs import RunSpec

KEPT = 16
"""Parameters up to which the path of a run is kept in the result."""


class Lap(NamedTuple):
    """How far an experiment is; `arrays` is what there is to know, where something new is there."""

    done: int
    total: int
    arrays: Arrays | None = None


def perform(experiment: Experiment, device: str = "cpu") -> Iterator[Lap]:
    """Trains and measures all runs of an experiment; yields after every step, or some hundred on a toy landscape,
    and leaving it cancels."""
    arrays: Arrays = {}
    benches = list(_benches(experiment, arrays, device))
    total = sum(bench.total for bench in benches)
    while waiting := [bench for bench in benches if not bench.ended]:
        bench = min(waiting, key=lambda bench: (bench.done / bench.total, bench.row))
        for fresh in bench.until_measured():
            yield Lap(sum(b.done for b in benches), total, dict(arrays) if fresh else None)


def _benches(experiment: Experiment, arrays: Arrays, device: str) -> Iterator[_Bench]:
    """All runs, those of an ensemble together or, where the experiment says so, separately."""
    for name, specs in experiment.ensembles().items():
        width = 1 if experiment.separately else len(specs)
        for first in range(0, len(specs), width):
            yield _Bench(experiment, name, specs, slice(first, first + width), arrays, device)


class _Bench:
    """Some members of an ensemble at work, or all of them; `arrays` is the whole experiment's."""

    def __init__(
        self,
        experiment: Experiment,
        name: str,
        ensemble: tuple[RunSpec, ...],
        members: slice,
        arrays: Arrays,
        device: str,
    ):
        specs = ensemble[members]
        self.experiment, self.name, self.specs = experiment, name, specs
        self.members, self.size, self.arrays = members, len(ensemble), arrays
        self.steps = sorted(
            {*range(0, specs[0].steps, specs[0].every), *(phase.start for phase in specs[0].phases), specs[0].steps}
        )
        self.total, self.done, self.ended, self.row = specs[0].steps * len(specs), 0, False, 0
        self.paths: list[list[Point]] = [[] for _ in specs]
        arrays[f"{name}/step"] = np.array(self.steps)
        self.ticks = train(specs, device, stride=STRIDE)

    def until_measured(self) -> Iterator[bool]:
        """Goes on to the next measurement; yields whether there is something new to know."""
        for tick in self.ticks:
            self.done = tick.state.step * len(self.specs)
            if tick.frame:
                self._note(tick.frame)
                self.ended = tick.frame.step == self.specs[0].steps
                yield True
                return
            yield False
        self.done, self.ended = self.total, True  # all have diverged: what is left stays NaN
        yield True

    def _note(self, frame: Frame) -> None:
        for quantity, values in frame.measures.items():
            self._column(quantity)[self.row, self.members] = values
        for nth, (spec, theta) in enumerate(zip(self.specs, frame.theta, strict=True)):
            self.paths[nth].append(Point(frame.step, theta))
            member = self.members.start + nth
            if not torch.isfinite(theta).all():
                continue  # a run that is lost has nothing more to measure, and must not take the others with it
            for quantity, value in self.experiment.probe(self.name, member, spec, self.paths[nth]).items():
                self._column(quantity, *np.shape(value))[self.row, member] = value
        if frame.theta.shape[1] <= KEPT:
            self._column("theta", frame.theta.shape[1])[self.row, self.members] = frame.theta.double().cpu().numpy()
        self.row += 1

    def _column(self, quantity: str, *axes: int) -> np.ndarray:
        """[T, R, *axes]: a quantity of the whole ensemble, NaN where it is not known yet."""
        name = f"{self.name}/{quantity}"
        if name not in self.arrays:
            self.arrays[name] = np.full((len(self.steps), self.size, *axes), np.nan)
        return self.arrays[name]
