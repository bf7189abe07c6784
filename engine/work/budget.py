"""The budget: what a run will cost, counted before anything of it is computed, and what it may cost at most."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from engine.curvature import training_hessian
from engine.rules import Rule, need
from engine.spec import SpecError
from engine.training.loop import STRIDE, train
from engine.training.runs import MEASURES, RunSpec
from engine.training.scalar import offered
from engine.training.schedules import Constant
from engine.work.process import share_of_memory
from engine.work.tally import Tally, Toll, speed, timed

PERIOD = 10
"""Steps that are counted of a rule that goes by the clock, and takes fewer gradients at some of them."""
PRODUCTS = 22
"""Products with the Hessian that the top eigenpair takes at a measurement, as networks have it in the middle."""
DOUBLE = 2
"""What an operation costs in double precision, in those of single precision."""
SLACK = 2.5
"""What a process takes, in what is counted: freed pieces that it keeps, and other threads' (1.6 to 4.8 on six
models)."""
STATES = 8
"""Vectors as long as theta that a checkpoint holds at most: theta, the update's, the rule's, the top eigenvector."""

FLOPS, PASSES, TENSORS = 6000, 60, 200
"""Generous for any model here: operations for each parameter and example in a gradient (a convolution of 32 x 32 places
has 6 a place), gradients that a measurement is worth, and tensors as large as the widest that a pass holds."""
SLOW = 1e10
"""Operations a second that any machine does."""


@dataclass(frozen=True)
class Cost:
    """What a run will cost."""

    parameters: int
    path: int  # bytes of theta at every measurement
    record: int  # bytes of all that is kept
    flops: float  # a step's, in matrix products and convolutions, by the rule that has most
    step_memory: int  # bytes that a step holds at once
    memory: int  # bytes that the run holds at once: its data, its path, and a step or a measurement
    seconds: float  # alone on this machine, by its measured speed


@dataclass(frozen=True)
class Limits:
    """What a run may cost."""

    path: float = 0.5e9  # bytes
    memory: float = math.nan  # bytes; NaN is one worker's share of the machine's
    hours: float = 24.0


class Counted:
    """One rule's measurement and steps on some batch, counted."""

    def __init__(self, spec: RunSpec):
        for split in ("train", "test"):  # not to be counted, for it is done once
            spec.problem.load(split, "meta")
        with Tally() as tally:
            for tick in train([replace(spec, curvature=False)], "meta"):
                if tick.frame and tick.state.step == 0:
                    begin, tally.most, self.measurement_memory = tally.toll, tally.held, tally.most
                if tick.state.step == spec.steps:
                    break
        self.step, self.step_memory = Toll(0, 0, 0).plus(tally.toll.plus(begin, -1), 1 / spec.steps), tally.most
        self.measurement = begin
        if spec.curvature:
            self._add_curvature(spec)

    def _add_curvature(self, spec: RunSpec) -> None:
        """What the top eigenpair takes besides: the gradient's graph, the products, and those in double precision."""
        theta = torch.zeros(spec.problem.size(), dtype=spec.problem.dtype, device="meta")
        with Tally() as tally:
            hessian = training_hessian(spec.problem, theta)
            graph = tally.toll
            hessian(theta)
        product = tally.toll.plus(graph, -1)
        self.measurement = self.measurement.plus(graph, 1 + DOUBLE).plus(product, PRODUCTS + DOUBLE)
        basis = 2 * PRODUCTS * theta.nbytes
        self.measurement_memory = max(self.measurement_memory, (1 + DOUBLE) * tally.most + basis)


def cost(spec: RunSpec) -> Cost:
    """What a run will cost; SpecError where its data are not here."""
    n, width, frames = spec.problem.size(), spec.problem.dtype.itemsize, _frames(spec)
    path, seconds, counted = frames * n * width, 0.0, list[Counted]()
    ends = [phase.start for phase in spec.phases[1:]] + [spec.steps]
    for phase, end in zip(spec.phases, ends, strict=True):
        steps = end - phase.start
        if offered(spec.problem, "cpu"):
            seconds += steps * _step_of_a_toy(_alone(spec, phase.rule, STRIDE))
            continue
        one = _counted(_alone(spec, phase.rule, PERIOD if need(phase.rule, "clock") else 1))
        counted.append(one)
        seconds += steps * speed().seconds(one.step)
        seconds += frames * steps / spec.steps * speed().seconds(one.measurement)
    held = [max(one.step_memory, one.measurement_memory) for one in counted]
    return Cost(
        parameters=n,
        path=path,
        record=path + STATES * n * width + frames * 8 * (len(MEASURES) + 2),
        flops=max((one.step.flops for one in counted), default=0.0),
        step_memory=max((one.step_memory for one in counted), default=0),
        memory=2 * path + _data(spec) + int(SLACK * max(held, default=0)),
        seconds=seconds,
    )


def check(spec: RunSpec, limits: Limits | None = None, device: str = "cpu") -> None:
    """SpecError, with the field that is to be changed, where a run would cost more than it may. Time and memory are
    the CPU's: of a run on another device only the path is checked."""
    limits = limits or Limits()
    memory = share_of_memory("cpu") if math.isnan(limits.memory) else limits.memory
    path = _frames(spec) * _row(spec)
    if path > limits.path:
        over = f"every: the path would take {size(path)}, at most {size(limits.path)}"
        raise SpecError(f"{over}; {_every(spec, limits.path)} or more fits")
    if device != "cpu" or _cheap(spec, memory, limits.hours):
        return
    found = cost(spec)
    if found.step_memory > memory:
        fit = int((spec.batch or spec.problem.examples()) * memory / found.step_memory)
        over = f"batch: a step would take {size(found.step_memory)} of memory, at most {size(memory)}"
        raise SpecError(f"{over}; about {fit:,} or fewer fit")
    if found.memory > memory:
        over = f"problem: the run would take {size(found.memory)} of memory, at most {size(memory)}"
        raise SpecError(f"{over}; fewer examples or a smaller model fit")
    if found.seconds > limits.hours * 3600:
        fit = int(spec.steps * limits.hours * 3600 / found.seconds)
        over = f"steps: the run would take about {found.seconds / 3600:.3g} hours, at most {limits.hours:g}"
        raise SpecError(f"{over}; about {fit:,} or fewer fit")


def size(count: float) -> str:
    """Bytes in their usual unit: "3.2 MB"."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if count >= unit), (1e3, "kB"))
    return f"{count / unit:.3g} {name}"


def _cheap(spec: RunSpec, memory: float, hours: float) -> bool:
    """Whether a run is so small that it need not be counted: by bounds of what any model here does with a parameter
    and an example it stays below its limits."""
    n, examples = spec.problem.size(), max(spec.problem.examples(), 1)
    seen = 2 * spec.steps * (spec.batch or examples) + PASSES * _frames(spec) * examples
    held = spec.problem.widest() * examples * TENSORS * spec.problem.dtype.itemsize
    return FLOPS * n * seen < SLOW * hours * 3600 and held + 2 * _frames(spec) * _row(spec) < memory


def _alone(spec: RunSpec, rule: Rule, steps: int) -> RunSpec:
    """A short run of one rule, which all runs share that differ in nothing that costs."""
    plain = {"lr": 0.01, "schedule": Constant(), "seed": 0, "then": (), "warmup": 0}
    return replace(spec, rule=rule, steps=steps, every=steps, **plain)


@lru_cache(maxsize=256)
def _counted(spec: RunSpec) -> Counted:
    return Counted(spec)


@lru_cache(maxsize=256)
def _step_of_a_toy(spec: RunSpec) -> float:
    """Seconds a step of a toy landscape, whose steps are no tensor operations."""
    ticks = train([spec], stride=spec.steps)
    next(tick for tick in ticks if tick.frame)
    return timed(lambda: next(ticks, None), repeats=1) / spec.steps


def _frames(spec: RunSpec) -> int:
    return len({*range(0, spec.steps, spec.every), *(phase.start for phase in spec.phases), spec.steps})


def _every(spec: RunSpec, path: float) -> int:
    """The smallest distance of measurements with which the path fits, if any does."""
    most = int(path // _row(spec)) - 1 - len(spec.phases)
    return min(spec.steps, math.ceil(spec.steps / max(most, 1)))


def _row(spec: RunSpec) -> int:
    """Bytes of theta."""
    return spec.problem.size() * spec.problem.dtype.itemsize


def _data(spec: RunSpec) -> int:
    """Bytes of the examples; those of single precision are also there in double, for residuals."""
    examples = [spec.problem.load(split, "meta") for split in ("train", "test")]
    once = sum(t.nbytes for split in examples for t in split if t is not None)
    return once * (3 if spec.curvature and spec.problem.dtype.itemsize == 4 else 1)
