"""A model that learns to tell the classes of a dataset apart, as a problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data import DATASETS, Dataset, Digits, load
from engine.models import MLP, MODELS, Collect, Given, Model, Normalize, by_batch, initial, unflatten
from engine.problems.abstract import Problem
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

    def logits(self, theta: Tensor, x: Tensor, normalize: Normalize = by_batch) -> Tensor:
        """Outputs [N, classes] of the model at theta; [N, T, classes] for tokens."""
        return self.model.logits(unflatten(theta, self.layout), x, normalize)

    def loss(self, theta, x: Any, y: Any):
        return self._loss(self.logits(theta, x), y, "mean")

    def losses(self, theta, x: Any, y: Any):
        losses = self._loss(self.logits(theta, x), y, "none")  # of each token, or of each output
        return losses if losses.shape == y.shape else losses.view(len(x), -1).mean(1)

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
        # F.one_hot looks at its values, which vmap over y forbids
        hot = y[:, None] == torch.arange(logits.shape[1], device=y.device)
        target = hot.to(logits.dtype) * (1 - self.smoothing) + self.smoothing / logits.shape[1]
        return F.mse_loss(logits, target, reduction=reduction)
