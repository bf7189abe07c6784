"""Updates: what is done with a rule's direction d at the original point w. Weight decay acts here, never inside a perturbation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from engine.rules import Memory
from engine.spec import knob

Rate = float | Tensor


@dataclass(frozen=True)
class Update(ABC):
    """Moves theta along a direction."""

    formula: ClassVar[str]

    @abstractmethod
    def begin(self, theta: Tensor) -> Memory:
        """The update's buffers before the first step."""

    @abstractmethod
    def apply(self, theta: Tensor, d: Tensor, memory: Memory, lr: Rate) -> tuple[Tensor, Memory]:
        """theta [n] after a step of learning rate lr along d [n], and the buffers after it."""

    @abstractmethod
    def limit(self, lr: float) -> float:
        """The largest curvature at which plain full-batch gradients are stable on a quadratic; NaN where there is none."""


@dataclass(frozen=True)
class Momentum(Update):
    """Stochastic gradient descent's step, with heavy-ball momentum and coupled weight decay (as torch.optim.SGD)."""

    momentum: float = knob(0.0, 0.0, 0.999, "Momentum")
    decay: float = knob(0.0, 0.0, 1.0, "Weight decay", "Adds decay times w to the direction.", log=True)

    formula: ClassVar = "m ← μ m + d + λ w;  w ← w − η m"

    def begin(self, theta):
        return {"m": torch.zeros_like(theta)}

    def apply(self, theta, d, memory, lr):
        m = torch.add(d, theta * self.decay).add(memory["m"] * self.momentum)
        return theta - lr * m, {"m": m}

    def limit(self, lr):
        return (2 + 2 * self.momentum) / lr - self.decay if lr > 0 else math.nan


@dataclass(frozen=True)
class AdamW(Update):
    """Adam with decoupled weight decay (as torch.optim.AdamW)."""

    beta1: float = knob(0.9, 0.0, 0.999, "Beta 1", "Memory of the mean.")
    beta2: float = knob(0.999, 0.0, 0.99999, "Beta 2", "Memory of the squares.")
    decay: float = knob(0.01, 0.0, 1.0, "Weight decay", "Decoupled: shrinks w by the factor 1 - lr decay.", log=True)
    eps: float = knob(1e-8, 1e-12, 1.0, "Epsilon", log=True)

    formula: ClassVar = "w ← (1 − ηλ) w − η m̂/(√v̂ + ε)   (Loshchilov & Hutter 2019)"

    def begin(self, theta):
        t = torch.zeros((), dtype=torch.float64, device=theta.device)  # in float32, 1 - beta2^t would lose four of its seven digits at first
        return {"m": torch.zeros_like(theta), "v": torch.zeros_like(theta), "t": t}

    def apply(self, theta, d, memory, lr):
        t = memory["t"] + 1
        m = self.beta1 * memory["m"] + (1 - self.beta1) * d
        v = self.beta2 * memory["v"] + (1 - self.beta2) * d * d
        mean, square = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return theta * (1 - lr * self.decay) - lr * mean / (square.sqrt() + self.eps), {"m": m, "v": v, "t": t}

    def limit(self, lr):
        return math.nan  # its edge is one of the preconditioned Hessian (Cohen et al. 2022), which is not tracked here


UPDATES = {cls.__name__: cls for cls in (Momentum, AdamW)}
