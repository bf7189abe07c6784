"""Schedules: the learning rate over the run, as a factor of its first value."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from engine.spec import knob


class Schedule(ABC):
    """A factor of the learning rate for every step."""

    @abstractmethod
    def factor(self, step: int, steps: int) -> float:
        """The factor at step 0 <= step < steps."""


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout."""

    def factor(self, step, steps):
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the full rate to zero (Loshchilov & Hutter 2017)."""

    def factor(self, step, steps):
        return 0.5 * (1 + math.cos(math.pi * step / steps))


@dataclass(frozen=True)
class StepDecay(Schedule):
    """The rate is multiplied by a factor at equal intervals."""

    drops: int = knob(2, 1, 10, "Drops", "How often the rate falls, at equal intervals.")
    by: float = knob(0.1, 0.001, 1.0, "Factor", "What each drop multiplies the rate by.", log=True)

    def factor(self, step, steps):
        return self.by ** (step * (self.drops + 1) // steps)


SCHEDULES = {cls.__name__: cls for cls in (Constant, Cosine, StepDecay)}
