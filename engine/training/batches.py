"""Batches: which examples each step sees, a pure function of seed and step."""

from __future__ import annotations

import torch

from engine.data import Examples
from engine.seeds import generator
from engine.training.runs import RunSpec


class Batches:
    """Every epoch a new permutation of the examples, cut in batches."""

    def __init__(self, spec: RunSpec, device: str):
        self.seed, self.device, self.n = spec.seed, device, spec.problem.examples()
        self.size = min(spec.batch, self.n) or self.n  # a toy has no examples, whatever its batch
        self.whole = self.size == self.n
        self.epoch, self.order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int, data: Examples) -> Examples:
        """The batch of one step."""
        if self.whole:
            return data
        picked = self.picked(step)
        return Examples(data.x.index_select(0, picked), data.y.index_select(0, picked))

    def following(self, step: int, data: Examples) -> Examples | None:
        """The batch of the step after this one; None where every batch is the whole set."""
        return None if self.whole else self.at(step + 1, data)

    def picked(self, step: int) -> torch.Tensor:
        """[batch]: the positions of one step's examples among all, where they are not all."""
        epoch, position = divmod(step, self.n // self.size)
        if epoch != self.epoch:
            self.epoch, self.order = (
                epoch,
                torch.randperm(self.n, generator=generator(self.seed, "batches", epoch)).to(self.device),
            )
        return self.order[position * self.size : (position + 1) * self.size]
