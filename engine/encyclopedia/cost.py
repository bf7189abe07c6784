"""What a rule costs: the gradients it asks for, counted in a real run on digits, and the time it takes beside plain
descent, measured here."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch

from engine.machine import settle
from engine.problems import Classification, Problem
from engine.rules import SGD, Rule
from engine.training.loop import train
from engine.training.runs import RunSpec
from engine.training.single import Single
from engine.training.state import State, begin
from engine.training.updates import Momentum

STEPS = 110
"""Five epochs of digits in batches of 64: a whole number of the periods of 1, 2, 5 or 10 steps in which a rule saves
gradients."""

LEAST, PIECES = 5, 5
"""Turns that a race has at least, however slow; and in how many pieces a turn is run, so that a busy moment of the
machine meets all runners."""


class Count(NamedTuple):
    """Gradient evaluations a step, each over the whole batch or a part of it."""

    steps: int  # counted
    calls: float  # mean number of evaluations
    batches: float  # the same, one over half the batch being half
    least: int  # fewest and most calls of a step
    most: int


class Timing(NamedTuple):
    """Seconds a step, over those of plain descent in the same turn: the median of all turns, and their quartiles."""

    ratio: float
    low: float
    high: float
    seconds: float  # median
    turns: int


class Lap(NamedTuple):
    """How far a race is, from 0 to 1, and the seconds a step of each runner in its turns so far; plain descent is
    the first."""

    share: float
    times: list[list[float]]


def count(rule: Rule, steps: int = STEPS, problem: Problem | None = None, batch: int = 64) -> Count:
    """What the first `steps` steps of the rule's own run on a problem, by default the digits MLP, ask for."""
    settle()
    spec = _spec(rule, problem or Classification(), batch)
    single, state = Single(spec, spec.problem.load("train"), "cpu"), begin([spec], "cpu")
    shares: list[list[float]] = []  # by step: of the batch, for each gradient
    for _ in range(steps):
        moving, asked = single.step(state)
        state = state.moved(moving, sum(asked))
        shares.append(asked)
    calls = [len(asked) for asked in shares]
    return Count(steps, sum(calls) / steps, sum(map(sum, shares)) / steps, min(calls), max(calls))


def race(
    rules: Sequence[Rule],
    problem: Problem | None = None,
    device: str = "cpu",
    steps: int = STEPS,
    turns: int = 15,
    seconds: float = math.inf,
    batch: int = 64,
) -> Iterator[Lap]:
    """Lets plain descent and each rule go `steps` steps a turn, a fifth of them at a time, one after the other;
    yields after each fifth.

    Ends after `turns` turns, or after the first, but the fifth at the earliest, that ends later than `seconds` after
    the start. One more, at the beginning, warms up and is not timed.
    """
    settle()
    runs = [_run(rule, problem or Classification(), batch, device) for rule in (SGD(), *rules)]
    start, laps, done = time.perf_counter(), (turns + 1) * PIECES * len(runs), 0
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(turns + 1):
        row = [0.0] * len(runs)
        for i in [*range(len(runs))] * PIECES:
            row[i] += _seconds(runs[i], steps // PIECES, device) / steps
            done += 1
            yield Lap(max(done / laps, min((time.perf_counter() - start) / seconds, 0.99)), times)
        if turn:
            for column, spent in zip(times, row, strict=True):
                column.append(spent)
        if turn >= LEAST and time.perf_counter() - start > seconds:
            break
    yield Lap(1.0, times)


def _seconds(run: Iterator[State], steps: int, device: str) -> float:
    begun = time.perf_counter()
    for _ in islice(run, steps):
        pass
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def timings(lap: Lap) -> list[Timing]:
    """Each rule's Timing, from two turns or more."""
    plain, *others = lap.times
    return [_timing(own, plain) for own in others]


def _timing(own: Sequence[float], plain: Sequence[float]) -> Timing:
    low, middle, high = statistics.quantiles([a / b for a, b in zip(own, plain, strict=True)], n=4)
    return Timing(middle, low, high, statistics.median(own), len(own))


def _run(rule: Rule, problem: Problem, batch: int, device: str) -> Iterator[State]:
    """The state after each step of a run without end."""
    return (tick.state for tick in train([_spec(rule, problem, batch)], device) if tick.frame is None)


def _spec(rule: Rule, problem: Problem, batch: int) -> RunSpec:
    """A run without end that measures nothing but its start."""
    many = 10**6
    return RunSpec(problem, rule, Momentum(0.9), lr=0.05, batch=batch, steps=many, every=many, curvature=False)
