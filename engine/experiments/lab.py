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
    benches = [_Bench(experiment, name, specs, device) for name, specs in experiment.ensembles().items()]
    total = sum(bench.total for bench in benches)
    while waiting := [bench for bench in benches if not bench.ended]:
        bench = min(waiting, key=lambda bench: (bench.done / bench.total, bench.row))
        for fresh in bench.until_measured():
            yield Lap(
                sum(b.done for b in benches),
                total,
                {key: values for b in benches for key, values in b.arrays.items()} if fresh else None,
            )


class _Bench:
    """One ensemble at work."""

    def __init__(self, experiment: Experiment, name: str, specs: tuple[RunSpec, ...], device: str):
        self.experiment, self.name, self.specs = experiment, name, specs
        self.steps = sorted(
            {*range(0, specs[0].steps, specs[0].every), *(phase.start for phase in specs[0].phases), specs[0].steps}
        )
        self.total, self.done, self.ended, self.row = specs[0].steps * len(specs), 0, False, 0
        self.paths: list[list[Point]] = [[] for _ in specs]
        self.arrays: Arrays = {f"{name}/step": np.array(self.steps)}
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
            self._column(quantity)[self.row] = values
        for member, (spec, theta) in enumerate(zip(self.specs, frame.theta, strict=True)):
            self.paths[member].append(Point(frame.step, theta))
            if not torch.isfinite(theta).all():
                continue  # a run that is lost has nothing more to measure, and must not take the others with it
            for quantity, value in self.experiment.probe(self.name, member, spec, self.paths[member]).items():
                self._column(quantity)[self.row, member] = value
        if frame.theta.shape[1] <= KEPT:
            self._column("theta", frame.theta.shape[1])[self.row] = frame.theta.double().cpu().numpy()
        self.row += 1

    def _column(self, quantity: str, *more: int) -> np.ndarray:
        name = f"{self.name}/{quantity}"
        if name not in self.arrays:
            self.arrays[name] = np.full((len(self.steps), len(self.specs), *more), np.nan)
        return self.arrays[name]
