"""Parallel coordinates: what is drawn of points that differ in three and more numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.figures.ticks import log_ticks, ticks
from engine.figures.words import number

MARGIN = 0.05
"""What is left free above and below, in an axis's height."""


@dataclass(frozen=True)
class Rail:
    """One of several parallel axes."""

    label: str
    values: np.ndarray  # [N]; NaN where a point has none
    low: float  # its ends; what lies beyond is drawn there
    high: float
    log: bool

    @property
    def heights(self) -> np.ndarray:
        """[N]: how far up the axis each value is, 0 to 1."""
        return self._share(np.clip(np.where(np.isfinite(self.values), self.values, np.nan), self.low, self.high))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Heights, and the values there."""
        if not self.low < self.high:
            return [(0.5, number(self.low))]
        values = log_ticks(*np.log10([self.low, self.high])) if self.log else ticks(self.low, self.high, 4)
        return [(float(self._share(np.array(value))), number(value)) for value in values]

    def _share(self, values: np.ndarray) -> np.ndarray:
        if not self.low < self.high:
            return np.where(np.isfinite(values), 0.5, np.nan)
        low, high, inner = (np.log10(v) if self.log else np.asarray(v, float) for v in (self.low, self.high, values))
        return (inner - low) / (high - low)


@dataclass(frozen=True)
class Parallel:
    """Points as lines over parallel axes, one for each of their coordinates and a last one for what came of them,
    which also colours them."""

    name: str
    title: str
    rails: tuple[Rail, ...]
    lost: np.ndarray  # [N] of True where a point has no value, for its runs were lost
    best: np.ndarray  # [B] the rows of the best points, the best first
    good: str  # which end of the last axis is good: "low" or "high"
    caption: str
    note: str = "nothing trained yet"
    source: str = ""

    @property
    def x_label(self) -> str:
        """What the points differ in."""
        return ", ".join(rail.label for rail in self.rails[:-1])

    @property
    def y_label(self) -> str:
        """What came of them."""
        return self.rails[-1].label

    @property
    def empty(self) -> bool:
        """Whether there is no line to draw."""
        return not (np.isfinite(self.rails[-1].values).any() or self.lost.any())

    @property
    def words(self) -> str:
        """The caption."""
        return self.caption

    @property
    def worst(self) -> float:
        """The height at which lost points end, beyond the bad end of the last axis."""
        return 1.1 if self.good == "low" else -0.1

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where the picture goes, in heights."""
        ends = [0.0, 1.0, *([self.worst] if self.lost.any() else [])]
        return min(ends) - MARGIN, max(ends) + MARGIN

    @property
    def heights(self) -> np.ndarray:
        """[N, K + 1]: where each line crosses each axis; NaN in the last where there is nothing yet."""
        found = np.stack([rail.heights for rail in self.rails], axis=1)
        found[:, -1] = np.where(self.lost, self.worst, found[:, -1])
        return found

    @property
    def shades(self) -> np.ndarray:
        """[N]: the place of each point's colour on its scale, 0 at the good end; NaN where it has none."""
        return self.rails[-1].heights if self.good == "low" else 1 - self.rails[-1].heights
