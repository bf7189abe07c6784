"""Boards: the places that the runs of a sweep stand at, what is known of each run, and what the store has of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.records import RecordError
from engine.sweeps.outcome import CURVES, ENDS, Outcome, looks, of_run
from engine.training.runs import RunSpec
from engine.work.cells import Cells
from engine.work.store import Store

MISSING, ENDED, DIVERGED, FAILED = 0, 1, 2, 3
"""A place's state."""
READ, LOOKED = 2000, 100
"""Cells whose outcomes, or whose runs, are looked up between two breaths."""
TIMELESS = ("", "lr", "rule", "update", "schedule", "warmup", "clip")
"""The parts of a run that do not decide when it is looked at."""
Place = tuple[int, ...]
"""Where a run stands; the last number is its seed's."""
Named = Iterable[tuple[Any, str]]
"""Places, and the digests of the runs there."""


class Plan(Protocol):
    """What runs there are, and where each of them stands."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many places there are along each axis; seeds are the last."""
        ...

    @property
    def knobs(self) -> tuple[str, ...]:
        """In which the runs differ, but for their rule and seed."""
        ...

    def rounds(self, board: Board) -> Iterator[Named]:
        """The runs, in one round, or in several of which each may go by what has come of those before it."""
        ...

    def cell(self, place: Any) -> RunSpec:
        """The run at a place."""
        ...

    def turn(self, place: Any) -> int:
        """When it is a place's turn among those of its round: the lowest number is first."""
        ...


class Board:
    """The places of a plan, the cells that stand there, and what is known of them."""

    def __init__(self, plan: Plan):
        self.plan, self.shape = plan, plan.shape
        self.places: dict[str, list[Place]] = {}  # by digest: one run may stand in several
        names = (*CURVES, *ENDS, "seconds", "alone")
        self.outcomes = {name: np.full(self.shape, np.nan) for name in names} | {"state": np.zeros(self.shape)}
        self.timeless = all(knob.partition(".")[0] in TIMELESS for knob in plan.knobs)
        self.when: dict[Place, tuple[int, ...]] = {}  # steps after which runs are looked at, by all but the seed
        self.looks = np.zeros(0)
        self.curves = {name: np.zeros((*self.shape, 0), np.float32) for name in CURVES}
        self.failures: dict[str, None] = {}

    def find(self, root: Path, named: Named) -> Iterator[None]:
        """Takes in a round's cells, and fills in what the store has of them: cells of other sweeps, and runs."""
        names: dict[str, None] = {}
        for i, (place, name) in enumerate(named):
            self.places.setdefault(name, []).append(place)
            names[name] = None
            if i % READ == 0:
                yield
        self._look_ahead(names)
        asked = [*names]
        for start in range(0, len(asked), READ):
            self.fill(Cells(root).get(asked[start : start + READ]))
            yield
        for i, name in enumerate(self.missing()):
            self._take_over(name, Store(root))
            if i % LOOKED == 0:
                yield

    def _look_ahead(self, names: Iterable[str]) -> None:
        """Makes room for the curves of cells, each of which is as long as its run is looked at."""
        for name in names:
            self._when(self.places[name][0])
        whens = {*self.when.values()}
        first, length = next(iter(whens)), max(map(len, whens))
        self.looks = np.array(first) / first[-1] if len(whens) == 1 else np.linspace(0, 1, length)
        for name, shorter in self.curves.items():
            if length > shorter.shape[-1]:
                self.curves[name] = np.full((*self.shape, length), np.nan, np.float32)
                self.curves[name][..., : shorter.shape[-1]] = shorter

    def _when(self, place: Place) -> tuple[int, ...]:
        """The steps after which the run at a place is looked at, which only some knobs decide."""
        key = () if self.timeless else place[:-1]
        if key not in self.when:
            self.when[key] = looks(self.plan.cell(place))
        return self.when[key]

    def run(self, name: str) -> RunSpec:
        """The spec of a cell."""
        return self.plan.cell(self.places[name][0])

    def _take_over(self, name: str, store: Store) -> None:
        """The outcome of a run that was trained by itself."""
        if store.complete(name):
            try:
                outcome = of_run(self.run(name), store.run(name))
            except RecordError:  # damaged: it is trained anew
                return
            Cells(store.root).put({name: outcome})
            self.fill({name: outcome})

    def missing(self) -> list[str]:
        """The cells that there is nothing of."""
        states = self.outcomes["state"]
        return [name for name, places in self.places.items() if any(states[place] == MISSING for place in places)]

    def fill(self, outcomes: dict[str, Outcome]) -> None:
        """Puts outcomes in all their places."""
        for name, outcome in outcomes.items():
            when = self._when(self.places[name][0])
            values = dict(zip(CURVES, outcome.curves[-1].tolist(), strict=True))
            values |= dict(zip(ENDS, outcome.ends.tolist(), strict=True))
            lost = not np.isfinite(values["train_loss"]) or outcome.steps[-1] < when[-1]
            values |= {"seconds": outcome.seconds, "alone": float(outcome.alone), "state": DIVERGED if lost else ENDED}
            rows = np.searchsorted(when, outcome.steps)
            for place in self.places[name]:
                for key, value in values.items():
                    self.outcomes[key][place] = value
                for column, key in enumerate(CURVES):
                    self.curves[key][place][rows] = outcome.curves[:, column]

    def fail(self, name: str, why: str) -> None:
        """Gives a cell up."""
        for place in self.places[name]:
            self.outcomes["state"][place] = FAILED
        self.failures[why] = None

    @property
    def done(self) -> int:
        """Places that have an outcome."""
        return int((self.outcomes["state"] > MISSING).sum())

    @property
    def arrays(self) -> dict[str, Any]:
        """What there is, as the fields of a record."""
        return {
            "outcomes": {name: values.astype(np.float32) for name, values in self.outcomes.items()},
            "curves": {name: values.copy() for name, values in self.curves.items()},
            "looks": self.looks,
            "failures": tuple(self.failures)[:10],
        }
