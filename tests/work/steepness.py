"""A kind of work made up for tests: how steep a surface is, which needs another analysis of the same run.

As a script it is a worker that knows this kind.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analyses.surface import SurfaceSpec
from engine.records import KINDS as RECORDS
from engine.records import Computing, Progress, Record, Surface
from engine.records.kinds import OfRun
from engine.records.record import array
from engine.spec import encode, knob, pick
from engine.work import worker
from engine.work.kinds import KINDS, Kind, Work


@dataclass(frozen=True, kw_only=True)
class Steepness(OfRun):
    """The largest step of the loss in each row of a surface."""

    rises: np.ndarray = array("B")


@dataclass(frozen=True)
class SteepnessSpec:
    """How steep a surface is, row by row."""

    surface: SurfaceSpec = pick(SurfaceSpec(resolution=9), lambda: {"SurfaceSpec": SurfaceSpec}, "Surface")
    pause: float = knob(0.0, 0.0, 1.0, "Pause", "Seconds that a row takes.")

    def needs(self, of: str) -> tuple[Work, ...]:
        return (Work(self.surface, of),)

    def compute(self, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
        surface = inputs[1]
        assert isinstance(surface, Surface)
        rises = before.rises.copy() if isinstance(before, Steepness) else np.full(len(surface.b), np.nan)

        def record() -> Steepness:
            return Steepness(spec=encode(self), run=surface.run, rises=rises.copy())

        for row in np.flatnonzero(np.isnan(rises)):
            time.sleep(self.pause)
            rises[row] = np.abs(np.diff(surface.loss[row])).max()
            yield Progress(int(np.isfinite(rises).sum()), len(rises), record)
        return record()


KIND = Kind(
    "steepness", {"SteepnessSpec": SteepnessSpec}, SteepnessSpec.compute, "rows", of="train", needs=SteepnessSpec.needs
)


def add() -> None:
    """Puts the kind and its record in their tables."""
    KINDS[KIND.name] = KIND
    RECORDS["Steepness"] = Steepness


if __name__ == "__main__":
    add()
    sys.argv[0] = "worker"
    worker.main()
