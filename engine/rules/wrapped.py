"""Rules around rules, and the table of all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from engine.rules.inputs import INPUTS
from engine.rules.lazy import LAZY
from engine.rules.perturbed import PERTURBED, SAM, SGD, USAM
from engine.rules.rule import TINY, Rule
from engine.spec import flag, knob, pick


@dataclass(frozen=True)
class SSAM(Rule):
    """Any rule, its direction rescaled to the norm of the gradient at w (not of the perturbation, which SAM
    normalizes already)."""

    rule: Rule = pick(
        SAM(),
        lambda: {name: cls for name, cls in RULES.items() if cls is not SSAM},
        "Rescaled rule",
        "Whose direction is rescaled.",
    )
    shrink: bool = flag(False, "Only shrink", "Use min(1, ‖g‖/‖u‖), so that the direction is never made longer.")

    formula: ClassVar = "d = (‖g‖/‖u‖) u,  u: the rule's direction"
    paper: ClassVar = "Tan, Zhang, Liu, Wang & Hao 2024 (arXiv 2401.07250)"
    theory: ClassVar = (
        "Bounded if and only if η < 2/λ; converges to the minimum. Full batch, does not drift along a manifold of "
        "minima."
    )

    def begin(self, theta, layout, random):
        return self.rule.begin(theta, layout, random)

    def direction(self, step, memory):
        u, memory = self.ascent(step, memory)
        return self.rescaled(step, u), memory

    def ascent(self, step, memory):
        return self.rule.direction(step, memory)

    def rescaled(self, step, u):
        factor = step.g.norm() / (u.norm() + TINY)
        return (factor.clamp(max=1) if self.shrink else factor) * u

    def after(self, theta, memory, clock):
        return self.rule.after(theta, memory, clock)

    def edge(self, limit, gradient_norm, ascent_norm=None):
        """The rescaled rule's at the rate η‖g‖/‖u‖ (2/η where g lies along the top eigenvector)."""
        inner = self.rule.edge(limit, gradient_norm)
        if ascent_norm is None or ascent_norm == 0:
            return limit if math.isfinite(inner) else math.nan
        longer = ascent_norm / max(gradient_norm, TINY)
        return self.rule.edge(limit * (max(longer, 1.0) if self.shrink else longer), gradient_norm)


@dataclass(frozen=True)
class LookaheadSAM(Rule):
    """SAM as the fast weights of Lookahead: every k steps the weights go back part of the way to where they were k
    steps before."""

    rho: float = knob(0.05, 0.0, 10.0, "Radius ρ", "How far up the slope the gradient is taken.", log=True)
    k: int = knob(5, 1, 1000, "Period k", "Fast steps between two slow ones.", log=True)
    alpha: float = knob(0.5, 0.0, 1.0, "Alpha", "How far the slow weights follow: 1 is SAM.")

    formula: ClassVar = "d = ∇L(w + ρ g/‖g‖);  every k steps s ← s + α (w − s), w ← s"
    paper: ClassVar = "Zhang, Lucas, Hinton & Ba 2019 (arXiv 1907.08610), around SAM"
    needs: ClassVar = ("clock",)

    def begin(self, theta, layout, random):
        return {"slow": theta}

    def direction(self, step, memory):
        return SAM(self.rho).direction(step, memory)

    def after(self, theta, memory, clock):
        if (clock.age + 1) % self.k:
            return theta, memory
        slow = torch.lerp(memory["slow"], theta, self.alpha)
        return slow, {"slow": slow}


LEADING = (SGD, SAM, USAM, SSAM)
"""The rules that menus begin with; the others follow file by file."""
RULES = {cls.__name__: cls for cls in (*LEADING, *PERTURBED.values(), *LAZY.values(), LookaheadSAM, *INPUTS.values())}
