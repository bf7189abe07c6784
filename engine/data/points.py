"""Points: two shapes in the plane, and a set of which a shortcut is the easier half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from engine.data.dataset import BY_FEATURE, Dataset, Inputs, random
from engine.spec import knob


@dataclass(frozen=True)
class Moons(Dataset):
    """Two interleaved half circles in the plane, with Gaussian noise."""

    train: int = knob(400, 10, 5000, "Training points", "As many again are held out.")
    noise: float = knob(
        0.2, 0.0, 1.0, "Noise", "Standard deviation of the noise, where a half circle has radius 1.", varies=False
    )
    draw: int = knob(0, 0, 9999, "Draw", "Which random draw of the points.")
    standardize: str = BY_FEATURE

    @property
    def inputs(self):
        return Inputs("points", (2,), 2)

    def split(self):
        x, y = _moons(2 * self.train, self.noise, self.draw)
        return x[: self.train], y[: self.train], x[self.train :], y[self.train :]


@dataclass(frozen=True)
class Spirals(Dataset):
    """Two intertwined spirals in the plane, with Gaussian noise."""

    train: int = knob(400, 10, 5000, "Training points", "As many again are held out.")
    noise: float = knob(
        0.05, 0.0, 1.0, "Noise", "Standard deviation of the noise, where a spiral ends at radius 1.", varies=False
    )
    turns: float = knob(1.25, 0.25, 4.0, "Turns", "How often each spiral goes round.", varies=False)
    draw: int = knob(0, 0, 9999, "Draw", "Which random draw of the points.")
    standardize: str = BY_FEATURE

    @property
    def inputs(self):
        return Inputs("points", (2,), 2)

    def split(self):
        rng = np.random.default_rng(self.draw)
        y = rng.integers(0, 2, 2 * self.train)
        radius = np.sqrt(rng.uniform(0.02, 1.0, 2 * self.train))
        angle = 2 * np.pi * self.turns * radius + np.pi * y
        x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        x += self.noise * rng.standard_normal(x.shape)
        return x[: self.train], y[: self.train], x[self.train :], y[self.train :]


@dataclass(frozen=True)
class SpuriousFeature(Dataset):
    """Moons that tell the class, beside a number whose sign agrees with the class more often in training than in the
    held-out examples, where it says nothing.

    Two features predict one label, and the easier one is found first, as in the setting of Springer, Nagarajan &
    Raghunathan 2024 (arXiv 2405.20439), who ask whether SAM then learns the harder one better. The easy one is
    linearly separable: its sign, at a distance of 0.5 to 1.5 from 0.
    """

    train: int = knob(400, 10, 5000, "Training points", "As many again are held out.")
    correlation: float = knob(
        0.9,
        0.0,
        1.0,
        "Correlation",
        "Of the easy feature's sign with the class, in training: 0 says nothing, 1 all.",
        varies=False,
    )
    noise: float = knob(
        0.1,
        0.0,
        1.0,
        "Noise",
        "Standard deviation of the hard feature's noise, where a half circle has radius 1.",
        varies=False,
    )
    draw: int = knob(0, 0, 9999, "Draw", "Which random draw of the points.")
    standardize: str = BY_FEATURE

    columns: ClassVar = {"easy": (0,), "hard": (1, 2)}

    @property
    def inputs(self):
        return Inputs("points", (3,), 2)

    def split(self):
        hard, y = _moons(2 * self.train, self.noise, self.draw)
        rng, n = random(self.draw, "spurious feature"), self.train
        sign = np.concatenate([_agreeing(y[:n], (1 + self.correlation) / 2, rng), _agreeing(y[n:], 0.5, rng)])
        x = np.column_stack([sign * rng.uniform(0.5, 1.5, 2 * n), hard])
        return x[:n], y[:n], x[n:], y[n:]


def _moons(n: int, noise: float, draw: int) -> Any:
    """Points [n, 2] of two half circles and their classes [n], in any order; bit for bit as scikit-learn's `make_moons`
    makes them, which takes long to import."""
    outer, inner = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    x = np.append(np.cos(outer), 1 - np.cos(inner)), np.append(np.sin(outer), 1 - np.sin(inner) - 0.5)
    y = np.repeat([0, 1], [n // 2, n - n // 2])
    rng, order = np.random.RandomState(draw), np.arange(n)
    rng.shuffle(order)
    return np.column_stack(x)[order] + rng.normal(scale=noise, size=(n, 2)), y[order]


def _agreeing(y: Any, share: float, rng: np.random.Generator) -> np.ndarray:
    """A sign [N] for each class 0 or 1 that agrees with it for so large a share of each class, to the nearest
    example."""
    sign = np.where(y == 1, 1.0, -1.0)
    for c in (0, 1):
        of_class = rng.permutation(np.flatnonzero(y == c))
        sign[of_class[round(share * len(of_class)) :]] *= -1
    return sign


POINTS = (Moons, Spirals, SpuriousFeature)
