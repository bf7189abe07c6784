"""Tasks: training and analyses as generators of progress that keep their results in a store; the worker and the
command line drive them."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.experiments import Experiment, Lap, current, perform, plan
from engine.records import RecordError, Result, Run
from engine.spec import SpecError, decode, digest, encode
from engine.training.loop import STRIDE, Frame, State, Tick, diverged, train
from engine.training.runs import RUNS, RunSpec
from engine.work.store import Store

ANALYSES = {"surface": SurfaceSpec, "spectrum": SpectrumSpec, "alignment": AlignmentSpec}
SAVE_EVERY = 2.0
"""Seconds between checkpoints of a run that is training."""


ENDS = ("finished", "diverged")
"""The ways a run comes to its own end."""


class Stop(Exception):
    """Thrown into a task to end it for good, its record kept as stopped."""


class Progress(NamedTuple):
    """How far a task is; `frame` holds the measures of one newly measured step."""

    done: int
    total: int
    frame: dict[str, float] | None = None
    saved: bool = False  # whether the store holds something new
    status: str = "running"
    reason: str = ""


def training(store: Store, spec: RunSpec, device: str = "cpu", fresh: bool = False) -> Iterator[Progress]:
    """Trains a run into the store, from its last checkpoint where an unfinished one is there (unless `fresh`).

    Closing the generator leaves the run to be resumed; throwing Stop into it keeps the run as stopped. An error in
    training keeps the run as failed, with its reason, and is not raised. The record of a run that has come to its end
    is only replaced by another such: training anew and giving up loses nothing.
    """
    kept = _kept(store, spec)
    ended = kept is not None and not kept.state
    log = _Log(spec, device, None if fresh or ended else kept)

    def save(status: str, reason: str = "") -> None:
        if not ended and status != "running":
            # those made on the way speak of a shorter path; of an ended run they stay true
            store.forget_analyses(digest(spec))
        if not ended or status in ENDS:
            store.save_run(log.run(status, reason))

    if kept and not ended:
        store.forget_analyses(digest(spec))
    yield from log.replay()
    saved = time.monotonic()
    try:
        for tick in log.timed(train([spec], device, log.state, stride=STRIDE)):
            log.add(tick.state, tick.frame)
            save_now = time.monotonic() - saved > SAVE_EVERY
            if save_now:
                save("running")
                saved = time.monotonic()
            yield Progress(log.step, spec.steps, log.last() if tick.frame else None, save_now)
        status, reason = ("diverged", log.diverged) if log.diverged else ("finished", "")
    except GeneratorExit:
        save("running")
        raise
    except Stop:
        status, reason = "stopped", f"stopped at step {log.step} of {spec.steps}"
    except Exception as error:  # whatever breaks a run must not break the worker that also runs the others
        status, reason = "failed", _line(error)
    save(status, reason)
    yield Progress(log.step, spec.steps, None, True, status, reason)


def analysis(store: Store, run: str, spec: Any, device: str = "cpu") -> Iterator[Progress]:
    """Computes one analysis of a kept run into the store; each level or part is kept as soon as it is there."""
    record, name = store.run(run), digest(spec)
    done = total = 0
    saved: float = 0.0
    unsaved: Any = None

    def keep(part: Any) -> None:
        if record.status == "running" and store.summary(run).status != "running":
            raise SpecError("run: it has gone on since this was begun; compute it again")
        store.save_analysis(part, name)

    try:
        for done, total, part in spec.compute(decode(RUNS, record.spec), record, device):
            unsaved = part or unsaved
            save_now = unsaved is not None and (done == total or time.monotonic() - saved > 0.5)
            if save_now:
                keep(unsaved)
                saved, unsaved = time.monotonic(), None
            yield Progress(done, total, None, save_now)
        ended, reason = "finished", ""
    except Stop:
        ended, reason = "stopped", "cancelled"
    except Exception as error:
        ended, reason, unsaved = "failed", _line(error), None
    if unsaved is not None:
        keep(unsaved)
    yield Progress(done, total, None, True, ended, reason)


def performing(store: Store, experiment: Experiment, device: str = "cpu") -> Iterator[Progress]:
    """Performs an experiment into the store, in place of what was kept of it; but a complete result comes back where
    this one does not get so far."""
    before = _performed(store, experiment)
    spec, made, started, saved = encode(experiment), _made(device), time.monotonic(), 0.0
    result, arrays, lap = Result(spec), None, Lap(0, 0)

    def keep() -> None:
        nonlocal result, arrays, saved
        result = Result(
            spec, lap.done, lap.total, time.monotonic() - started, made, arrays or result.arrays, plan(experiment)
        )
        store.save_result(result)
        arrays, saved = None, time.monotonic()

    ended, reason = "finished", ""
    try:
        for lap in perform(experiment, device):
            arrays = lap.arrays or arrays
            save_now = arrays is not None and time.monotonic() - saved > 0.5
            if save_now:
                keep()
            yield Progress(lap.done, lap.total, None, save_now)
    except GeneratorExit:
        if before:
            store.save_result(before)
        raise
    except Stop:
        ended, reason = "stopped", "cancelled"
    except Exception as error:
        ended, reason = "failed", _line(error)
    if before and ended != "finished":
        store.save_result(before)
    elif lap.total:
        keep()
    yield Progress(lap.done, lap.total, None, True, ended, reason)


def _performed(store: Store, experiment: Experiment) -> Result | None:
    """The complete result of an experiment that the store holds, if it can be read."""
    try:
        kept = current(experiment, store.result(digest(experiment)))
    except (RecordError, SpecError):
        return None
    return kept if kept.complete else None


class _Log:
    """The frames and the state of one run, and the record made of them."""

    def __init__(self, spec: RunSpec, device: str, before: Run | None):
        self.spec, self.device, self.before = spec, device, before
        self.state = _state(before, device) if before else None
        self.steps, self.seconds = ([*a] for a in (before.steps, before.seconds)) if before else ([], [])
        self.rows = (
            [dict(zip(before.measures, row, strict=True)) for row in zip(*before.measures.values(), strict=True)]
            if before
            else []
        )
        self.path = [*before.path] if before else []
        self.spent = float(self.seconds[-1]) if self.seconds else 0.0
        self.diverged = ""

    @property
    def step(self) -> int:
        return self.state.step if self.state else 0

    def replay(self) -> Iterator[Progress]:
        """The frames measured before, for whoever watches."""
        for step, seconds, row in zip(self.steps, self.seconds, self.rows, strict=True):
            yield Progress(int(step), self.spec.steps, _plain(step, seconds, row))

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
        self.state = state
        if frame:
            self.steps.append(frame.step)
            self.seconds.append(self.spent)
            self.rows.append({name: values[0] for name, values in frame.measures.items()})
            self.path.append(frame.theta[0].cpu().numpy())
            if diverged(frame)[0]:
                self.diverged = f"the loss left the finite numbers by step {frame.step}"

    def last(self) -> dict[str, float]:
        return _plain(self.steps[-1], self.seconds[-1], self.rows[-1])

    def run(self, status: str, reason: str = "") -> Run:
        """The record so far; with the state to go on from, unless the run came to its end."""
        measures = {
            name: np.array([row[name] for row in self.rows], float) for name in (self.rows[0] if self.rows else ())
        }
        state = {} if status in ENDS or self.state is None else _arrays(self.state)
        path = np.array(self.path) if self.path else np.zeros((0, self.spec.problem.size()))
        return Run(
            encode(self.spec),
            status,
            reason,
            _made(self.device),
            np.array(self.steps, int),
            np.array(self.seconds, float),
            measures,
            path,
            state,
        )


def _plain(step: int, seconds: float, row: dict[str, float]) -> dict[str, float]:
    return {"step": int(step), "seconds": float(seconds)} | {name: float(value) for name, value in row.items()}


def _made(device: str) -> dict[str, str]:
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    return {
        "device": device,
        "hardware": name,
        "torch": torch.__version__,
        "when": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()) + " UTC",
    }


def _kept(store: Store, spec: RunSpec) -> Run | None:
    """The record of this spec that the store holds, if it can be read."""
    try:
        return store.run(digest(spec))
    except RecordError:
        return None


def _line(error: Exception) -> str:
    """An error as one line."""
    text = str(error).splitlines()[0] if str(error) else ""
    return (
        text if isinstance(error, SpecError | RecordError | FloatingPointError) else f"{type(error).__name__}: {text}"
    )[:300]


def _arrays(state: State) -> dict[str, np.ndarray]:
    """A state as named arrays: "step", "theta", "update.m" and so on."""
    arrays = {name: np.array(getattr(state, name)) for name in SCALARS} | {
        name: getattr(state, name).cpu().numpy() for name in ("theta", "top")
    }
    for part in ("rule", "update"):
        arrays |= {f"{part}.{name}": value.cpu().numpy() for name, value in getattr(state, part).items()}
    return arrays


def _state(run: Run, device: str) -> State:
    """The state that `_arrays` made."""
    tensors = {name: torch.as_tensor(value, device=device) for name, value in run.state.items()}
    memory = {
        part: {name.removeprefix(f"{part}."): v for name, v in tensors.items() if name.startswith(f"{part}.")}
        for part in ("rule", "update")
    }
    step, measured, gradients = (run.state[name].item() for name in SCALARS)
    return State(step, measured, gradients, tensors["theta"], memory["rule"], memory["update"], tensors["top"])


SCALARS = ("step", "measured", "gradients")
