"""Rules that exist to be cheap: they reuse gradients, or take them on part of the batch; none computes a pass to
throw it away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from engine.rules.perturbed import _rho
from engine.rules.rule import TINY, Rule, across, along, unit
from engine.spec import SpecError, knob


@dataclass(frozen=True)
class ESAM(Rule):
    """Efficient SAM: perturbs a random part of the weights, and descends on the examples whose loss the perturbation
    raises most."""

    rho: float = _rho("How far up the slope, before the random choice of weights.")
    beta: float = knob(
        0.6, 0.01, 1.0, "Beta", "Probability that a weight is perturbed; the perturbation is divided by it."
    )
    gamma: float = knob(
        0.5, 0.01, 1.0, "Gamma", "Share of the batch that the second gradient is taken on.", varies=False
    )

    formula: ClassVar = (
        "d = ∇L_B⁺(w + ε),  ε = (ρ/β) b ⊙ g/‖g‖,  b ~ Bernoulli(β),  B⁺: the γ|B| examples with the largest ℓ(w + ε) − "
        "ℓ(w)"
    )
    paper: ClassVar = (
        "Du et al. 2022 (arXiv 2110.03141); weight by weight, where the authors' code chooses whole tensors"
    )
    needs: ClassVar = ("noise",)

    def direction(self, step, memory):
        g, before = step.traced(step.w)
        chosen = step.noise < torch.special.ndtri(torch.as_tensor(self.beta, dtype=g.dtype))
        point = step.w + self.rho / self.beta / (g.norm() + TINY) * (chosen * g)
        count = max(1, round(self.gamma * len(before)))
        if count == len(before):
            return step.gradient(point), memory
        return step.part(point, lambda after: _highest(after - before, count)), memory

    def fits(self, problem, batch, field):
        if problem.mixes and round(self.gamma * batch) < 2:
            raise SpecError(
                f"{field}.gamma: expected at least {2 / batch:.2g}: BatchNorm has no variance to divide by in a batch "
                "of one example"
            )


def _highest(rise: Tensor, count: int) -> Tensor:
    """The positions [count] of the largest numbers; of equal ones, as all are where g is 0, the first."""
    return rise.sort(descending=True, stable=True).indices[:count]


@dataclass(frozen=True)
class LookSAM(Rule):
    """A SAM step every k-th time; between them its part across g is reused, and a step costs one gradient."""

    rho: float = _rho("How far up the slope the gradient is taken.")
    k: int = knob(5, 1, 1000, "Period k", "Every k-th step is a SAM step.", log=True)
    alpha: float = knob(0.7, 0.0, 10.0, "Alpha", "Weight of the reused part.", log=True)

    formula: ClassVar = "every k-th step d = u, v = u − (u·g/‖g‖²) g;  else d = g + α (‖g‖/‖v‖) v"
    paper: ClassVar = "Liu, Mai, Chen, Hsieh & You 2022 (arXiv 2203.02714), with norms over all parameters"
    needs: ClassVar = ("clock", "past")

    def begin(self, theta, layout, random):
        return {"v": torch.zeros_like(theta)}

    def direction(self, step, memory):
        if step.clock.age % self.k:
            return step.g + self.alpha * step.g.norm() * unit(memory["v"]), memory
        u = step.gradient(along(step.w, step.g, self.rho))
        return u, {"v": across(u, step.g)}


@dataclass(frozen=True)
class MomentumSAM(Rule):
    """The gradient at distance ρ back along the momentum: no gradient is spent on the perturbation."""

    rho: float = _rho("How far away the gradient is taken.")

    formula: ClassVar = "d = ∇L(w − ρ m/‖m‖),  m: the update's momentum buffer"
    paper: ClassVar = "Becker, Altrock & Risse 2024 (arXiv 2401.12033)"
    needs: ClassVar = ("past",)

    def direction(self, step, memory):
        return step.gradient(along(step.w, step.velocity, -self.rho)), memory


@dataclass(frozen=True)
class SAMPa(Rule):
    """SAM in parallel: the perturbation comes from the gradient of this batch at an auxiliary point y, found a step
    earlier, so that both gradients of a step can be computed at once; each of them counts."""

    rho: float = _rho("How far up the auxiliary gradient.")
    lam: float = knob(0.2, 0.0, 1.0, "Lambda", "Weight of the auxiliary gradient in the step.")

    formula: ClassVar = (
        "d = (1 − λ) ∇L_B(w + ρ h/‖h‖) + λ h′,  h′ = ∇L_B′(y),  y: w after the update along h;  then h ← h′;  B′: the "
        "next step's batch;  first h = g"
    )
    paper: ClassVar = (
        "Xie, Pethick & Cevher 2024, alg. 1 (arXiv 2410.10683); y with momentum and weight decay, as in the authors' "
        "code; one gradient more at the first step"
    )
    needs: ClassVar = ("clock", "next", "past")

    def begin(self, theta, layout, random):
        return {"h": torch.zeros_like(theta)}

    def direction(self, step, memory):
        h = memory["h"] if step.clock.age else step.g
        u, ahead = step.gradient(along(step.w, h, self.rho)), step.upcoming().gradient(step.ahead(h))
        return (1 - self.lam) * u + self.lam * ahead, {"h": ahead}


@dataclass(frozen=True)
class GraphSAM(Rule):
    """The perturbation follows a running mean of earlier directions, made anew from the gradient at every epoch's
    first step."""

    rho: float = _rho("The perturbation's scale, and the most that it may measure.")
    beta: float = knob(0.99, 0.0, 0.9999, "Beta", "Memory of the running mean.")
    gamma: float = knob(0.5, 0.01, 1.0, "Gamma", "What ρ is multiplied by at every period.")
    period: int = knob(10, 1, 1000, "Period", "Epochs after which ρ falls.", log=True)

    formula: ClassVar = (
        "d = u = ∇L(w + ε),  ε = ρₜ T²h/‖Th‖ cut to length ρₜ,  T = |w|,  h ← β h + (1 − β) u/‖u‖;  an epoch's first "
        "step: h = g/‖g‖"
    )
    paper: ClassVar = (
        "Wang, Zhou, Liu, Wang & Wang 2024 (arXiv 2406.13137); norms of all parameters; the authors' code goes by "
        "tensor, and begins with h = g"
    )
    needs: ClassVar = ("clock", "past")

    def begin(self, theta, layout, random):
        return {"h": torch.zeros_like(theta)}

    def direction(self, step, memory):
        fresh = step.clock.position == 0 or step.clock.age == 0
        h, size = unit(step.g) if fresh else memory["h"], step.w.abs()
        scaled = size * h
        eps = size * scaled
        rho = self.rho * self.gamma ** (step.clock.epoch // self.period)
        # rho T²h/‖Th‖, whose length rho ‖T²h‖/‖Th‖ is cut to rho
        u = step.gradient(step.w + rho * eps / (torch.maximum(scaled.norm(), eps.norm()) + TINY))
        return u, {"h": torch.lerp(unit(u), h, self.beta)}


LAZY = {cls.__name__: cls for cls in (ESAM, LookSAM, MomentumSAM, SAMPa, GraphSAM)}
