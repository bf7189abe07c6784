"""A kind of work made up for tests: steps that take long, ask for much memory, or kill their process.

As a script it is a worker that knows this kind.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.records import KINDS as RECORDS
from engine.records import Computing, Progress, Record
from engine.records.record import array
from engine.spec import encode, knob
from engine.spec.declare import flag
from engine.work import worker
from engine.work.kinds import KINDS, Kind


@dataclass(frozen=True, kw_only=True)
class Trouble(Record):
    """Nothing of interest."""

    steps: np.ndarray = array("T", whole=True)


@dataclass(frozen=True)
class TroubleSpec:
    """Three steps, the second of which makes trouble."""

    pause: float = knob(0.0, 0.0, 1000.0, "Pause", "Seconds that it takes.")
    gigabytes: float = knob(0.0, 0.0, 1000.0, "Memory", "What it asks for at once.")
    deadly: bool = flag(False, "Deadly", "Whether it kills its process.")

    def compute(self, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
        for step in range(3):
            if step == 1:
                time.sleep(self.pause)
                torch.empty(int(1e9 * self.gigabytes), dtype=torch.uint8)
                if self.deadly:
                    os.kill(os.getpid(), signal.SIGKILL)
            yield Progress(step, 3)
        return Trouble(spec=encode(self), steps=np.arange(3))


KIND = Kind("trouble", {"TroubleSpec": TroubleSpec}, TroubleSpec.compute, "steps", folder="trouble")


def add() -> None:
    """Puts the kind and its record in their tables."""
    KINDS[KIND.name] = KIND
    RECORDS["Trouble"] = Trouble


if __name__ == "__main__":
    add()
    sys.argv[0] = "worker"
    worker.main()
