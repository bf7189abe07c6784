"""What work will cost, counted before anything of it is computed: a run's first steps, or one look at all examples,
done on torch's `meta` device, where tensors have shapes and no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engine.curvature import Hessian, training_hessian
from engine.experiments import Experiment
from engine.machine import CORES
from engine.problems import Problem, evaluate
from engine.rules import Rule, need
from engine.sweeps.chunk import WIDE
from engine.sweeps.design import DesignSpec
from engine.sweeps.outcome import LOOKS
from engine.sweeps.spec import SweepSpec
from engine.training.loop import STRIDE, train
from engine.training.runs import MEASURES, RunSpec
from engine.training.scalar import offered
from engine.training.schedules import Constant
from engine.work.effort import PRODUCTS, Effort, frames, row
from engine.work.tally import Tally, Toll, speed, timed

PERIOD = 10
"""Steps that are counted of a rule that goes by the clock, and takes fewer gradients at some of them."""
DOUBLE = 2
"""What an operation costs in double precision, in those of single precision."""
SLACK = 2.5
"""What a process takes, in what is counted: freed pieces that it keeps, and other threads' (1.6 to 4.8 on six
models)."""
SHORT, REPEATS = 0.02, 3
"""Seconds by count below which a look at all examples is timed instead, the median of so many."""
AROUND_POINT, AROUND_PRODUCT = 2e-4, 5e-4
"""Seconds that the interpreter takes around a loss at a point of a surface, and around a product (to make it orthogonal
to those before it)."""
TOGETHER, NUMBERS = 0.5, 14
"""What a run of a sweep takes, in what it takes alone; and the numbers that are kept of it beside its curves."""
STATES = 8
"""Vectors as long as theta that a checkpoint holds at most: theta, the update's, the rule's, the top eigenvector."""


@dataclass(frozen=True)
class Cost:
    """What work will cost."""

    parameters: int
    record: int  # bytes of all that is kept
    memory: int  # bytes that are held at once
    seconds: float  # alone on this machine, by its measured speed
    path: int = 0  # of a run: bytes of theta at every measurement
    flops: float = 0.0  # and a step's, in matrix products and convolutions, by the rule that has most
    step_memory: int = 0  # and bytes that a step holds at once


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


def of_run(spec: RunSpec, runs: Sequence[RunSpec] = ()) -> Cost:
    """What a run will cost; SpecError where its data are not here."""
    n, width, measured = spec.problem.size(), spec.problem.dtype.itemsize, frames(spec)
    path, seconds, counted = measured * n * width, 0.0, list[Counted]()
    ends = [phase.start for phase in spec.phases[1:]] + [spec.steps]
    for phase, end in zip(spec.phases, ends, strict=True):
        steps = end - phase.start
        if offered(spec.problem, "cpu"):
            seconds += steps * _step_of_a_toy(_alone(spec, phase.rule, STRIDE))
            continue
        one = _counted(_alone(spec, phase.rule, PERIOD if need(phase.rule, "clock") else 1))
        counted.append(one)
        seconds += steps * speed().seconds(one.step)
        seconds += measured * steps / spec.steps * speed().seconds(one.measurement)
    held = [max(one.step_memory, one.measurement_memory) for one in counted]
    return Cost(
        parameters=n,
        path=path,
        record=path + STATES * n * width + measured * 8 * (len(MEASURES) + 2),
        flops=max((one.step.flops for one in counted), default=0.0),
        step_memory=max((one.step_memory for one in counted), default=0),
        memory=2 * path + _data(spec.problem, spec.curvature) + int(SLACK * max(held, default=0)),
        seconds=seconds,
    )


class Looked:
    """One look at all examples of a problem and a product with its Hessian: seconds on one thread, and bytes held.

    They are counted, and where that says that they are short, done: small tensors take what counting cannot know.
    """

    def __init__(self, problem: Problem):
        with Tally() as looks:
            self._evaluate(problem, "meta")
        with Tally() as tally:
            hessian, theta = self._hessian(problem, "meta")
            gradient = tally.toll
            hessian(theta)
        product = tally.toll.plus(gradient, -1)
        self.memory, self.curvature_memory = looks.most, tally.most
        self.evaluation, self.gradient, self.product = map(speed().seconds, (looks.toll, gradient, product))
        if self.evaluation + self.gradient + self.product < SHORT:
            self.evaluation = timed(lambda: self._evaluate(problem, "cpu"), REPEATS)
            self.gradient = timed(lambda: self._hessian(problem, "cpu"), REPEATS)
            hessian, theta = self._hessian(problem, "cpu")
            self.product = timed(lambda: hessian(theta), REPEATS)

    @staticmethod
    def _evaluate(problem: Problem, device: str) -> None:
        theta = torch.zeros(problem.size(), dtype=problem.dtype, device=device)
        evaluate(problem, theta, problem.load("train", device))

    @staticmethod
    def _hessian(problem: Problem, device: str) -> tuple[Hessian, Tensor]:
        theta = torch.zeros(problem.size(), dtype=problem.dtype, device=device)
        return training_hessian(problem, theta), theta


def of_analysis(effort: Effort, problem: Problem) -> Cost:
    """What an analysis of runs of a problem will cost; SpecError where its data are not here."""
    looked = _looked(problem)
    double = DOUBLE * (problem.dtype.itemsize == 4)  # what is in double precision already is not done again
    graphs = effort.gradients * (1 + double * bool(effort.exact))
    held = max(CORES * looked.memory, (1 + double) * looked.curvature_memory * bool(effort.gradients))
    return Cost(
        parameters=problem.size(),
        record=effort.record,
        memory=effort.held + effort.record + _data(problem, curvature=True) + int(SLACK * held),
        seconds=(looked.evaluation / CORES + AROUND_POINT) * effort.evaluations
        + looked.gradient * graphs
        + (looked.product + AROUND_PRODUCT) * effort.products
        + looked.product * double * effort.exact,
    )


def of_experiment(experiment: Experiment, runs: Sequence[RunSpec] = ()) -> Cost:
    """What an experiment will cost; SpecError where its data are not here."""
    costs, times = [], []
    for specs in experiment.ensembles().values():
        alone = specs if experiment.separately else specs[:1]
        costs += [of_run(spec) for spec in alone]
        times += [len(specs) // len(alone)] * len(alone)
    both = [*zip(costs, times, strict=True)]
    return Cost(
        parameters=max(cost.parameters for cost in costs),
        record=sum((cost.record - cost.path) * times for cost, times in both),
        memory=max(cost.memory * times for cost, times in both),
        seconds=sum(cost.seconds * times for cost, times in both),
    )


def of_sweep(sweep: SweepSpec | DesignSpec, runs: Sequence[RunSpec] = ()) -> Cost:
    """What a sweep or a design will cost where nothing of it was trained before, on all cores; no path is kept."""
    one, count = of_run(sweep.run), int(np.prod(sweep.shape))
    curves = 4 * 4 * min(frames(sweep.run), LOOKS)
    return Cost(
        parameters=one.parameters,
        record=count * (curves + 4 * NUMBERS),
        memory=2 * count * (curves + 8 * NUMBERS) + WIDE * STATES * row(sweep.run) + WIDE * one.memory // PERIOD,
        seconds=TOGETHER * count * one.seconds / CORES,
    )


def _alone(spec: RunSpec, rule: Rule, steps: int) -> RunSpec:
    """A short run of one rule, which all runs share that differ in nothing that costs."""
    plain = {"lr": 0.01, "schedule": Constant(), "seed": 0, "then": (), "warmup": 0}
    return replace(spec, rule=rule, steps=steps, every=steps, **plain)


@lru_cache(maxsize=256)
def _counted(spec: RunSpec) -> Counted:
    return Counted(spec)


@lru_cache(maxsize=64)
def _looked(problem: Problem) -> Looked:
    return Looked(problem)


@lru_cache(maxsize=256)
def _step_of_a_toy(spec: RunSpec) -> float:
    """Seconds a step of a toy landscape, whose steps are no tensor operations."""
    ticks = train([spec], stride=spec.steps)
    next(tick for tick in ticks if tick.frame)
    return timed(lambda: next(ticks, None), repeats=1) / spec.steps


def _data(problem: Problem, curvature: bool) -> int:
    """Bytes of the examples; those of single precision are also there in double, for residuals."""
    examples = [problem.load(split, "meta") for split in ("train", "test")]
    once = sum(t.nbytes for split in examples for t in split if t is not None)
    return once * (3 if curvature and problem.dtype.itemsize == 4 else 1)
