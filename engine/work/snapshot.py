"""A job as it is seen at one moment."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.work.perform import ELSEWHERE


@dataclass(frozen=True)
class Snapshot:
    """A job at one moment."""

    id: str  # the address of what is made
    kind: str  # the name of its kind of work
    device: str
    status: str = "queued"  # queued, running, elsewhere, paused, finished, stopped, diverged or failed
    reason: str = ""
    done: int = 0
    total: int = 0
    rate: float = math.nan  # done per second; NaN before it is known
    version: int = 0  # grows whenever the store holds something new of this job
    frames: tuple[dict[str, float], ...] = ()  # of a training that is at work: every measurement so far
    before: int = 0  # while it is queued: jobs that wait for their first turn before it
    wait: float = math.nan  # and about how many seconds it will wait itself

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("queued", "running", ELSEWHERE, "paused")

    @property
    def left(self) -> float:
        """Seconds to go; NaN before they are known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else math.nan
