"""One rule's outcomes on a map, with the resamples that all measures of it share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.sweeps.bootstrap import COUNT, draws, medians, tallies, weighted_medians


@dataclass(frozen=True, eq=False)
class Outcomes:
    """`values` [Y, X, S]: a loss or an error of each cell and seed, lower is better, NaN or inf where a run failed.

    `start` [S] is what a seed begins with (for an error: chance), and what a run counts that diverged or ended worse;
    `there` [Y, X, S] says which runs are there, by default all. A seed has one start and one order of batches in all
    cells, so it is drawn again as a whole: resamples have the same seeds in every cell, and in every rule with as many
    seeds and the same `generator`. Raises ValueError where shapes do not fit.
    """

    values: np.ndarray
    start: np.ndarray
    there: np.ndarray | None = None
    count: int = COUNT
    generator: int = 0

    def __post_init__(self):
        if self.values.ndim != 3 or 0 in self.values.shape:
            raise ValueError(f"values: shape {self.values.shape}, not rows, columns and seeds")
        if self.start.shape != self.values.shape[2:] or not np.isfinite(self.start).all():
            raise ValueError(f"start: not a finite loss for each of {self.seeds} seeds")
        if self.there is not None and self.there.shape != self.values.shape:
            raise ValueError(f"there: shape {self.there.shape}, values have {self.values.shape}")

    @property
    def seeds(self) -> int:
        """S."""
        return self.values.shape[2]

    @cached_property
    def present(self) -> np.ndarray:
        """Which runs are there, [Y, X, S]."""
        return np.ones(self.values.shape, bool) if self.there is None else self.there.astype(bool)

    @cached_property
    def stable(self) -> np.ndarray:
        """Which runs ended with a finite loss that is not above their start's, [Y, X, S]."""
        return self.present & np.isfinite(self.values) & (np.nan_to_num(self.values, nan=np.inf) <= self.start)

    @cached_property
    def settled(self) -> np.ndarray:
        """min(loss, start), the start's where a run diverged, [Y, X, S]."""
        return np.where(self.stable, self.values, self.start)

    @cached_property
    def logs(self) -> np.ndarray:
        """log min(loss, start), [Y, X, S]; an outcome of 0 counts as the smallest other one."""
        positive = self.settled[self.settled > 0]
        return np.log(np.maximum(self.settled, positive.min() if positive.size else 1.0))

    @cached_property
    def times(self) -> np.ndarray:
        """How often each seed counts, [1 + B, S]: once in the sweep as it is, then in its resamples."""
        return np.concatenate([np.ones((1, self.seeds), int), tallies(draws(self.seeds, self.count, self.generator))])

    @cached_property
    def maps(self) -> np.ndarray:
        """Medians over seeds of min(loss, start), [1 + B, Y, X]; NaN where there is no run."""
        return medians(self.settled, self.times, self.present)

    @cached_property
    def grid(self) -> np.ndarray:
        """The sweep's own map of medians, [Y, X]."""
        if not self.present.any():
            raise ValueError("there: not a single run")
        return medians(self.settled, self.times[:1], self.present)[0]

    @cached_property
    def best(self) -> np.ndarray:
        """The flat index of the cell with the smallest median, [1 + B]; of equal ones the first."""
        return first_least(self.maps.reshape(len(self.maps), -1))

    @cached_property
    def folds(self) -> tuple[np.ndarray, np.ndarray]:
        """For each seed the smallest median of all other seeds, and this seed's outcome in that cell, [1 + B, S] twice.

        The smallest of many noisy medians is too small; a seed that had no part in the choice is not fooled by it. With
        one seed there are no others, and the choice is its own; where no other was drawn there is no choice, and NaN.
        """
        flat, there = self.settled.reshape(-1, self.seeds), self.present.reshape(-1, self.seeds)
        least, judged = np.empty(self.times.shape), np.empty(self.times.shape)
        for seed in range(self.seeds):
            others = self.times * (np.arange(self.seeds) != seed) if self.seeds > 1 else self.times
            found = medians(flat[there[:, seed]], others, there[there[:, seed]], halfway=False)
            if not found.size:
                least[:, seed], judged[:, seed] = np.inf, np.nan
                continue
            cell = first_least(found)
            least[:, seed] = found[np.arange(len(cell)), cell]
            judged[:, seed] = np.where(np.isnan(found).all(1), np.nan, flat[there[:, seed]][cell, seed])
        return least, judged


def first_least(table: np.ndarray) -> np.ndarray:
    """The index of each row's smallest number, NaN being the largest."""
    return np.where(np.isnan(table), np.inf, table).argmin(1)


def tuned(rules: Sequence[Outcomes]) -> np.ndarray:
    """Each seed's outcome in the cell, of all these rules' cells, that the other seeds have chosen, [1 + B, S]."""
    least, judged = (np.stack(part) for part in zip(*(rule.folds for rule in rules), strict=True))
    return np.take_along_axis(judged, np.where(np.isnan(least), np.inf, least).argmin(0)[None], 0)[0]


def reference(rules: Sequence[Outcomes]) -> np.ndarray:
    """The loss of the best cell without the luck of its choice: the median of `tuned`, [1 + B]."""
    return weighted_medians(tuned(rules), rules[0].times)
