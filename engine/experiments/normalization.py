"""Paper 1, the crucial role of normalization: what 1/‖g‖ in SAM's perturbation does for stability and for the drift
along minima."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from engine.experiments import theory
from engine.experiments.curves import look
from engine.experiments.experiment import Check, Experiment, Paper, Question, rules_of
from engine.experiments.sensing import Sensing
from engine.experiments.stability import Stability
from engine.experiments.trainability import Trains
from engine.figures.drawing import Chart, Line, Map
from engine.figures.words import number
from engine.problems import Product
from engine.rules import SAM, SGD, SSAM, USAM, UnifiedSAM
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec

LOWEST, HIGHEST = 1e-3, 30.0
"""Of the loss l(xy) on a map."""


@dataclass(frozen=True)
class Drift(Experiment):
    """Descent along a valley of minima: who stops, and who drifts on to where it is flat."""

    eta: float = knob(
        0.05,
        0.03,
        0.1,
        "Learning rate η",
        "Below 0.03 the valley is stable for gradient descent where it first reaches it.",
        log=True,
    )
    rho: float = knob(0.1, 0.01, 0.5, "Radius ρ", log=True)
    steps: int = knob(5000, 500, 50_000, "Steps", log=True)

    title: ClassVar = "Along a valley of minima"
    claim: ClassVar = (
        "On l(xy) gradient descent and USAM stop as soon as the valley is flat enough to be stable; SAM drifts on to "
        "the flattest minimum."
    )
    setup: ClassVar = "l(z) = √(1 + z²) − 1 from (3, 10); the minima are the axis x = 0, where the curvature is y²."
    source: ClassVar = "Dai, Ahn & Sra 2023 (arXiv 2305.15287)"
    question: ClassVar = Question("At which y does gradient descent stop?", 0, 10, 0)

    def ensembles(self):
        rules = {"GD": SGD(), "USAM": USAM(self.rho), "SAM": SAM(self.rho), "SSAM": SSAM(SAM(self.rho))}
        every = max(1, self.steps // 250)
        return {
            name: (RunSpec(Product(), rule, lr=self.eta, batch=0, steps=self.steps, every=every, curvature=False),)
            for name, rule in rules.items()
        }

    def checks(self, result):
        y = {name: self._path(result, name)[-1:, 1] for name in self.ensembles()}
        flattest = ("SAM drifts on to the flattest minimum", "|y| → 0", y["SAM"])
        return (*self._at_rest(y), self._speed(result), Check(*flattest, high=0.4, void=self.unusual))

    def _at_rest(self, y):
        """Where the others stop."""
        stops = self._stops()
        rested = "" if self.steps > 4 / self.eta**2 else "so few steps are too few to come to rest"
        rows = {
            "GD": ("Gradient descent stops where y² = 2/η − η", 0.01),
            "USAM": ("USAM stops where y² (1 + ρ y²) = 2/η", 0.05),
            "SSAM": ("SSAM stops like gradient descent, where y² = 2/η − 0.81 (4ρ)^⅔", 0.025),
        }
        return [
            Check(claim, f"|y| = {number(stops[who])}", y[who], stops[who] - near, stops[who] + near, void=rested)
            for who, (claim, near) in rows.items()
        ]

    def _speed(self, result):
        """How many steps SAM's drift takes, from half of where gradient descent stops to half of that."""
        high = theory.product_stop_gd(self.eta) / 2
        low, drift = high / 2, theory.product_drift_sam(high, self.eta, self.rho, self.steps)
        takes, steps = _passes(np.arange(len(drift)), drift, low), result.over("SAM", "step")
        y = self._path(result, "SAM")[:, 1]
        taken = _passes(steps, y, low) - _passes(steps, y, high)
        reached = _passes(*self._predicted(), low) < 0.9 * self.steps
        return Check(
            f"SAM drifts at the rate of its 2-cycle: from |y| = {number(high)} to {number(low)}",
            f"{takes:,.0f} steps",
            [taken],
            0.98 * takes,
            1.02 * takes,
            "steps",
            "" if reached else "SAM does not come so far in so few steps",
        )

    def pictures(self, result):
        source, ends = fingerprint(result.spec), np.array([0.0, self.steps])
        lines = [
            Line(name, result.over(name, "step"), self._path(result, name)[:, 1], look(name).colour)
            for name in self.ensembles()
        ]
        stops = [
            (f"{name} stops, theory", name, ends, np.full(2, stop))
            for name, stop in self._stops().items()
            if name != "SSAM"
        ]
        theories = [
            Line(label, x, y, look(name).colour, "dash", theory=True)
            for label, name, x, y in [*stops, ("SAM drifts, theory", "SAM", *self._predicted())]
        ]
        caption = (
            f"|y|, the square root of the curvature of the minimum below, at every {max(1, self.steps // 250)}th step "
            f"from (3, 10); η = {number(self.eta)}, ρ = {number(self.rho)}. Dashed: where theory lets gradient descent "
            "and USAM stop, and SAM's drift on its 2-cycle, from the settings alone. SSAM stops at |y| = "
            f"{number(self._stops()['SSAM'])} by theory, close to gradient descent. Only SAM goes on, and in the end "
            "falls in proportion to itself: a straight line here."
        )
        chart = Chart(
            "drift", "Distance along the valley", "step", "|y|", (*lines, *theories), caption, log_y=True, source=source
        )
        return chart, *(self._ground(result, name, source) for name in ("SAM", "GD"))

    def _ground(self, result, name, source):
        a, b = np.linspace(-3.5, 3.5, 71), np.linspace(0, 10.5, 71)
        path, steps = self._path(result, name, signed=True), result.over(name, "step")
        known = np.isfinite(path).all(1)
        path, steps = path[known], steps[known].astype(int)
        tells = {
            "SAM": (
                "It hops across the valley and, because each hop feels how the curvature grows with |y|, drifts down "
                "along it to where the ground is flat. Points an even number of steps apart lie on the same side of "
                "its hops."
            ),
            "GD": (
                "It bounces along the valley only while that is too steep for its learning rate, and then converges to "
                "the nearest minimum."
            ),
        }
        caption = (
            f"The loss l(xy) over the plane, on a logarithmic scale floored at {number(LOWEST)}, and the path of "
            f"{name}: the valley x = 0 consists of minima, the flatter the smaller |y|. {tells[name]}"
        )
        return Map(
            f"path_{name.lower()}",
            f"The path of {name} on the ground",
            "x",
            "y",
            "loss l(xy)",
            a,
            b,
            _loss(*np.meshgrid(a, b)),
            True,
            (LOWEST, HIGHEST),
            path[:, 0],
            path[:, 1],
            _loss(path[:, 0], path[:, 1]),
            steps,
            -1,
            caption,
            equal=False,
            source=source,
        )

    def _stops(self):
        """By name, the |y| at which theory lets a rule come to rest."""
        usam, ssam = theory.product_stop_usam(self.eta, self.rho), theory.product_stop_ssam(self.eta, self.rho)
        return {"GD": theory.product_stop_gd(self.eta), "USAM": usam, "SSAM": ssam}

    def _predicted(self):
        """Steps, and |y| of SAM after each, from where it reaches the valley on."""
        x, y = Product().begin
        reached, y = theory.product_valley(x, y, self.eta)
        drift = theory.product_drift_sam(y, self.eta, self.rho, self.steps - int(reached))
        return reached + np.arange(len(drift)), drift

    def _path(self, result, name, signed=False):
        """[T, 2]: x and y at each measurement, NaN where not known yet."""
        theta = result.over(name, "theta")
        path = theta[:, 0] if theta.ndim == 3 else np.full((max(1, len(theta)), 2), np.nan)[: len(theta)]
        return path if signed else np.abs(path)


def _loss(x, y):
    return Product().value(torch.as_tensor(np.stack([x, y]))).numpy()


def _passes(steps, y, level):
    """The step at which a falling y passes a level, between two known ones by their logarithms; NaN where it does
    not."""
    known = np.isfinite(y)
    steps, y = steps[known], y[known]
    if not len(y) or not y[0] > level >= y.min():
        return np.nan
    k = int(np.argmax(y <= level))
    return float(np.interp(-np.log(level), -np.log(y[k - 1 : k + 1]), steps[k - 1 : k + 1]))


PAPER = Paper(
    "normalization",
    "Why normalize?",
    "The Crucial Role of Normalization in Sharpness-Aware Minimization",
    "Dai, Ahn & Sra 2023",
    "2305.15287",
    "Dividing the perturbation by ‖g‖ keeps SAM stable wherever gradient descent is, and lets it drift on along a "
    "valley of minima.",
    (
        (
            "USAM's perturbation grows with the gradient, so that its step feels a curvature of λ + ρλ² and diverges "
            "earlier."
        ),
        (
            "SAM's keeps its length ρ even at a minimum, where the gradient vanishes: it never comes to rest, but hops "
            "across the valley."
        ),
        "Each hop feels the slope of the curvature, and SAM drifts to where the valley is flattest.",
    ),
    "w ← w − η d  SAM: d = ∇L(w + ρ g/‖g‖)  USAM: d = ∇L(w + ρ g)",
    (Stability, Drift, Trains, Sensing),
    lambda spec: any(isinstance(rule, SAM | USAM | UnifiedSAM) for rule in rules_of(spec)),
)
