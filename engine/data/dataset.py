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


def standardized(x: np.ndarray, x_test: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Both parts, less the mean of x and divided by its deviation, "together" or "by feature"; "centred", less each
    feature's mean; or "none", as they are."""
    if how == "none":
        return x, x_test
    if how == "centred":
        return x - x.mean(0), x_test - x.mean(0)
    axis = None if how == "together" else 0
    mean, deviation = x.mean(axis), np.where(x.max(axis) == x.min(axis), 1.0, x.std(axis))
    return (x - mean) / deviation, (x_test - mean) / deviation


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
