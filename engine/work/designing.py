"""Designing: trains the runs of a design that nobody has trained yet, all at once or, where each point goes by those
before it, eight points of each rule at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy

from engine.records import Computing, Design, Record
from engine.spec import encode
from engine.sweeps import search
from engine.sweeps.chunk import GRAIN, WIDE
from engine.sweeps.design import BEGIN, DesignSpec, Point, Random, Search
from engine.sweeps.naming import names_of_points
from engine.training.runs import RunSpec
from engine.work.board import Board, Named
from engine.work.sweeping import carried_out


def compute(spec: DesignSpec, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """Trains the cells that the store lacks; the record grows with every block that ends. A search that is done again
    finds its cells in the store, and so goes the same way."""
    points = Points(spec)
    board = Board(points)

    def record() -> Design:
        values, library = points.values.copy(), _library(spec)
        return Design(spec=encode(spec), status="running", values=values, library=library, **board.arrays)

    return (yield from carried_out(board, record, device, iter(())))


class Points:
    """The runs of a design: rules, points and seeds."""

    def __init__(self, spec: DesignSpec):
        self.spec, self.shape, self.knobs, self.values = spec, spec.shape, spec.knobs, spec.values.copy()

    def rounds(self, board: Board) -> Iterator[Named]:
        """All points at once, or those with which a search begins, and then some for each rule by the ranks of all
        before them."""
        sampler, count = self.spec.sampler, self.spec.points
        first = min(BEGIN, count) if sampler.adaptive else count
        yield names_of_points(self.spec, self.values, range(first))
        for start in range(first, count, GRAIN):
            asked = range(start, min(start + GRAIN, count))
            for r in range(self.shape[0]):
                assert isinstance(sampler, Search)
                tried = {name: values[r, :start] for name, values in board.outcomes.items()}
                ranked = search.ranks(tried, sampler.towards)
                found = search.proposed(self.spec, r, self.values[r, :start], ranked, len(asked))
                self.values[r, asked.start : asked.stop] = found
                yield ()  # a breath
            yield names_of_points(self.spec, self.values, asked)

    def cell(self, place: Point) -> RunSpec:
        """The run at a place."""
        return self.spec.cell(place, self.values)

    def turn(self, place: Point) -> int:
        """The first points come first: as many as step together, then twice as many each time."""
        return (place[1] // WIDE).bit_length()


def _library(spec: DesignSpec) -> str:
    """What has drawn a design's points, and its release."""
    if isinstance(spec.sampler, Search):
        return f"Optuna {search.library().__version__}"
    return f"NumPy {np.__version__}" if isinstance(spec.sampler, Random) else f"SciPy {scipy.__version__}"
