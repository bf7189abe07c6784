"""Fully connected models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor

from engine.models.model import ACTIVATIONS, Model, Normalize, activations, affine, applied, needs, norms, pair, starts
from engine.spec import knob


@dataclass(frozen=True)
class MLP(Model):
    """Fully connected layers of one width (a graph's or an image's numbers are taken as one list)."""

    width: int = knob(20, 1, 512, "Width", "Units in each hidden layer.", log=True)
    depth: int = knob(2, 0, 8, "Depth", "Hidden layers; 0 is a linear model.")
    activation: str = activations()
    init: str = starts()
    norm: str = norms("none", "batch", "layer")

    def layout(self, inputs):
        needs(inputs, "an MLP", "image", "points", "graph")
        widths = [math.prod(inputs.shape), *[self.width] * self.depth]
        hidden = [
            affine(f"layer{i + 1}", "Linear", after, before, norm=self.norm)
            for i, (before, after) in enumerate(pairwise(widths))
        ]
        return (*sum(hidden, ()), *pair(f"layer{self.depth + 1}", "Linear", inputs.classes, widths[-1]))

    def widest(self, inputs):
        return max(math.prod(inputs.shape), self.width)

    def logits(self, blocks, x, normalize):
        return F.linear(self.features(blocks, x, normalize), *blocks[-2:])

    def features(self, blocks: Sequence[Tensor], x: Tensor, normalize: Normalize) -> Tensor:
        """The activations [N, width] that the last layer reads; of a linear model, the inputs."""
        h, rest, act = x.flatten(1), iter(blocks), ACTIVATIONS[self.activation]
        for _ in range(self.depth):
            h = act(applied(F.linear, h, rest, self.norm, normalize))
        return h


DENSE = (MLP,)
