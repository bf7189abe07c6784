"""Members: the runs that are shown at once, what each is called, and what there is to see of them now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.figures import together, words
from engine.figures.comparison import named
from engine.spec import describe, digest
from engine.training.runs import RunSpec
from engine.work.beside import MOST
from pages.ui import live


class Member(NamedTuple):
    """One of the runs: its spec, what it is called, and what there is to see of it, if it was ever begun."""

    spec: RunSpec
    name: str
    run: str
    view: live.View | None

    @property
    def measured(self) -> int:
        """Measurements so far."""
        return len(self.view.columns["step"]) if self.view else 0

    @property
    def active(self) -> bool:
        """Whether it is at work."""
        return bool(self.view and self.view.active)


def look(specs: Sequence[RunSpec]) -> list[Member]:
    """The runs now, each called by its rule where they differ in nothing else."""
    rules = [words.title(type(spec.rule).__name__) for spec in specs]
    names = rules if of_rules(specs) else named(specs)[1]
    runs = [digest(spec) for spec in specs]
    return [Member(spec, name, run, live.watch(run)) for spec, name, run in zip(specs, names, runs, strict=True)]


def of_rules(specs: Sequence[RunSpec]) -> bool:
    """Whether runs differ in their rule alone."""
    return together.of_rules([describe(spec) for spec in specs])


def measured(members: Sequence[Member]) -> together.Runs:
    """The measurements of those that have any, as charts take them."""
    return [(m.name, describe(m.spec), m.view.columns) for m in members if m.view and m.measured]


def apart(members: Sequence[Member]) -> str:
    """Why the runs can share no plane; "" where they can."""
    if any(m.spec.problem != members[0].spec.problem for m in members):
        return "There is no ground under both: the runs are of different problems, and no plane holds both paths."
    return f"No plane is drawn through more than {MOST} runs." if len(members) > MOST else ""
