"""Updates: what is done with a rule's direction d at the original point w. Weight decay acts here, never inside a
perturbation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from engine.rules import Memory
from engine.spec import flag, knob

Rate = float | Tensor
COUPLED = "Coupled: adds decay times w to the direction."


@dataclass(frozen=True)
class Update(ABC):
    """Moves theta along a direction."""

    formula: ClassVar[str]

    @abstractmethod
    def begin(self, theta: Tensor) -> Memory:
        """The update's buffers before the first step; "m" [n] is the running mean or sum of directions."""

    @abstractmethod
    def apply(self, theta: Tensor, d: Tensor, memory: Memory, lr: Rate) -> tuple[Tensor, Memory]:
        """theta [n] after a step of learning rate lr along d [n], and the buffers after it."""

    @abstractmethod
    def limit(self, lr: float) -> float:
        """The largest curvature at which plain full-batch gradients are stable on a quadratic; NaN where there is
        none."""


def _decay(default: float, help: str) -> Any:
    return knob(default, 0.0, 1.0, "Weight decay", help, log=True)


@dataclass(frozen=True)
class Momentum(Update):
    """Stochastic gradient descent's step, with heavy-ball or Nesterov momentum and weight decay (as
    torch.optim.SGD)."""

    momentum: float = knob(0.0, 0.0, 0.999, "Momentum")
    decay: float = _decay(0.0, COUPLED)
    nesterov: bool = flag(
        False, "Nesterov", "Steps along d + μ m, where heavy-ball momentum steps along m (Sutskever et al. 2013)."
    )
    decoupled: bool = flag(
        False,
        "Decoupled decay",
        "Shrinks w by the factor 1 - lr decay instead, past the momentum (Loshchilov & Hutter 2019).",
    )

    formula: ClassVar = "m ← μ m + d + λ w;  w ← w − η m"

    def begin(self, theta):
        return {"m": torch.zeros_like(theta)}

    def apply(self, theta, d, memory, lr):
        if not self.decoupled:
            d = torch.add(d, theta * self.decay)
        m = torch.add(d, memory["m"] * self.momentum)
        if self.decoupled:
            theta = theta * (1 - lr * self.decay)
        return theta - lr * (d + self.momentum * m if self.nesterov else m), {"m": m}

    def limit(self, lr):
        if lr <= 0:
            return math.nan
        # where the iteration's matrix has the eigenvalue -1
        gain = (1 + self.momentum) / (1 + 2 * self.momentum if self.nesterov else 1)
        return gain * (2 / lr - self.decay) if self.decoupled else gain * 2 / lr - self.decay


@dataclass(frozen=True)
class Adaptive(Update):
    """Steps along a running mean of directions, each number over the root of the running mean of its squares."""

    beta1: float = knob(0.9, 0.0, 0.999, "Beta 1", "Memory of the mean.")
    beta2: float = knob(0.999, 0.0, 0.99999, "Beta 2", "Memory of the squares.")
    decay: float = _decay(0.0, "")
    eps: float = knob(1e-8, 1e-12, 1.0, "Epsilon", log=True)

    def begin(self, theta):
        # in float32, 1 - beta2^t would lose four of its seven digits at first
        t = torch.zeros((), dtype=torch.float64, device=theta.device)
        return {"m": torch.zeros_like(theta), "v": torch.zeros_like(theta), "t": t}

    def limit(self, lr):
        return math.nan  # its edge is one of the preconditioned Hessian (Cohen et al. 2022), which is not tracked here

    def adapted(self, d: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """The step [n] for the learning rate 1, and the moments after it (Kingma & Ba 2015, alg. 1)."""
        t = memory["t"] + 1
        m = self.beta1 * memory["m"] + (1 - self.beta1) * d
        v = self.beta2 * memory["v"] + (1 - self.beta2) * d * d
        mean, square = m / (1 - self.beta1**t), v / (1 - self.beta2**t)
        return mean / (square.sqrt() + self.eps), {"m": m, "v": v, "t": t}


@dataclass(frozen=True)
class Adam(Adaptive):
    """Adam with bias correction and coupled weight decay (as torch.optim.Adam)."""

    decay: float = _decay(0.0, COUPLED)

    formula: ClassVar = "d ← d + λ w;  w ← w − η m̂/(√v̂ + ε)   (Kingma & Ba 2015)"

    def apply(self, theta, d, memory, lr):
        step, memory = self.adapted(d + self.decay * theta, memory)
        return theta - lr * step, memory


@dataclass(frozen=True)
class AdamW(Adaptive):
    """Adam with decoupled weight decay (as torch.optim.AdamW)."""

    decay: float = _decay(0.01, "Decoupled: shrinks w by the factor 1 - lr decay.")

    formula: ClassVar = "w ← (1 − ηλ) w − η m̂/(√v̂ + ε)   (Loshchilov & Hutter 2019)"

    def apply(self, theta, d, memory, lr):
        step, memory = self.adapted(d, memory)
        return theta * (1 - lr * self.decay) - lr * step, memory


def moved(update: Update, clip: float, theta: Tensor, d: Tensor, memory: Memory, lr: Rate) -> tuple[Tensor, Memory]:
    """theta [n] after a step along d [n], cut to the length `clip` where that is not 0, and the buffers after it."""
    if clip:
        d = d * (clip / (d.norm() + 1e-6)).clamp(max=1)  # as torch.nn.utils.clip_grad_norm_
    return update.apply(theta, d, memory, lr)


UPDATES = {cls.__name__: cls for cls in (Momentum, Adam, AdamW)}
