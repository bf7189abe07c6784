"""Names of runs of sweeps and designs: their digests, from the JSON text that all runs of a rule share and the few
values in it that differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from engine.spec import defaults, digest, encode
from engine.spec.coding import BASELINE
from engine.sweeps.design import DesignSpec, Point
from engine.sweeps.knobs import AbsentError, knob, way
from engine.sweeps.spec import Place, SweepSpec
from engine.training.runs import RunSpec

HOLE = "\0hole {}"
"""What stands for a value in a text, until that is put there."""


def names(sweep: SweepSpec) -> Iterator[tuple[Place, str]]:
    """The place and the digest of every run, in the order of `SweepSpec.cells`: what `digest` says of each, ten times
    as fast."""
    rules, rows, columns, seeds = sweep.shape
    knobs = sweep.y.knob, sweep.x.knob, "seed"
    for r in range(rules):
        values = sweep.rows, sweep.columns, [sweep.run.seed + s for s in range(seeds)]
        y, x, seed = turns = [_Turn(sweep.cell((r, 0, 0, 0)), *turn) for turn in zip(knobs, values, strict=True)]
        whole = sweep.cell((r, y.unusual, x.unusual, seed.unusual))  # the run in which nothing is left out
        text = _Text(whole, turns)
        for i, j, s in product(range(rows), range(columns), range(seeds)):
            plain = i in y.usual or j in x.usual or s in seed.usual
            place = (r, i, j, s)
            yield place, digest(sweep.cell(place)) if plain else text.digest((y.texts[i], x.texts[j], seed.texts[s]))


def names_of_points(design: DesignSpec, values: np.ndarray, points: Sequence[int]) -> Iterator[tuple[Point, str]]:
    """The same of a design's runs at some points, whose knobs have these values [R, N, K]: rule, point and seed."""
    seeds = [design.run.seed + s for s in range(design.seeds)]
    for r in range(len(design.compared)):
        run = design.cell((r, points[0], 0), values)
        columns = values[r, points].T.tolist()
        turns = [_Turn(run, *turn) for turn in zip((*design.knobs, "seed"), (*columns, seeds), strict=True)]
        plain = [any(i in turn.usual for turn in turns[:-1]) for i in range(len(points))]
        first = points[plain.index(False) if False in plain else 0]  # in whose run nothing is left out
        text = _Text(design.cell((r, first, turns[-1].unusual), values), turns)
        for (i, n), s in product(enumerate(points), range(design.seeds)):
            if plain[i] or s in turns[-1].usual:
                yield (r, n, s), digest(design.cell((r, n, s), values))
            else:
                yield (r, n, s), text.digest([turn.texts[i] for turn in turns[:-1]] + [turns[-1].texts[s]])


class _Turn:
    """A knob of a run, and its values as JSON has them; of one that the run lacks nothing."""

    def __init__(self, run: RunSpec, name: str, values: Sequence[float]):
        self.way, self.texts, self.usual = [], [""] * len(values), set[int]()
        try:
            self.way = way(run, name) if name else []
        except AbsentError:
            return
        if self.way:
            kind: Any = knob(run, name)
            self.texts = [json.dumps(kind.encode(kind.check(value, name), encode)) for value in values]
            usual = _usual(run, self.way)
            self.usual = {i for i, value in enumerate(values) if value in usual}

    @property
    def unusual(self) -> int:
        """The place of a value with which nothing is left out; 0 where there is none."""
        return next((i for i in range(len(self.texts)) if i not in self.usual), 0)


class _Text:
    """The canonical JSON of a run, with holes where its turns are."""

    def __init__(self, run: RunSpec, turns: Sequence[_Turn]):
        encoded = encode(run)
        for i, turn in enumerate(turns):
            if turn.way and len(turn.usual) < len(turn.texts):
                _put(encoded, turn.way, HOLE.format(i))
        text = json.dumps(encoded, sort_keys=True, separators=(",", ":"))
        there = [i for i, turn in enumerate(turns) if turn.way and len(turn.usual) < len(turn.texts)]
        self.filled = list[tuple[str, int]]()  # pieces of text, and which value follows
        for i in sorted(there, key=lambda i: text.index(json.dumps(HOLE.format(i)))):
            before, _, text = text.partition(json.dumps(HOLE.format(i)))
            self.filled.append((before, i))
        self.end = text

    def digest(self, texts: Sequence[str]) -> str:
        """The digest of the run with these values."""
        text = "".join([between + texts[i] for between, i in self.filled]) + self.end
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _put(encoded: Any, steps: Sequence[str | int], value: str) -> None:
    """Puts a value in the place of another that is there, deep in a spec's JSON form."""
    for step in steps[:-1]:
        encoded = encoded[step]
    encoded[steps[-1]] = value


def _usual(run: RunSpec, steps: Sequence[str | int]) -> set[Any]:
    """The values with which a knob, or a spec that it stands in, is left out of an encoding, which has another form
    then: those of the defaults, unless the baseline names the field."""
    part: Any = run
    found = set[Any]()
    for i, step in enumerate(steps):
        if isinstance(step, str) and step not in BASELINE.get(type(part).__name__, ()):
            usual: Any = defaults(type(part))[step]
            for inner in steps[i + 1 :]:
                usual = _inner(usual, inner)
            found.add(usual)
        part = _inner(part, step)
    return found


def _inner(part: Any, step: str | int) -> Any:
    """A field of a spec or an item of a tuple; None where there is none."""
    if isinstance(step, int):
        return part[step] if isinstance(part, tuple) and step < len(part) else None
    return getattr(part, step, None)
