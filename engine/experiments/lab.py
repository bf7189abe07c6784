"""The lab: performs an experiment, its ensembles in turn so that their curves grow together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from engine.experiments.experiment import Experiment, Point, current, plan
from engine.records import Arrays, Computing, Progress, Record, Result
from engine.spec import encode
from engine.training.loop import STRIDE, Frame, State, train
from engine.training.recording import kept, restored
from engine.training.runs import RunSpec

KEPT = 16
"""Parameters up to which the path of a run is kept in the result."""


def perform(experiment: Experiment, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """Trains and measures all runs of an experiment, from where an unfinished result of it has left them.

    Yields after every step, or some hundred on a toy landscape.
    """
    unfinished = current(experiment, before if isinstance(before, Result) else None)
    lab, started = Lab(experiment, device, unfinished), time.monotonic() - unfinished.seconds

    def result(status: str = "running") -> Result:
        return Result(
            spec=encode(experiment),
            status=status,
            done=lab.done,
            total=lab.total,
            seconds=time.monotonic() - started,
            arrays={key: values.copy() for key, values in lab.arrays.items()},
            runs=plan(experiment),
            state={} if status == "finished" else lab.state,
        )

    for new in lab.work():
        yield Progress(lab.done, lab.total, result if new else None)
    return result("finished")


class Lab:
    """The ensembles of an experiment, at work in turn."""

    def __init__(self, experiment: Experiment, device: str = "cpu", before: Result | None = None):
        self.arrays: Arrays = {}
        """What there is to know, by "ensemble/quantity"."""
        self.benches = list(_benches(experiment, self.arrays, device, before))
        self.total = sum(bench.total for bench in self.benches)

    def work(self) -> Iterator[bool]:
        """Goes on to the end, always with the ensemble that is behind; yields whether something new is to be known."""
        while waiting := [bench for bench in self.benches if not bench.ended]:
            yield from min(waiting, key=lambda bench: (bench.done / bench.total, bench.row)).until_measured()

    @property
    def done(self) -> int:
        """Steps taken, of all runs together."""
        return sum(bench.done for bench in self.benches)

    @property
    def state(self) -> Arrays:
        """What all ensembles go on from, by "ensemble/part"."""
        return {f"{b.key}/{part}": values for b in self.benches for part, values in b.checkpoint().items()}


def _benches(experiment: Experiment, arrays: Arrays, device: str, before: Result | None) -> Iterator[_Bench]:
    """All runs, those of an ensemble together or, where the experiment says so, separately."""
    for name, specs in experiment.ensembles().items():
        width = 1 if experiment.separately else len(specs)
        for first in range(0, len(specs), width):
            yield _Bench(experiment, name, specs, slice(first, first + width), arrays, device, before)


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
        before: Result | None,
    ):
        specs = ensemble[members]
        self.experiment, self.name, self.specs = experiment, name, specs
        self.members, self.size, self.arrays = members, len(ensemble), arrays
        self.key = f"{name}/{members.start}" if experiment.separately else name
        spec = specs[0]
        self.steps = sorted({*range(0, spec.steps, spec.every), *(phase.start for phase in spec.phases), spec.steps})
        self.total = spec.steps * len(specs)
        arrays[f"{name}/step"] = np.array(self.steps)
        self.paths: list[list[Point]] = [[] for _ in specs]
        self.done, self.ended, self.row = 0, False, 0
        self.state: State | None = None
        if before:
            self._go_on(before, device)
        self.ticks = train(specs, device, self.state, stride=STRIDE)

    def until_measured(self) -> Iterator[bool]:
        """Goes on to the next measurement; yields whether there is something new to know."""
        for tick in self.ticks:
            if tick.frame:
                for _ in self._note(tick.frame):
                    yield False
                self.ended = tick.frame.step == self.specs[0].steps
            self.state = tick.state
            self.done = tick.state.step * len(self.specs)
            yield tick.frame is not None
            if tick.frame:
                return
        self.done, self.ended = self.total, True  # all have diverged: what is left stays NaN
        yield True

    def checkpoint(self) -> Arrays:
        """What this ensemble goes on from: the state of its training, and where its runs were, if that is asked."""
        if self.state is None:
            return {}
        paths = {}
        if self._probed and self.paths[0]:
            rows = [torch.stack([point.theta for point in row]) for row in zip(*self.paths, strict=True)]
            paths = {"paths": torch.stack(rows).cpu().numpy()}
        return kept(self.state) | {"ended": np.array(int(self.ended)), "row": np.array(self.row)} | paths

    @property
    def _probed(self) -> bool:
        return type(self.experiment).probe is not Experiment.probe

    def _go_on(self, before: Result, device: str) -> None:
        """Takes over what an unfinished result has of this ensemble."""
        start = f"{self.key}/"
        saved = {key.removeprefix(start): v for key, v in before.state.items() if key.startswith(start)}
        if not saved:
            return
        self.arrays |= {key: v.copy() for key, v in before.arrays.items() if key.rpartition("/")[0] == self.name}
        self.ended, self.row = bool(saved.pop("ended")), int(saved.pop("row"))
        paths = saved.pop("paths", None)
        if paths is not None:
            thetas = torch.as_tensor(paths, device=device)
            self.paths = [
                [Point(step, theta) for step, theta in zip(self.steps, thetas[:, r], strict=False)]
                for r in range(len(self.specs))
            ]
        self.state = restored(saved, device)
        self.done = self.total if self.ended else self.state.step * len(self.specs)

    def _note(self, frame: Frame) -> Iterator[None]:
        """Takes a measurement into the arrays, with what the experiment probes; yields after each member. What a
        checkpoint speaks of is changed last: one that is left between two members measures again."""
        for quantity, values in frame.measures.items():
            self._column(quantity)[self.row, self.members] = values
        paths = [[*path, Point(frame.step, theta)] for path, theta in zip(self.paths, frame.theta, strict=True)]
        for nth, (spec, theta) in enumerate(zip(self.specs, frame.theta, strict=True)):
            member = self.members.start + nth
            if not torch.isfinite(theta).all():
                continue  # a run that is lost has nothing more to measure, and must not take the others with it
            for quantity, value in self.experiment.probe(self.name, member, spec, paths[nth]).items():
                self._column(quantity, *np.shape(value))[self.row, member] = value
            yield
        if frame.theta.shape[1] <= KEPT:
            self._column("theta", frame.theta.shape[1])[self.row, self.members] = frame.theta.double().cpu().numpy()
        self.paths = paths
        self.row += 1

    def _column(self, quantity: str, *axes: int) -> np.ndarray:
        """[T, R, *axes]: a quantity of the whole ensemble, NaN where it is not known yet."""
        name = f"{self.name}/{quantity}"
        if name not in self.arrays:
            self.arrays[name] = np.full((len(self.steps), self.size, *axes), np.nan)
        return self.arrays[name]
