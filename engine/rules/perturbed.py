"""Rules that take the gradient at a perturbed point. Each is its own settings, formula, source and code.

g is the batch's gradient at w, u the one at the perturbed point; norms are over all perturbed parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from engine.rules.masks import MASKS, Everything, Mask, masked
from engine.rules.rule import TINY, Memory, Rule, across, along, unit
from engine.spec import SpecError, choice, flag, knob, pick

_MASK = pick(
    Everything(),
    lambda: MASKS,
    "Perturbed",
    "Which parameters the perturbation moves; normalization layers only is SAM-ON.",
)


def _rho(help: str, default: float = 0.05) -> Any:
    return knob(default, 0.0, 10.0, "Radius ρ", help, log=True)


@dataclass(frozen=True)
class SGD(Rule):
    """Plain gradient descent on the batch."""

    formula: ClassVar = "d = g"
    paper: ClassVar = "Robbins & Monro 1951"
    theory: ClassVar = (
        "Bounded if and only if η < 2/λ; converges to the minimum. Does not drift along a manifold of minima."
    )

    def direction(self, step, memory):
        return step.g, memory

    def edge(self, limit, gradient_norm, ascent_norm=None):
        return limit


@dataclass(frozen=True)
class SAM(Rule):
    """Sharpness-aware minimization: the gradient at distance ρ up the normalized gradient."""

    rho: float = _rho("How far up the slope the gradient is taken.")
    mask: Mask = _MASK

    formula: ClassVar = "d = u = ∇L(w + ρ g/‖g‖)"
    paper: ClassVar = (
        "Foret, Kleiner, Mobahi & Neyshabur 2021, eq. 3 (arXiv 2010.01412); masks: Mueller, Vlaar, Rolnick & Hein 2023 "
        "(arXiv 2306.04226)"
    )
    theory: ClassVar = (
        "Bounded if and only if η < 2/λ, for any ρ; ends in a 2-cycle on v₁ of radius ηρλ/(2 − ηλ). Drifts along a "
        "manifold of minima."
    )

    def begin(self, theta, layout, random):
        return self.mask.begin(theta, layout, random)

    def direction(self, step, memory):
        return step.gradient(along(step.w, masked(step.g, memory), self.rho)), memory

    def edge(self, limit, gradient_norm, ascent_norm=None):
        return edge(limit, self.rho / max(gradient_norm, TINY)) if isinstance(self.mask, Everything) else math.nan


@dataclass(frozen=True)
class USAM(Rule):
    """SAM without normalization: the perturbation shrinks with the gradient."""

    rho: float = _rho("The perturbation is ρ times the gradient: not comparable with SAM's.")

    formula: ClassVar = "d = ∇L(w + ρ g)"
    paper: ClassVar = "Andriushchenko & Flammarion 2022; Dai, Ahn & Sra 2023 (arXiv 2305.15287)"
    theory: ClassVar = (
        "Bounded if and only if η < 2/(λ + ρλ²); converges to the minimum. Does not drift along a manifold of minima."
    )

    def direction(self, step, memory):
        return step.gradient(step.w + self.rho * step.g), memory

    def edge(self, limit, gradient_norm, ascent_norm=None):
        return edge(limit, self.rho)


@dataclass(frozen=True)
class UnifiedSAM(Rule):
    """Between USAM (λ 0) and SAM (λ 1): how much of the perturbation is normalized."""

    rho: float = _rho("Times a mixture of the gradient and the normalized gradient.")
    lam: float = knob(0.5, 0.0, 1.0, "Lambda", "0 is USAM, 1 is SAM.")

    formula: ClassVar = "d = ∇L(w + ρ (1 − λ + λ/‖g‖) g)"
    paper: ClassVar = "Oikonomou & Loizou 2025, unified SAM (arXiv 2503.02225)"

    def direction(self, step, memory):
        return step.gradient(step.w + self.rho * ((1 - self.lam) * step.g + self.lam * unit(step.g))), memory

    def edge(self, limit, gradient_norm, ascent_norm=None):
        return edge(limit, self.rho * (1 - self.lam + self.lam / max(gradient_norm, TINY)))


@dataclass(frozen=True)
class ASAM(Rule):
    """SAM in coordinates scaled by the weights' own sizes T, so that rescaling a layer changes nothing."""

    rho: float = _rho("In units of the weights' sizes: not comparable with SAM's.", 0.5)
    eta: float = knob(0.01, 0.0, 1.0, "Eta", "Added to each weight's size; not for layerwise sizes.", log=True)
    scale: str = choice(
        "2",
        ("2", "infinity", "layerwise"),
        "Norm p",
        "Of the scaled ball: 2 or infinity with T = |w| + eta, or 2 with T = each layer's norm.",
    )
    biases: bool = flag(False, "Scale biases too", "Otherwise T is 1 on biases, as in the authors' code.")
    mask: Mask = _MASK

    formula: ClassVar = "d = ∇L(w + ρ T²g/‖Tg‖);  p = ∞: ∇L(w + ρ T sign g)"
    paper: ClassVar = "Kwon, Kim, Park & Choi 2021 (arXiv 2102.11600); layerwise: Mueller et al. 2023"

    def begin(self, theta, layout, random):
        layer = torch.cat([torch.full((b.size,), i) for i, b in enumerate(layout)]).to(theta.device)
        scales = torch.cat([torch.full((b.size,), self.biases or b.role != "bias") for b in layout]).to(theta.device)
        layers = {"layer": layer, "none": theta.new_zeros(len(layout))} if self.scale == "layerwise" else {}
        return {"scales": scales} | layers | self.mask.begin(theta, layout, random)

    def direction(self, step, memory):
        g, size = masked(step.g, memory), self._size(step.w, memory)
        if self.scale == "infinity":
            return step.gradient(step.w + self.rho * size * g.sign()), memory
        return step.gradient(step.w + self.rho * size * unit(size * g)), memory

    def _size(self, w: Tensor, memory: Memory) -> Tensor:
        """The diagonal of T [n]."""
        if self.scale == "layerwise":
            size = memory["none"].index_add(0, memory["layer"], w * w).sqrt()[memory["layer"]]
        else:
            size = w.abs() + self.eta
        return torch.where(memory["scales"], size, torch.ones_like(w))


@dataclass(frozen=True)
class MSAM(Rule):
    """m-SAM: every micro-batch perturbs the weights by its own gradient, and the gradients taken there are averaged."""

    rho: float = _rho("How far up each micro-batch's slope its gradient is taken.")
    m: int = knob(
        16,
        0,
        5000,
        "Micro-batch m",
        "Examples in each: 1 is 1-SAM, 0 or the batch size is SAM. BatchNorm goes by the micro-batch.",
        log=True,
    )

    formula: ClassVar = "d = meanⱼ ∇L_Bⱼ(w + ρ gⱼ/‖gⱼ‖), B in micro-batches Bⱼ of m"
    paper: ClassVar = "Foret et al. 2021, sec. 4.1; Andriushchenko & Flammarion 2022 (arXiv 2206.06232)"

    def direction(self, step, memory):
        return step.micro(self.m, lambda part: part.gradient(along(part.w, part.g, self.rho))), memory

    def fits(self, problem, batch, field):
        if problem.mixes and self.m == 1 < batch:
            raise SpecError(
                f"{field}.m: expected at least 2: BatchNorm has no variance to divide by in a micro-batch of one "
                "example"
            )


@dataclass(frozen=True)
class GSAM(Rule):
    """Surrogate gap SAM: descends u, and at the same time shrinks the gap between the perturbed loss and the loss."""

    rho: float = _rho("At the full learning rate; it falls with the rate, whatever is chosen for the run's radius.")
    rho_min: float = knob(0.01, 0.0, 10.0, "Least radius", "At learning rate 0.", log=True)
    alpha: float = knob(0.2, 0.0, 10.0, "Alpha", "Weight of the part of g across u, that is ascended.", log=True)

    formula: ClassVar = "d = u − α (g − (g·u/‖u‖²) u),  u = ∇L(w + ρₜ g/‖g‖),  ρₜ = ρ_min + (ρ − ρ_min) ηₜ/η"
    paper: ClassVar = "Zhuang et al. 2022 (arXiv 2203.08065)"
    follows: ClassVar = True

    def direction(self, step, memory):
        rho = self.rho_min + (self.rho - self.rho_min) * step.factor
        u = step.gradient(along(step.w, step.g, rho))
        return u - self.alpha * across(step.g, u), memory

    def fits(self, problem, batch, field):
        if self.rho < self.rho_min:
            raise SpecError(f"{field}.rho: expected at least rho_min, {self.rho_min:g}, got {self.rho:g}")


@dataclass(frozen=True)
class FriendlySAM(Rule):
    """SAM along the batch's own noise: the gradient less its running mean m."""

    rho: float = _rho("How far the gradient is taken along the batch's noise.")
    sigma: float = knob(1.0, 0.0, 2.0, "Sigma", "How much of the running mean is taken away.")
    decay: float = knob(0.9, 0.0, 0.999, "Lambda", "Memory of the running mean.")

    formula: ClassVar = "d = ∇L(w + ρ v/‖v‖),  v = g − σ m,  then m ← λ m + (1 − λ) g"
    paper: ClassVar = (
        "Li, Zhou, He, Cheng & Huang 2024 (arXiv 2403.12350); m of the steps before, as in the authors' code"
    )
    needs: ClassVar = ("clock", "past")

    def begin(self, theta, layout, random):
        return {"mean": torch.zeros_like(theta)}

    def direction(self, step, memory):
        u = step.gradient(along(step.w, step.g - self.sigma * memory["mean"], self.rho))
        return u, {"mean": torch.lerp(step.g, memory["mean"], self.decay) if step.clock.age else step.g}


@dataclass(frozen=True)
class RandomDirection(Rule):
    """A control: the gradient at distance ρ in a random direction."""

    rho: float = _rho("How far away the gradient is taken.")

    formula: ClassVar = "d = ∇L(w + ρ z/‖z‖),  z ~ N(0, I)"
    paper: ClassVar = "the control of Foret et al. 2021, app. C.5 (arXiv 2010.01412)"
    needs: ClassVar = ("noise",)

    def direction(self, step, memory):
        return step.gradient(along(step.w, step.noise, self.rho)), memory

    def edge(self, limit, gradient_norm, ascent_norm=None):
        return limit  # on a quadratic the perturbation adds noise of mean 0, and no curvature


def edge(limit: float, slope: float) -> float:
    """The h that solves h + slope h^2 = limit: the SAM-edge for slope rho/norm(g) (Long & Bartlett 2024, arXiv
    2309.12488), USAM's for slope rho."""
    return 2 * limit / (1 + math.sqrt(1 + 4 * slope * limit)) if limit > 0 else math.nan


PERTURBED = {cls.__name__: cls for cls in (SGD, SAM, USAM, UnifiedSAM, ASAM, MSAM, GSAM, FriendlySAM, RandomDirection)}
