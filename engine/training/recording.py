"""Recording: a run's training as a computation whose record grows with every measurement."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from engine.records import Computing, Progress, Record, Run
from engine.spec import encode
from engine.training.loop import STRIDE, Frame, State, Tick, diverged, train
from engine.training.runs import RunSpec

SCALARS = ("step", "measured", "gradients")


def record(spec: RunSpec, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """Trains a run, from the checkpoint of an unfinished record of it where there is one.

    The frames that were measured before come first. A run whose loss leaves the finite numbers has diverged, and is
    complete.
    """
    log = Log(spec, device, before if isinstance(before, Run) and before.state else None)
    yield Progress(log.step, spec.steps, log.record)
    yield from log.replay()
    for tick in log.timed(train([spec], device, log.state, stride=STRIDE)):
        log.add(tick.state, tick.frame)
        yield Progress(log.step, spec.steps, log.record, log.last() if tick.frame else None)
    return log.record("diverged", log.diverged) if log.diverged else log.record("finished")


class Log:
    """The frames and the state of one run, and the record made of them."""

    def __init__(self, spec: RunSpec, device: str, before: Run | None):
        self.spec = spec
        self.state = restored(before.state, device) if before else None
        self.steps = [*before.steps] if before else []
        self.seconds = [*before.seconds] if before else []
        self.columns = {name: [*values] for name, values in before.measures.items()} if before else {}
        self.path = [*before.path] if before else []
        self.spent = float(self.seconds[-1]) if self.seconds else 0.0
        self.diverged = ""

    @property
    def step(self) -> int:
        """Steps taken so far."""
        return self.state.step if self.state else 0

    def replay(self) -> Iterator[Progress]:
        """The frames measured before, for whoever watches."""
        for i in range(len(self.steps)):
            yield Progress(int(self.steps[i]), self.spec.steps, frame=self._frame(i))

    def timed(self, ticks: Iterator[Tick]) -> Iterator[Tick]:
        """The ticks, with the seconds spent in making them counted, and those spent elsewhere not."""
        while True:
            started = time.monotonic()
            tick = next(ticks, None)
            self.spent += time.monotonic() - started
            if tick is None:
                return
            yield tick

    def add(self, state: State, frame: Frame | None) -> None:
        """Takes note of a state, and of a frame where one was just measured."""
        self.state = state
        if frame is None:
            return
        self.steps.append(frame.step)
        self.seconds.append(self.spent)
        for name, values in frame.measures.items():
            self.columns.setdefault(name, []).append(values[0])
        self.path.append(frame.theta[0].cpu().numpy())
        if diverged(frame)[0]:
            self.diverged = f"the loss left the finite numbers by step {frame.step}"

    def last(self) -> dict[str, float]:
        """The newest frame: its step, seconds and measures."""
        return self._frame(-1)

    def record(self, status: str = "running", reason: str = "") -> Run:
        """The record so far; with the state to go on from, unless the run came to its end."""
        path = np.array(self.path) if self.path else np.zeros((0, self.spec.problem.size()))
        return Run(
            spec=encode(self.spec),
            status=status,
            reason=reason,
            steps=np.array(self.steps, int),
            seconds=np.array(self.seconds, float),
            measures={name: np.array(values, float) for name, values in self.columns.items()},
            path=path,
            state=kept(self.state) if self.state and status == "running" else {},
        )

    def _frame(self, i: int) -> dict[str, float]:
        row = {name: float(values[i]) for name, values in self.columns.items()}
        return {"step": int(self.steps[i]), "seconds": float(self.seconds[i])} | row


def kept(state: State) -> dict[str, np.ndarray]:
    """A state as named arrays: "step", "theta", "update.m" and so on."""
    arrays = {name: np.array(getattr(state, name)) for name in SCALARS}
    arrays |= {name: getattr(state, name).cpu().numpy() for name in ("theta", "top")}
    for part in ("rule", "update"):
        arrays |= {f"{part}.{name}": value.cpu().numpy() for name, value in getattr(state, part).items()}
    return arrays


def restored(arrays: dict[str, np.ndarray], device: str) -> State:
    """The state that `kept` made arrays of."""
    tensors = {name: torch.as_tensor(value, device=device) for name, value in arrays.items()}
    step, measured, gradients = (arrays[name].item() for name in SCALARS)
    rule, update = (
        {name.removeprefix(f"{part}."): value for name, value in tensors.items() if name.startswith(f"{part}.")}
        for part in ("rule", "update")
    )
    return State(step, measured, gradients, tensors["theta"], rule, update, tensors["top"])
