"""Rules: which gradient a step descends, and where it is taken. Each is its own settings, formula, source and code.

A rule gets the gradient as a *function* of theta, for the same batch each time it is called: SAM needs it elsewhere. The text
below is written for one run on flat vectors; `train` runs it alone with plain autograd, or for many runs under `torch.vmap`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from engine.spec import flag, knob

Gradient = Callable[[Tensor], Tensor]
Memory = dict[str, Tensor]
TINY = 1e-12
"""Keeps a normalized gradient finite where the gradient is 0, so that SAM there is plain descent."""


@dataclass(frozen=True)
class Rule(ABC):
    """Gives the direction d that the update descends from theta."""

    formula: ClassVar[str]
    paper: ClassVar[str]

    def begin(self, theta: Tensor) -> Memory:
        """What the rule remembers from step to step: tensors of theta's shape or scalars."""
        return {}

    @abstractmethod
    def direction(self, gradient: Gradient, theta: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """d [n] at theta [n] for one batch's `gradient`, and the memory for the next step."""

    @abstractmethod
    def edge(self, limit: float, gradient_norm: float) -> float:
        """The largest Hessian eigenvalue at which full-batch steps stay stable; NaN where no theory says.

        `limit` is that of plain gradients under the same update (2/eta without momentum), `gradient_norm` that of the
        full-batch gradient.
        """


@dataclass(frozen=True)
class SGD(Rule):
    """Plain gradient descent on the batch."""

    formula: ClassVar = "d = g"
    paper: ClassVar = "Robbins & Monro 1951"

    def direction(self, gradient, theta, memory):
        return gradient(theta), memory

    def edge(self, limit, gradient_norm):
        return limit


@dataclass(frozen=True)
class SAM(Rule):
    """Sharpness-aware minimization: the gradient at distance rho up the normalized gradient."""

    rho: float = knob(0.05, 0.0, 10.0, "Radius rho", "How far up the slope the gradient is taken.", log=True)

    formula: ClassVar = "d = u = ∇L(w + ρ g/‖g‖)"
    paper: ClassVar = "Foret, Kleiner, Mobahi & Neyshabur 2021, eq. 3 (arXiv 2010.01412)"

    def direction(self, gradient, theta, memory):
        return ascended(gradient, theta, gradient(theta), self.rho), memory

    def edge(self, limit, gradient_norm):
        return _edge(limit, self.rho / max(gradient_norm, TINY))


@dataclass(frozen=True)
class USAM(Rule):
    """SAM without normalization: the perturbation shrinks with the gradient."""

    rho: float = knob(0.05, 0.0, 10.0, "Radius rho", "The perturbation is rho times the gradient: not comparable with SAM's.", log=True)

    formula: ClassVar = "d = ∇L(w + ρ g)"
    paper: ClassVar = "Andriushchenko & Flammarion 2022; Dai, Ahn & Sra 2023, eq. 2 (arXiv 2305.15287)"

    def direction(self, gradient, theta, memory):
        return gradient(theta + self.rho * gradient(theta)), memory

    def edge(self, limit, gradient_norm):
        return _edge(limit, self.rho)


@dataclass(frozen=True)
class SSAM(Rule):
    """SAM whose descent gradient is rescaled to the norm of the ascent gradient (not of the perturbation, which SAM normalizes already)."""

    rho: float = knob(0.05, 0.0, 10.0, "Radius rho", "How far up the slope the gradient is taken.", log=True)
    shrink: bool = flag(False, "Only shrink", "Use min(1, ‖g‖/‖u‖), so that the direction is never made longer.")

    formula: ClassVar = "d = (‖g‖/‖u‖) u"
    paper: ClassVar = "Tan, Zhang, Liu, Wang, Li & Wu 2024, alg. 1 (arXiv 2401.07250)"

    def direction(self, gradient, theta, memory):
        g = gradient(theta)
        u = ascended(gradient, theta, g, self.rho)
        factor = g.norm() / (u.norm() + TINY)
        return (factor.clamp(max=1) if self.shrink else factor) * u, memory

    def edge(self, limit, gradient_norm):
        return limit


def ascended(gradient: Gradient, theta: Tensor, g: Tensor, rho: float) -> Tensor:
    """SAM's u: the gradient at distance rho from theta along g."""
    return gradient(theta + rho * g / (g.norm() + TINY))


def _edge(limit: float, slope: float) -> float:
    """The h that solves h + slope h^2 = limit: the SAM-edge for slope rho/norm(g) (Long & Bartlett 2023, arXiv 2309.12488), USAM's for slope rho."""
    return 2 * limit / (1 + math.sqrt(1 + 4 * slope * limit)) if limit > 0 else math.nan


RULES = {cls.__name__: cls for cls in (SGD, SAM, USAM, SSAM)}
