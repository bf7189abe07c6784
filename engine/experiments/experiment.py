"""What an experiment is: a claim, the runs that test it, what is measured of them, checks that can fail, and the
picture a paper would show."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
from torch import Tensor

from engine.figures.drawing import Drawing
from engine.figures.words import number
from engine.records import Result
from engine.rules import Rule
from engine.spec import choice, encode, fingerprint
from engine.sweeps.spec import SweepSpec
from engine.training.runs import RunSpec

SIZES = ("quick", "full")
VERDICTS = ("holds", "fails", "pending", "not applicable")


@dataclass(frozen=True)
class Check:
    """One thing that is claimed, and what was measured of it; it holds where the median over the seeds lies between
    two bounds."""

    claim: str  # a sentence
    predicted: str  # by theory or by the paper, as words and numbers
    values: Sequence[float] | np.ndarray  # measured, one for each seed; NaN while it is not known
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    void: str = ""  # why it does not apply at these settings, if it does not
    claimed: bool = True  # whether it must hold here; otherwise a failure is a finding
    note: str = ""  # what to make of it, in plain words
    # whether the value goes with the runs' length or their number, so that quick and full need only agree in the
    # verdict
    sized: bool = False

    @property
    def measured(self) -> float:
        """The median over the seeds; NaN where one of them is missing."""
        return float(np.median(self.values)) if len(self.values) else math.nan

    @property
    def accepted(self) -> str:
        """Between which bounds the measured value must lie, in words."""
        low, high = number(self.low), number(self.high)
        if np.isfinite(self.low) and np.isfinite(self.high):
            return f"{low} to {high}" if low != high else f"{low}, to rounding"
        return f"{low} or more" if np.isfinite(self.low) else f"{high} or less"

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest value over the seeds."""
        return (float(np.min(self.values)), float(np.max(self.values))) if len(self.values) else (math.nan, math.nan)

    def verdict(self, complete: bool = True) -> str:
        """One of VERDICTS; a value that is not finite, or still missing, when the runs are complete fails."""
        if self.void:
            return "not applicable"
        if not complete and not np.isfinite(self.measured):
            return "pending"
        return "holds" if np.isfinite(self.measured) and self.low <= self.measured <= self.high else "fails"


class Question(NamedTuple):
    """What a reader may be asked to predict before the curves are shown; the answer is what a check has measured."""

    text: str
    low: float
    high: float
    check: int  # whose `measured` is the answer


class Point(NamedTuple):
    """A run at one of its measurements."""

    step: int
    theta: Tensor


@dataclass(frozen=True, kw_only=True)
class Experiment(ABC):
    """Settings that a reader may change are its fields; what it claims at the default ones must hold."""

    size: str = choice("quick", SIZES, "Size", "quick takes seconds; full has the seeds and steps of the kept tables.")

    title: ClassVar[str]
    claim: ClassVar[str]  # in one sentence
    setup: ClassVar[str]  # what is run and measured, in one or two
    source: ClassVar[str]  # paper and section
    question: ClassVar[Question | None] = None
    separately: ClassVar[bool] = False  # train the runs of an ensemble one by one: faster for few runs of a small net

    @abstractmethod
    def ensembles(self) -> dict[str, tuple[RunSpec, ...]]:
        """By name, runs that can be trained as one ensemble: they differ in seed, learning rate and the numbers of
        rules only; where they train separately, in anything but the steps that are measured."""

    def probe(self, name: str, member: int, spec: RunSpec, path: Sequence[Point]) -> Mapping[str, float | np.ndarray]:
        """More to measure of a member of the ensemble `name`, at each of its measurements; `path` leads to the
        newest. Names may differ between steps; an array adds its axes to the result's [T, R]."""
        return {}

    @abstractmethod
    def checks(self, result: Result) -> tuple[Check, ...]:
        """Every claim, judged by what there is so far; what is predicted comes from
        `engine.experiments.theory` or the paper, never from `result`."""

    @abstractmethod
    def pictures(self, result: Result) -> tuple[Drawing, ...]:
        """The figures, the most telling one first, beside what theory predicts."""

    @property
    def map(self) -> SweepSpec | None:
        """The robustness map whose cells are its runs, the same by their digests, if they are one: they are then
        trained as those, once for both, and there is of them what cells have (`engine.sweeps.outcome.CURVES`)."""
        return None

    @property
    def full(self) -> bool:
        """Whether this is the full size."""
        return self.size == "full"

    @property
    def unusual(self) -> str:
        """Why checks that are stated for the usual settings do not apply at these; "" where they do."""
        return "" if self == type(self)(size=self.size) else "stated for the usual settings"


class Paper(NamedTuple):
    """A card: what a paper, or an extra beside the five, says, and the experiments on it."""

    key: str  # in addresses and on the command line
    name: str  # what it is about, in a few words
    title: str  # the paper's own
    by: str  # authors and year
    arxiv: str
    claim: str  # in one sentence
    mechanism: tuple[str, str, str]  # three sentences
    formula: str  # lines are separated by two spaces
    experiments: tuple[type[Experiment], ...]
    speaks: Callable[[RunSpec], bool]  # whether it is about what such a run does
    extra: bool = False


def rules_of(spec: RunSpec) -> list[Rule]:
    """The rules of a run: of every phase, a wrapper and what it wraps."""
    return [rule for phase in spec.phases for rule in (phase.rule, getattr(phase.rule, "rule", phase.rule))]


@lru_cache(maxsize=64)
def plan(experiment: Experiment) -> str:
    """Names all that is run, with 16 hex digits: settings that mean other runs than they did when a result was made
    have made none yet."""
    return fingerprint({name: [encode(spec) for spec in specs] for name, specs in experiment.ensembles().items()})


def current(experiment: Experiment, kept: Result | None) -> Result:
    """A kept result, if it is of the runs that the experiment makes now; else one of nothing."""
    return (
        kept
        if kept and kept.runs == plan(experiment)
        else Result(spec=encode(experiment), status="running", runs=plan(experiment))
    )


def reproduced(experiment: Experiment, result: Result) -> bool:
    """Whether everything that is claimed to hold here does."""
    return result.complete and not any(
        check.claimed and check.verdict() == "fails" for check in experiment.checks(result)
    )
