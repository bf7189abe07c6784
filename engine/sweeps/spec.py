"""What a sweep is: two knobs and their values, rules side by side, and seeds; each combination is one run's spec, whose
digest is the cell's identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import NamedTuple

from engine.rules import RULES, Rule
from engine.spec import SpecError, flag, pick, series, several, word
from engine.spec import knob as number
from engine.sweeps.knobs import DIGITS, digits_of, fitting, has, placed, short
from engine.training.runs import RUNS, RunSpec

MOST_CELLS = 200_000


@dataclass(frozen=True)
class Axis:
    """A knob and its values."""

    knob: str = word("lr", "([a-z_]+(\\.[a-z_0-9]+)*)?", 60, "Knob", "A number of the run by its dotted name.")
    low: float = number(0.01, 0.0, 1e6, "From")
    high: float = number(10.0, 0.0, 1e6, "To")
    points: int = number(16, 1, 64, "Values", "How many, both ends included.")
    log: bool = flag(True, "By factors", "Equal factors from one value to the next instead of equal differences.")

    def __post_init__(self):
        if self.points > 1 and not self.low < self.high:
            raise SpecError(f"high: expected more than {self.low:g}, where the knob begins, got {self.high:g}")
        if self.log and self.low <= 0:
            raise SpecError("low: expected more than 0 for equal factors, got 0")

    @property
    def values(self) -> tuple[float, ...]:
        """The values in rising order; those of a knob that is not turned are one, NaN."""
        if not self.knob:
            return (float("nan"),)
        shares = [i / (self.points - 1) for i in range(self.points)] if self.points > 1 else [0.0]
        if self.log:
            exact = [self.low * (self.high / self.low) ** share for share in shares]
        else:
            exact = [self.low + (self.high - self.low) * share for share in shares]
        digits = max(DIGITS, digits_of((exact[-1] - exact[-2]) / abs(exact[-1]))) if self.points > 1 else DIGITS
        return tuple(short(value, digits) for value in exact)

    def within(self, low: float, high: float) -> Axis:
        """The axis from one end of a box to the other, at most from its own ends, each told with the digits that their
        distance needs. SpecError where the box has no extent."""
        low, high = (min(max(end, self.low), self.high) for end in (low, high))
        if not low < high:
            raise SpecError("high: expected a box with an extent")
        digits = max(3, digits_of((high - low) / max(abs(low), abs(high))))
        return replace(self, low=short(low, digits), high=short(high, digits))


@dataclass(frozen=True)
class Listed:
    """A knob and values of any distance."""

    knob: str = word("lr", "([a-z_]+(\\.[a-z_0-9]+)*)?", 60, "Knob", "A number of the run by its dotted name.")
    values: tuple[float, ...] = series((0.01, 0.1, 1.0), 0.0, 1e6, 1000, "Values", "In rising order, commas between.")
    log: bool = flag(True, "Drawn by factors", "Drawn on a logarithmic axis.")

    def __post_init__(self):
        if any(one >= other for one, other in pairwise(self.values)):
            raise SpecError("values: expected numbers that rise")
        if self.log and self.values[0] <= 0:
            raise SpecError("values: expected more than 0 on a logarithmic axis")

    def within(self, low: float, high: float) -> Axis:
        """As many values as here, at most 64, at equal distances from one end of a box to the other."""
        whole = Axis(self.knob, self.values[0], self.values[-1], min(len(self.values), 64), self.log)
        return whole.within(low, high)


AXES = {"Axis": Axis, "Listed": Listed}


Place = tuple[int, int, int, int]
"""Where a run of a sweep stands: which rule, row (value of y), column (value of x) and seed."""


class Cell(NamedTuple):
    """One run of a sweep, and where it stands."""

    place: Place
    spec: RunSpec


@dataclass(frozen=True)
class SweepSpec:
    """Runs over one knob or two, for several rules and seeds."""

    run: RunSpec = pick(
        RunSpec(steps=200),
        lambda: RUNS,
        "Run",
        "All that the runs have in common, and the first seed.",
    )
    x: Axis | Listed = pick(Axis("lr", 0.01, 10.0), lambda: AXES, "Across")
    y: Axis | Listed = pick(
        Axis("rule.rho", 0.01, 5.0), lambda: AXES, "Up", "A second knob; none where its name is empty."
    )
    rules: tuple[Rule, ...] = several(lambda: RULES, 6, "Rules", "Side by side; the run's own where there is none.")
    seeds: int = number(1, 1, 20, "Seeds", "Runs of each cell, from the run's seed on.")

    def __post_init__(self):
        if not self.x.knob:
            raise SpecError("x.knob: expected the name of a number, such as lr or rule.rho")
        if self.x.knob == self.y.knob:
            raise SpecError(f"y.knob: expected another knob than {self.x.knob}")
        if "seed" in (self.x.knob, self.y.knob):
            raise SpecError("seeds: says how many there are of each cell; the seed is no knob of a sweep")
        if len(set(self.compared)) < len(self.compared):
            raise SpecError("rules: expected different rules")
        if not self.run.problem.examples() and self.seeds > 1:
            raise SpecError("seeds: expected 1, for a toy landscape has a fixed start")
        count = len(self.compared) * len(self.x.values) * len(self.y.values) * self.seeds
        if count > MOST_CELLS:
            raise SpecError(f"seeds: {count:,} runs are more than {MOST_CELLS:,}; take fewer seeds, values or rules")
        self._check_axes()

    def _check_axes(self) -> None:
        """Both ends of each axis on its own: what a run cannot have is said before any is trained."""
        for name, axis in (("x", self.x), ("y", self.y)):
            if not axis.knob:
                continue
            if not self.turns(axis):
                raise SpecError(f"{name}.knob: these runs have no {axis.knob}")
            for rule in self.compared:
                for value in axis.values[:1] + axis.values[-1:]:
                    placed(replace(self.run, rule=rule), axis.knob, value)

    @property
    def compared(self) -> tuple[Rule, ...]:
        """The rules side by side."""
        return self.rules or (self.run.rule,)

    @cached_property
    def columns(self) -> tuple[float, ...]:
        """The values of x; whole numbers that coincide once."""
        return _rounded(self._example(self.x), self.x)

    @cached_property
    def rows(self) -> tuple[float, ...]:
        """The values of y."""
        return _rounded(self._example(self.y), self.y)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Numbers of rules, rows, columns and seeds."""
        return len(self.compared), len(self.rows), len(self.columns), self.seeds

    @property
    def count(self) -> int:
        """How many runs are trained: a rule without a knob has one along it."""
        sides = (self.x, len(self.columns)), (self.y, len(self.rows))
        lengths = [[size if self.turns(axis, rule) else 1 for axis, size in sides] for rule in self.compared]
        return self.seeds * sum(map(prod, lengths))

    def turns(self, axis: Axis | Listed, rule: Rule | None = None) -> bool:
        """Whether a rule, or any of them, has a knob."""
        rules = self.compared if rule is None else (rule,)
        return any(has(replace(self.run, rule=each), axis.knob) for each in rules)

    def cells(self) -> Iterator[Cell]:
        """All runs. A rule without one of the knobs has the same run in every row (or column)."""
        rows, columns = self.rows, self.columns
        for r, rule in enumerate(self.compared):
            run = replace(self.run, rule=rule)
            for i, y in enumerate(rows):
                row = placed(run, self.y.knob, y)
                for j, x in enumerate(columns):
                    cell = placed(row, self.x.knob, x)
                    for s in range(self.seeds):
                        yield Cell((r, i, j, s), replace(cell, seed=self.run.seed + s) if s else cell)

    def cell(self, place: Place) -> RunSpec:
        """The run at a place."""
        r, i, j, s = place
        run = replace(self.run, rule=self.compared[r], seed=self.run.seed + s)
        return placed(placed(run, self.y.knob, self.rows[i]), self.x.knob, self.columns[j])

    def _example(self, axis: Axis | Listed) -> RunSpec:
        """A run that has a knob, if any does."""
        runs = [replace(self.run, rule=rule) for rule in self.compared]
        return next((run for run in runs if has(run, axis.knob)), runs[0])


SWEEPS = {"SweepSpec": SweepSpec}


def _rounded(run: RunSpec, axis: Axis | Listed) -> tuple[float, ...]:
    """An axis's values, whole where the knob's are; those that coincide once."""
    return tuple(dict.fromkeys(fitting(run, axis.knob, value) for value in axis.values))
