"""Paper 1, the crucial role of normalization: what 1/‖g‖ in SAM's perturbation does for stability and for the drift along minima."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine import theory
from engine.experiments.experiment import Check, Experiment, Paper, Question
from engine.figures.drawing import Chart, Line, say
from engine.figures.theme import rule_look
from engine.problem import Product
from engine.rules import SAM, SGD, SSAM, USAM, UnifiedSAM
from engine.runs import RunSpec
from engine.spec import fingerprint, knob


@dataclass(frozen=True)
class Drift(Experiment):
    """Descent along a valley of minima: who stops, and who drifts on to where it is flat."""

    eta: float = knob(0.05, 0.005, 0.2, "Learning rate η", log=True)
    rho: float = knob(0.1, 0.01, 0.5, "Radius ρ", log=True)
    steps: int = knob(5000, 100, 50_000, "Steps", log=True)

    title: ClassVar = "Along a valley of minima"
    claim: ClassVar = "On l(xy) gradient descent and USAM stop as soon as the valley is flat enough to be stable; SAM drifts on to the flattest minimum."
    setup: ClassVar = "l(u) = √(1 + u²) − 1 from (3, 10); the minima are the axis x = 0, where the curvature is y²."
    source: ClassVar = "Dai, Ahn & Sra 2023, sec. 3 (arXiv 2305.15287)"
    question: ClassVar = Question("At which y does gradient descent stop?", 0, 10, 0)

    def ensembles(self):
        rules = {"GD": SGD(), "USAM": USAM(self.rho), "SAM": SAM(self.rho), "SSAM": SSAM(SAM(self.rho))}
        every = max(1, self.steps // 250)
        return {name: (RunSpec(Product(), rule, lr=self.eta, batch=0, steps=self.steps, every=every, curvature=False),) for name, rule in rules.items()}

    def checks(self, result):
        y = {name: np.abs(result.last(name, "theta")[..., -1]).ravel() for name in ("GD", "USAM", "SAM")}
        gd, usam = theory.product_stop_gd(self.eta), theory.product_stop_usam(self.eta, self.rho)
        usual = self == Drift(size=self.size)
        return (
            Check("Gradient descent stops where y² = 2/η", f"|y| = {say(gd)}", y["GD"], gd - 0.05, gd + 0.05),
            Check("USAM stops where y² (1 + ρ y²) = 2/η", f"|y| = {say(usam)}", y["USAM"], usam - 0.05, usam + 0.05),
            Check("SAM drifts on to the flattest minimum", "|y| → 0", y["SAM"], high=0.4, void="" if usual else "stated for the usual settings"),
        )

    def pictures(self, result):
        names = list(self.ensembles())
        lines = [self._line(result, name) for name in names]
        stops = (("GD", theory.product_stop_gd(self.eta)), ("USAM", theory.product_stop_usam(self.eta, self.rho)))
        ends = np.array([0.0, self.steps])
        lines += [Line(f"{name} stops, theory", ends, np.full(2, stop), rule_look(_rule(name)).colour, "dash", theory=True) for name, stop in stops]
        caption = "…"
        source = fingerprint(result.spec)
        return (Chart("drift", "Distance along the valley", "step", "|y|", tuple(lines), caption, source=source),)

    def _line(self, result, name):
        theta, look = result.over(name, "theta"), rule_look(_rule(name))
        y = np.abs(theta[:, 0, 1]) if theta.ndim == 3 else np.zeros(0)
        return Line(name, result.over(name, "step")[: len(y)], y, look.colour, marker="")


def _rule(name: str) -> str:
    return "SGD" if name == "GD" else name


PAPER = Paper(
    "normalization",
    "Why normalize?",
    "The Crucial Role of Normalization in Sharpness-Aware Minimization",
    "Dai, Ahn & Sra 2023",
    "2305.15287",
    "Dividing the perturbation by ‖g‖ keeps SAM stable wherever gradient descent is, and lets it drift on along a valley of minima.",
    (
        "USAM's perturbation grows with the gradient, so that its step feels a curvature of λ + ρλ² and diverges earlier.",
        "SAM's keeps its length ρ even at a minimum, where the gradient vanishes: it never comes to rest, but hops across the valley.",
        "Each hop feels the slope of the curvature, and SAM drifts to where the valley is flattest.",
    ),
    "SAM: d = ∇L(w + ρ g/‖g‖)  USAM: d = ∇L(w + ρ g)",
    (Drift,),
    lambda spec: any(isinstance(phase.rule, SAM | USAM | UnifiedSAM) for phase in spec.phases),
)
