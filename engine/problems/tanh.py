"""A network so small that thousands of runs of it take seconds: where the boundary of trainability is mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from engine.data import Examples
from engine.models import Block
from engine.problems.abstract import Problem
from engine.seeds import generator
from engine.spec import knob


@dataclass(frozen=True)
class TanhNet(Problem):
    """One hidden layer of tanh units on random examples, f(x) = v · tanh(W x), L = 1/N Σ (f(x_i) - y_i)², in float64.

    The setting of Sohl-Dickstein 2024 (arXiv 2402.06184), whose factors 1/√n at both layers are here in the start: W
    [n, n] and v [n] have normal entries of deviation 1/√n, and his learning rates are n times these. Inputs [N, n] and
    results [N] are independent standard normals, so nothing is held out. theta is W and v/√ratio: a learning rate
    η of theta is one of η for W and of ratio η for v, and the start's function does not depend on the ratio.
    """

    width: int = knob(4, 1, 64, "Width", "n, of the inputs and of the hidden layer; there are n² + n parameters.")
    train: int = knob(4, 1, 1000, "Training examples", "N, inputs and results at random; none are held out.", log=True)
    ratio: float = knob(
        1.0,
        1e-4,
        1e4,
        "Ratio of rates",
        "How many times the first layer's learning rate the second layer's is.",
        log=True,
        varies=False,
    )
    draw: int = knob(0, 0, 9999, "Draw", "Which random examples.")

    dtype: ClassVar = torch.float64

    def blocks(self):
        return (Block("W", (self.width, self.width), "weight"), Block("v", (self.width,), "weight"))

    def start(self, seed):
        normal = torch.randn(self.size(), generator=generator(seed, "start"), dtype=self.dtype) / self.width**0.5
        normal[self.width**2 :] /= self.ratio**0.5
        return normal

    def examples(self):
        return self.train

    def widest(self):
        return self.width

    def load(self, split, device="cpu", dtype=None):
        if split != "train":
            return Examples(None, None)
        random = generator(self.draw, type(self).__name__, split)
        x = torch.randn(self.train, self.width, generator=random, dtype=torch.float64)
        y = torch.randn(self.train, generator=random, dtype=torch.float64)
        return Examples(x.to(device, dtype or self.dtype), y.to(device, dtype or self.dtype))

    def outputs(self, theta: Tensor, x: Tensor) -> Tensor:
        """f [N] of inputs x [N, n] at theta [n² + n]."""
        first, second = theta[: self.width**2].view(self.width, self.width), theta[self.width**2 :]
        return torch.tanh(x @ first.T) @ second * self.ratio**0.5

    def losses(self, theta, x: Any, y: Any):
        return (self.outputs(theta, x) - y) ** 2

    def loss(self, theta, x, y):
        return self.losses(theta, x, y).mean()

    def score(self, theta, x, y, moments=None):
        loss = self.loss(theta, x, y)
        return torch.stack([loss, torch.full_like(loss, float("nan"))])
