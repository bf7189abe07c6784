"""Extra, balanced features: whether SAM learns the hard feature beside the easy one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from engine.data import SpuriousFeature
from engine.experiments.curves import curve
from engine.experiments.experiment import Check, Experiment, Paper, Point, Question
from engine.figures.drawing import Chart
from engine.figures.theme import rule_look
from engine.models import MLP, by_batch, unflatten
from engine.problems import Classification
from engine.rules import SAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec
from engine.training.updates import Momentum

MODEL = MLP(32, 2)
BATCH = 40
RIDGE = 1e-3
"""Of the probes, on features of variance 1."""
FEATURES = {"easy": "square", "hard": "circle"}
"""What is read out, and its marker."""
FINDING = (
    "Not reproduced at this scale: the hard feature can be read out of the hidden layer nearly perfectly after plain "
    "training too, and differences between the rules are smaller than those between seeds."
)
ALIKE = "The two features become more alike in Springer et al.'s account; here both are read out nearly perfectly."
ANSWERS = (
    "By 1 to 3 points, with the draw; one held-out point is 0.25. It is what the network makes of its features, not "
    "what can be read out."
)


@dataclass(frozen=True)
class BalancedFeatures(Experiment):
    """Two features that predict the class, an easy and a hard one, and how well a linear probe reads each out of the
    last hidden layer."""

    rho: float = knob(0.2, 0.01, 2.0, "Radius ρ", log=True)
    correlation: float = knob(0.9, 0.0, 1.0, "Correlation", "Of the easy feature with the class, in training.")
    draw: int = knob(0, 0, 9999, "Draw", "Which random draw of the points.")

    title: ClassVar = "An easy and a hard feature"
    claim: ClassVar = (
        "SAM learns the hard feature better beside an easy one, so that a linear probe of the hidden layer reads it "
        "out more reliably."
    )
    setup: ClassVar = (
        "Two moons (hard) and a number whose sign mostly agrees with the class (easy); an MLP of two hidden layers. "
        "Probes are ridge regressions on the last hidden layer: fitted to one half of the held-out points, where the "
        "two features are independent, and scored on the other."
    )
    source: ClassVar = "Springer, Nagarajan & Raghunathan 2024 (arXiv 2405.20439)"
    question: ClassVar = Question("By how many points does SAM improve the probe of the hard feature here?", -5, 5, 0)

    def ensembles(self):
        data = SpuriousFeature(400, self.correlation, draw=self.draw)
        steps = 3000 if self.full else 1000
        plain = RunSpec(
            Classification(data, MODEL),
            SGD(),
            Momentum(0.9),
            0.05,
            batch=BATCH,
            steps=steps,
            every=steps // 10,
            curvature=False,
        )
        seeds = range(16 if self.full else 6)
        return {
            name: tuple(replace(plain, rule=rule, seed=seed) for seed in seeds)
            for name, rule in {"SGD": SGD(), "SAM": SAM(self.rho)}.items()
        }

    def probe(self, name, member, spec, path: Sequence[Point]):
        x, y = spec.problem.load("test", str(path[-1].theta.device))
        with torch.no_grad():
            h = MODEL.features(unflatten(path[-1].theta, spec.problem.layout), x, by_batch)
        labels = {"hard": 2.0 * y - 1, "easy": easy(x)}
        return {feature: readout(h, label) for feature, label in labels.items()}

    def checks(self, result):
        sgd, sam = (
            {what: 100 * result.last(name, what) for what in (*FEATURES, "test_accuracy")} for name in ("SGD", "SAM")
        )
        read = np.minimum(sgd["easy"], sgd["hard"])
        better = ("SAM does better on held-out points, where the easy feature says nothing", "more than 0 points")
        more = sam["test_accuracy"] - sgd["test_accuracy"]
        void = self.unusual
        return (
            *self._balance(sam["hard"] - sgd["hard"], sgd["easy"] - sam["easy"]),
            Check("Both can be read out after plain training", "at least 95%", read, low=95, unit="%", void=void),
            Check(*better, more, low=0.25, unit="points", void=void, note=ANSWERS),
        )

    def _balance(self, harder, less):
        """By how many points [R] the hard feature is read out better after SAM, and the easy one less well."""
        hard = ("The hard feature is read out better after SAM", "more than 0.5 points", harder)
        easy = ("The easy feature is read out less well after SAM", "more than 0.5 points", less)
        return (
            Check(*hard, low=0.5, unit="points", claimed=False, note=FINDING),
            Check(*easy, low=0.5, unit="points", claimed=False, note=ALIKE),
        )

    def pictures(self, result):
        source = fingerprint(result.spec)
        spread = f"Median over {len(self.ensembles()['SGD'])} seeds; the bands are their ranges."
        read = [
            replace(self._curve(result, name, what, f"{name}, {what}"), marker=marker)
            for name in ("SGD", "SAM")
            for what, marker in FEATURES.items()
        ]
        right = [self._curve(result, name, "test_accuracy", name) for name in ("SGD", "SAM")]
        probes = (
            "Accuracy of linear probes of the last hidden layer, on held-out points where the two features are "
            "independent."
        )
        look = "If SAM balanced the features, its curve of the hard one would lie above SGD's."
        own = (
            "The network's own accuracy where the easy feature says nothing: one that goes by the easy feature alone "
            "has 50%."
        )
        return (
            Chart(
                "probes",
                "What can be read out",
                "step",
                "accuracy of the probe [%]",
                tuple(read),
                f"{probes} {spread} {look}",
                source=source,
            ),
            Chart(
                "right",
                "What the network answers",
                "step",
                "held-out accuracy [%]",
                tuple(right),
                f"{own} {spread}",
                source=source,
            ),
        )

    @staticmethod
    def _curve(result, name, quantity, label):
        return curve(result, name, quantity, rule_look(name).colour, label, scale=100)


def easy(x: Tensor) -> Tensor:
    """The easy feature's sign [N], 1 or -1, of inputs x [N, 3]; standardizing has moved 0 a little, but there is
    nothing within 0.5 of it."""
    column = x[:, SpuriousFeature.columns["easy"][0]]
    return torch.where(column > (column.min() + column.max()) / 2, 1.0, -1.0)


def readout(h: Tensor, label: Tensor) -> float:
    """The share of the second half of activations h [N, W] whose label [N], 1 or -1, is the sign of a ridge
    regression on the first half."""
    h = h.double()
    first = len(h) // 2
    mean, deviation = h[:first].mean(0), h[:first].std(0).clamp(min=1e-9)
    z = torch.cat([(h - mean) / deviation, h.new_ones(len(h), 1)], dim=1)
    a, b = z[:first], z[first:]
    weights = torch.linalg.solve(
        a.T @ a / first + RIDGE * torch.eye(a.shape[1], dtype=a.dtype, device=a.device),
        a.T @ label[:first].double() / first,
    )
    return float(((b @ weights).sign() == label[first:]).double().mean())


PAPER = Paper(
    "features",
    "Which features?",
    "Sharpness-Aware Minimization Enhances Feature Quality via Balanced Learning",
    "Springer, Nagarajan & Raghunathan 2024",
    "2405.20439",
    "Where several features predict the class, SAM learns the hard ones better than SGD does, since it holds back "
    "those that are learned already.",
    (
        (
            "SGD learns the easy feature first; examples that it explains have small gradients, and the hard feature "
            "is learned from the few that are left."
        ),
        "SAM's perturbation raises the loss of those examples again, and so weighs them up.",
        "It also shrinks what the easy feature contributes, so that the hard one goes on being learned.",
    ),
    "d = ∇L(w + ρ g/‖g‖)  probe: argmin mean (⟨v, h(x)⟩ + c − s)² + λ‖(v, c)‖²,  h: the last hidden layer,  s = ±1: "
    "the feature",
    (BalancedFeatures,),
    lambda spec: isinstance(spec.problem, Classification) and isinstance(spec.problem.data, SpuriousFeature),
    extra=True,
)
