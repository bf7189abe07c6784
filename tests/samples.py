"""Samples: tiny datasets of each kind, those of sequences and of graphs drawn on the spot, for tests of what a model
makes of them."""

from dataclasses import dataclass

import numpy as np

from engine.data import Dataset, Digits, Inputs, Moons
from engine.spec import knob

DIGITS, MOONS = Digits(train=70), Moons(train=30)


@dataclass(frozen=True)
class Symbols(Dataset):
    """Sequences of 6 of 5 symbols, and the symbol after each: the sum of the last two, modulo 5."""

    train: int = knob(40, 40, 40, "Sequences")

    @property
    def inputs(self):
        return Inputs("tokens", (6,), 5)

    def split(self):
        rows = np.random.default_rng(0).integers(0, 5, (60, 7))
        for i in range(2, 7):
            rows[:, i] = (rows[:, i - 1] + rows[:, i - 2]) % 5
        return rows[:40, :-1], rows[:40, 1:], rows[40:, :-1], rows[40:, 1:]


@dataclass(frozen=True)
class Networks(Dataset):
    """Random graphs of 5 nodes with 2 random features each; the class says whether they have more than half of the
    possible edges."""

    train: int = knob(40, 40, 40, "Graphs")

    @property
    def inputs(self):
        return Inputs("graph", (5, 7), 2)

    def split(self):
        random = np.random.default_rng(0)
        upper = np.triu(random.random((60, 5, 5)) < 0.5, 1)
        x = np.concatenate([upper + upper.transpose(0, 2, 1), random.standard_normal((60, 5, 2))], axis=2)
        y = (upper.sum((1, 2)) > 5).astype(int)
        return x[:40], y[:40], x[40:], y[40:]
