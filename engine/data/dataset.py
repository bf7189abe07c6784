"""What a dataset is: examples with a fixed held-out part, standardized by the training ones, some training labels
wrong if so wished."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.seeds import generator
from engine.spec import choice, knob

Arrays = tuple[Any, Any, Any, Any]
"""Training x and y, held-out x and y, in numpy."""


class Examples(NamedTuple):
    """Inputs [N, *shape] and what they are to give [N] (of tokens [N, T]): integer classes, or numbers for a
    regression; both None for a function."""

    x: Any
    y: Any

    def __len__(self) -> int:
        return 0 if self.x is None else len(self.x)


class Inputs(NamedTuple):
    """What a model is given: its kind and shape, and the number of classes to tell apart.

    An "image" is [channels, side, side]; "points" are [features]; "tokens" are [T] whole numbers below the number of
    classes, each of which is to give the next one; a "graph" is [V, V + F], its adjacency matrix beside the features
    of its vertices.
    """

    kind: str
    shape: tuple[int, ...]
    classes: int


@dataclass(frozen=True)
class Dataset(ABC):
    """A classification set with a fixed split into training and held-out examples. A set that offers to standardize
    has a field `standardize`."""

    train: int
    _: KW_ONLY
    label_noise: float = knob(
        0.0,
        0.0,
        0.6,
        "Label noise",
        "Share of the training labels that are another class, drawn evenly; held-out labels stay right.",
        varies=False,
    )

    @property
    @abstractmethod
    def inputs(self) -> Inputs:
        """What a model of this set is given; SpecError "data: ..." where that cannot be known."""

    @abstractmethod
    def split(self) -> Arrays:
        """The examples as they come, x in float64 and y whole numbers; SpecError "data: ..." where they are not on
        this machine."""

    def examples(self) -> int:
        """How many training examples there are."""
        return self.train

    def arrays(self) -> Arrays:
        """The examples as they are trained on: x standardized by the training part, and wrong labels among the
        training ones."""
        x, y, x_test, y_test = self.split()
        x, x_test = standardized(x, x_test, getattr(self, "standardize", "none"))
        return x, mislabelled(y, self.inputs.classes, self.label_noise), x_test, y_test


_WORDS = (
    "By the training examples' mean and deviation: one of all numbers together, or one of each feature, where a "
    "feature that never varies is only centred; centred: less each feature's mean, and as large as they came."
)
TOGETHER, BY_FEATURE = (
    choice(usual, ("together", "by feature", "centred", "none"), "Standardize", _WORDS)
    for usual in ("together", "by feature")
)
"""The field `standardize`, for sets whose features are alike (pixels), and for those whose features are not."""


CONSTANT = 1e-13
"""How far a feature may spread, as a share of its largest magnitude, and still count as one that never varies: that
far float64's rounding reaches after some hundred operations."""


def standardized(x: np.ndarray, x_test: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Both parts, less the mean of x and divided by its deviation, "together" or "by feature"; "centred", less each
    feature's mean; or "none", as they are."""
    if how == "none":
        return x, x_test
    axis = None if how == "together" else 0
    # in units of a power of two no sum over- or underflows, and all else is rounded as it would be without
    unit = np.frexp(np.abs(x).max(axis))[1]
    with np.errstate(over="ignore", invalid="ignore"):
        x, x_test = np.ldexp(x, -unit), np.ldexp(x_test, -unit)
        mean, constant = x.mean(axis), np.ptp(x, axis) <= CONSTANT
        as_large = constant | (how == "centred")
        deviation, unit = np.where(as_large, 1.0, x.std(axis)), np.where(as_large, unit, 0)
        x, x_test = (np.ldexp(_centred(part, mean, constant) / deviation, unit) for part in (x, x_test))
    return x, x_test


def _centred(x: np.ndarray, mean: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """x less its mean, where the rounding of a constant counts as nothing."""
    x = x - mean
    return np.where(constant & (np.abs(x) <= CONSTANT), 0.0, x)


def varying(x: np.ndarray) -> np.ndarray:
    """Whether each feature [*shape] of examples [N, *shape] varies by more than `CONSTANT` of its size."""
    half = x / 2  # a spread of twice float64's largest number is one, too
    return np.ptp(half, axis=0) > CONSTANT * np.abs(half).max(0)


def mislabelled(y: np.ndarray, classes: int, share: float) -> np.ndarray:
    """Labels of which exactly round(share * number) are another class, drawn evenly; those wrong at a smaller share
    are wrong at a larger one too."""
    random = generator(0, "label noise")
    order, shift = (
        torch.randperm(y.size, generator=random).numpy(),
        torch.randint(1, classes, (y.size,), generator=random).numpy(),
    )
    wrong, labels = order[: round(share * y.size)], y.flatten()
    labels[wrong] = (labels[wrong] + shift[wrong]) % classes
    return labels.reshape(y.shape)


def random(draw: int, *purpose: str) -> np.random.Generator:
    """numpy's generator for one of a set's draws, seeded by `engine.seeds`."""
    return np.random.default_rng(generator(draw, *purpose).initial_seed())


@lru_cache(maxsize=16)
def load(dataset: Dataset, split: str, device: str, dtype: torch.dtype) -> Examples:
    """The "train" or "test" examples as tensors on a device, kept for the next caller: treat them as read-only."""
    x, y, x_test, y_test = dataset.arrays()
    x, y = (x, y) if split == "train" else (x_test, y_test)
    return Examples(
        torch.as_tensor(x, dtype=dtype, device=device), torch.as_tensor(y, dtype=torch.int64, device=device)
    )
