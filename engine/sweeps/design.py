"""What a design is: points in the ranges of several knobs, drawn at random, by Sobol's sequence or by a search; rules
side by side, and seeds. Each run is known by the digest of its spec, as a sweep's are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np

from engine.rules import RULES, Rule
from engine.spec import Several, SpecError, choice, flag, pick, several, word
from engine.spec import knob as number
from engine.sweeps.knobs import fitting, has, placed, short, usual, way
from engine.sweeps.spec import MOST_CELLS
from engine.training.runs import RUNS, RunSpec

BEGIN = 16
"""Points with which a search begins, before it goes by what it has seen: those of Sobol's sequence."""
MOST_SOUGHT = 2000
"""Points of a search: every eight of them are proposed by all that came before."""
FEWEST, MOST = 2, 8
"""Knobs."""
TOWARDS = ("best", "flattest")
Point = tuple[int, int, int]
"""Where a run of a design stands: which rule, point and seed."""


@dataclass(frozen=True)
class Range:
    """A knob and between which values its points lie."""

    knob: str = word("lr", "[a-z_]+(\\.[a-z_0-9]+)*", 60, "Knob", "A number of the run by its dotted name.")
    low: float = number(0.01, 0.0, 1e6, "From")
    high: float = number(1.0, 0.0, 1e6, "To")
    log: bool = flag(True, "By factors", "Evenly over the logarithm instead of over the value.")

    def __post_init__(self):
        if not short(self.low) < short(self.high):
            raise SpecError(f"high: expected more than {self.low:g}, where the knob begins, got {self.high:g}")
        if self.log and self.low <= 0:
            raise SpecError("low: expected more than 0 for equal factors, got 0")

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return short(self.low), short(self.high)

    def at(self, share: float) -> float:
        """The value at a share of the way from the lowest to the highest."""
        low, high = self.ends
        return short(low * (high / low) ** share if self.log else low + (high - low) * share)


RANGES = {"Range": Range}
USUAL = (Range("lr", 0.01, 10.0), Range("rule.rho", 0.01, 5.0), Range("update.momentum", 0.0, 0.95, log=False))


def around(spec: RunSpec, name: str) -> Range:
    """A range in which a run's knob may well be tried."""
    low, high, log = usual(spec, name)
    return Range(name, short(low), short(high), log)


@dataclass(frozen=True)
class Sampler(ABC):
    """How points are drawn."""

    adaptive: ClassVar[bool] = False
    """Whether later points go by what earlier ones have given."""

    @abstractmethod
    def shares(self, points: int, knobs: int) -> np.ndarray:
        """[N, K]: points in the unit cube, of which a smaller number's are the first; of a search those with which it
        begins."""


@dataclass(frozen=True)
class Sobol(Sampler):
    """Points that fill the ranges evenly: Sobol's sequence, scrambled."""

    seed: int = number(0, 0, 2**31 - 1, "Drawn by", "Another number scrambles the sequence otherwise.")

    paper: ClassVar = "Sobol 1967; scrambled as in Matousek 1998, by SciPy"

    def shares(self, points: int, knobs: int) -> np.ndarray:
        from scipy.stats.qmc import Sobol as Sequence  # not before somebody asks: it takes long to import

        return Sequence(knobs, scramble=True, rng=self.seed).random_base2((points - 1).bit_length())[:points]


@dataclass(frozen=True)
class Random(Sampler):
    """Points drawn independently of one another, each knob uniformly."""

    seed: int = number(0, 0, 2**31 - 1, "Drawn by", "Another number draws other points.")

    paper: ClassVar = "Bergstra & Bengio 2012, JMLR 13"

    def shares(self, points: int, knobs: int) -> np.ndarray:
        return np.random.default_rng(self.seed).random((points, knobs))


@dataclass(frozen=True)
class Search(Sampler):
    """A search by what the points so far have given, for each rule by itself: it begins with Sobol's points."""

    towards: str = choice(
        "best",
        TOWARDS,
        "Towards",
        "Best: the smallest held-out loss, the median over the seeds. Flattest: the smallest sharpness, the median over"
        " the seeds, among points whose held-out loss is at most 1.1 times the smallest that the rule has come to.",
    )
    seed: int = number(0, 0, 2**31 - 1, "Drawn by", "Another number searches otherwise.")

    adaptive: ClassVar = True
    paper: ClassVar = "TPE: Bergstra et al. 2011; over all knobs together, Falkner et al. 2018; by Optuna"

    def shares(self, points: int, knobs: int) -> np.ndarray:
        return Sobol(self.seed).shares(min(points, BEGIN), knobs)


SAMPLERS = {cls.__name__: cls for cls in (Sobol, Random, Search)}


@dataclass(frozen=True)
class DesignSpec:
    """Runs at points in the ranges of several knobs, for several rules and seeds."""

    run: RunSpec = pick(
        RunSpec(steps=200), lambda: RUNS, "Run", "All that the runs have in common, and the first seed."
    )
    ranges: tuple[Range, ...] = field(
        default=USUAL,
        metadata={"knob": Several("Ranges", "The knobs that differ, and between which values.", lambda: RANGES, MOST)},
    )
    rules: tuple[Rule, ...] = several(lambda: RULES, 6, "Rules", "Side by side; the run's own where there is none.")
    seeds: int = number(1, 1, 20, "Seeds", "Runs of each point, from the run's seed on.")
    points: int = number(64, 1, 10_000, "Points", "More of them leave those that were there as they are.")
    sampler: Sampler = pick(Sobol(), lambda: SAMPLERS, "Drawn", "How points are chosen.")

    def __post_init__(self):
        if len(self.ranges) < FEWEST:
            raise SpecError(f"ranges: expected {FEWEST} to {MOST} knobs, got {len(self.ranges)}")
        if "seed" in self.knobs:
            raise SpecError("seeds: says how many there are of each point; the seed is no knob of a design")
        if len(set(self.compared)) < len(self.compared):
            raise SpecError("rules: expected different rules")
        if not self.run.problem.examples() and self.seeds > 1:
            raise SpecError("seeds: expected 1, for a toy landscape has a fixed start")
        count = len(self.compared) * self.points * self.seeds
        if count > MOST_CELLS:
            raise SpecError(f"points: {count:,} runs are more than {MOST_CELLS:,}; take fewer points, seeds or rules")
        self._check_ranges()
        self._check_search()

    def _check_ranges(self) -> None:
        """The ends of each range by itself, and all corners under the first rule: what a run cannot have is said
        before any is trained."""
        runs = [replace(self.run, rule=rule) for rule in self.compared]
        seen: dict[tuple[str | int, ...], str] = {}
        for i, one in enumerate(self.ranges):
            having = [run for run in runs if has(run, one.knob)]
            if not having:
                raise SpecError(f"ranges[{i}].knob: these runs have no {one.knob}")
            if (steps := tuple(way(having[0], one.knob))) in seen:
                raise SpecError(f"ranges[{i}].knob: expected another knob than {seen[steps]}")
            seen[steps] = one.knob
            for run, end in product(having, one.ends):
                placed(run, one.knob, end)
        for corner in product(*(one.ends for one in self.ranges)):
            self._placed(runs[0], corner)

    def _check_search(self) -> None:
        if not isinstance(self.sampler, Search):
            return
        if self.points > MOST_SOUGHT:
            raise SpecError(f"points: expected at most {MOST_SOUGHT:,} of a search, got {self.points:,}")
        if self.sampler.towards == "flattest" and not self.run.curvature:
            raise SpecError("run.curvature: expected true, for the search goes by the sharpness of what it finds")

    @property
    def knobs(self) -> tuple[str, ...]:
        """The knobs' names."""
        return tuple(one.knob for one in self.ranges)

    @property
    def compared(self) -> tuple[Rule, ...]:
        """The rules side by side."""
        return self.rules or (self.run.rule,)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of rules, points and seeds."""
        return len(self.compared), self.points, self.seeds

    @property
    def count(self) -> int:
        """How many runs are trained."""
        return prod(self.shape)

    @cached_property
    def has(self) -> np.ndarray:
        """[R, K]: whether a rule's runs have a knob."""
        runs = [replace(self.run, rule=rule) for rule in self.compared]
        return np.array([[has(run, knob) for knob in self.knobs] for run in runs])

    @cached_property
    def values(self) -> np.ndarray:
        """[R, N, K]: the knobs' values at the points, NaN where a rule lacks a knob, and of a search's later points."""
        shares = self.sampler.shares(self.points, len(self.ranges))
        runs = [replace(self.run, rule=rule) for rule in self.compared]
        found = np.full((*self.shape[:2], len(self.ranges)), np.nan)
        for k, one in enumerate(self.ranges):
            drawn = [one.at(share) for share in shares[:, k]]
            for r in np.flatnonzero(self.has[:, k]):
                found[r, : len(shares), k] = [fitting(runs[r], one.knob, value) for value in drawn]
        return found

    def cell(self, place: Point, values: np.ndarray) -> RunSpec:
        """The run at a place, of these values [R, N, K]."""
        r, n, s = place
        return self._placed(replace(self.run, rule=self.compared[r], seed=self.run.seed + s), values[r, n].tolist())

    def _placed(self, run: RunSpec, values: tuple[float, ...] | list[float]) -> RunSpec:
        """The run with the knobs' values, but those that it lacks."""
        for knob, value in zip(self.knobs, values, strict=True):
            run = placed(run, knob, value)
        return run


DESIGNS = {"DesignSpec": DesignSpec}
