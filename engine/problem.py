"""Problems: what can be trained, and its loss and accuracy over many examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data import DATASETS, Dataset, Digits, Examples, load
from engine.machine import BLOCK
from engine.models import MLP, MODELS, Collect, Given, Model, Normalize, by_batch, initial, unflatten
from engine.problems.abstract import Loss, Moments, Problem
from engine.problems.recovery import RECOVERIES, DiagonalNet, MatrixSensing
from engine.problems.toys import TOYS, Beale, Product, Quadratic, Saddle, Toy, TwoCurvatures
from engine.seeds import generator
from engine.spec import choice, knob, pick


@dataclass(frozen=True)
class Classification(Problem):
    """A model that learns to tell the classes of a dataset apart."""

    data: Dataset = pick(Digits(), lambda: DATASETS, "Data")
    model: Model = pick(MLP(), lambda: MODELS, "Model")
    objective: str = choice(
        "cross-entropy",
        ("cross-entropy", "squared error"),
        "Loss",
        "Mean over examples; squared error: also over the one-hot outputs.",
    )
    smoothing: float = knob(
        0.0,
        0.0,
        0.9,
        "Label smoothing",
        "Share of each target that is spread evenly over all classes (Szegedy et al. 2016).",
    )

    dtype: ClassVar = torch.float32

    def __post_init__(self):
        _ = self.layout  # refuses a model that does not fit the data

    def blocks(self):
        return self.model.layout(self.data.inputs)

    def start(self, seed):
        return initial(self.model, self.layout, generator(seed, "start"))

    def examples(self):
        return self.data.examples()

    def load(self, split, device="cpu", dtype=None):
        return load(self.data, split, device, dtype or self.dtype)

    def widest(self):
        return self.model.widest(self.data.inputs)

    @property
    def mixes(self):
        return self.model.mixes

    def logits(self, theta: Tensor, x: Tensor, normalize: Normalize = by_batch) -> Tensor:
        """Outputs [N, classes] of the model at theta; [N, T, classes] for tokens."""
        return self.model.logits(unflatten(theta, self.layout), x, normalize)

    def loss(self, theta, x: Any, y: Any):
        return self._loss(self.logits(theta, x), y, "mean")

    def losses(self, theta, x: Any, y: Any):
        each = self._loss(self.logits(theta, x), y, "none")
        return each if each.shape == y.shape else each.view(len(x), -1).mean(1)

    def score(self, theta, x: Any, y: Any, moments=None):
        logits = self.logits(theta, x, Given(moments) if moments else by_batch)
        return torch.stack([self._loss(logits, y, "mean"), (logits.argmax(-1) == y).to(logits.dtype).mean()])

    def moments(self, theta, x):
        collect = Collect()
        self.logits(theta, x, collect)
        return collect.moments or None

    def _loss(self, logits: Tensor, y: Tensor, reduction: str) -> Tensor:
        logits, y = logits.flatten(0, -2), y.flatten()
        if self.objective == "cross-entropy":
            return F.cross_entropy(logits, y, reduction=reduction, label_smoothing=self.smoothing)
        hot = y[:, None] == torch.arange(
            logits.shape[1], device=y.device
        )  # F.one_hot looks at its values, which vmap over y forbids
        target = hot.to(logits.dtype) * (1 - self.smoothing) + self.smoothing / logits.shape[1]
        return F.mse_loss(logits, target, reduction=reduction)


def parts(problem: Problem, examples: Examples, chunk: int | None = None) -> list[Loss]:
    """The mean loss over all examples as summands, each a scalar function of theta; every example weighs the same in
    an uneven last chunk.

    Where examples mix they are one batch, whatever its size: the loss then depends on theta through their common
    statistics too.
    """
    n = len(examples)
    if examples.x is None or examples.y is None:
        return [lambda theta: problem.loss(theta, None, None)]

    def part(x, y, weight):
        return lambda theta: weight * problem.loss(theta, x, y)

    return [part(x, y, len(y) / n) for x, y in pieces(problem, examples, n if problem.mixes else chunk)]


@torch.no_grad()
def evaluate(problem: Problem, theta: Tensor, examples: Examples, chunk: int | None = None) -> Tensor:
    """[2]: the mean loss and the accuracy at theta over all examples; BatchNorm goes by the whole training set,
    whichever set is scored."""
    n, moments = len(examples), None
    if examples.x is None or examples.y is None:
        return problem.score(theta, None, None)
    if problem.mixes:
        train = problem.load("train", str(examples.x.device), examples.x.dtype)
        if examples.x is train.x:
            chunk = n  # the batch is the training set: its own statistics are the ones
        else:
            moments = problem.moments(theta, train.x)
    return reduce(
        torch.add, (problem.score(theta, x, y, moments) * (len(y) / n) for x, y in pieces(problem, examples, chunk))
    )


def pieces(problem: Problem, examples: Examples, chunk: int | None) -> Iterator[tuple[Tensor, Tensor]]:
    """The examples, `chunk` at a time; None takes as many as keep every activation below the device's BLOCK."""
    chunk = chunk or chunk_of(problem, examples)
    return zip(examples.x.split(chunk), examples.y.split(chunk), strict=True)


def chunk_of(problem: Problem, examples: Examples) -> int:
    """How many examples keep every activation below the device's BLOCK; 0 where there are none."""
    return (
        max(1, BLOCK[examples.x.device.type] // (problem.widest() * examples.x.element_size())) if len(examples) else 0
    )


PROBLEMS = {cls.__name__: cls for cls in (Classification, *TOYS, *RECOVERIES)}

__all__ = [
    "PROBLEMS",
    "Beale",
    "Classification",
    "DiagonalNet",
    "Loss",
    "MatrixSensing",
    "Moments",
    "Problem",
    "Product",
    "Quadratic",
    "Saddle",
    "Toy",
    "TwoCurvatures",
    "chunk_of",
    "evaluate",
    "parts",
    "pieces",
]
