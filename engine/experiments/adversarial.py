"""Extra, adversarial training late: robust for the price of a few epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from engine.data import Digits
from engine.experiments import theory
from engine.experiments.curves import curve
from engine.experiments.experiment import Check, Experiment, Paper, Point, Question, rules_of
from engine.figures.drawing import Chart, Mark
from engine.figures.theme import rule_colour
from engine.figures.words import number
from engine.models import MLP
from engine.problems import Classification
from engine.rules import PGD, SGD, Step
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec, Switch
from engine.training.updates import Momentum

BATCH = 64
ATTACK = 20, 0.15
"""Ascent steps of the adversary that judges, and the length of each as a share of its radius: never fewer steps than
those that train."""
LOOKS = {"SGD": rule_colour("SGD"), "PGD": rule_colour("PGD"), "late": "orange"}
LABELS = {"SGD": "SGD", "PGD": "PGD", "late": "SGD, then PGD"}


@dataclass(frozen=True)
class LateAdversary(Experiment):
    """Adversarial training for the last epochs of plain training, beside adversarial training all along."""

    eps: float = knob(0.3, 0.02, 1.0, "Adversary's radius ε", "In standard deviations of a pixel.", log=True)
    share: float = knob(0.2, 0.05, 0.95, "Share of the epochs", "How much of the training, at its end, is adversarial.")
    ascents: int = knob(3, 1, 20, "Ascent steps", "Of the adversary before each step of training.")

    title: ClassVar = "An adversary for the last epochs"
    claim: ClassVar = (
        "Adversarial training in the last epochs alone makes a network nearly as robust as adversarial training from "
        "the start, at a part of its gradients."
    )
    setup: ClassVar = (
        "Digits, an MLP of two hidden layers. Robust accuracy: on held-out images, after an adversary has moved every "
        "pixel by up to ε to raise the loss."
    )
    source: ClassVar = (
        "Zhou et al. 2024, the section on adversarial training (arXiv 2410.10373); PGD: Madry et al. 2018 (arXiv "
        "1706.06083)"
    )
    question: ClassVar = Question(
        "Of the robust accuracy that adversarial training adds, what percentage do the last epochs alone bring?",
        0,
        100,
        0,
    )

    @property
    def epochs(self) -> int:
        """Of a run at this size."""
        return 40 if self.full else 20

    @property
    def adversarial(self) -> int:
        """The last so many epochs have an adversary."""
        return min(max(1, round(self.share * self.epochs)), self.epochs - 1)

    def ensembles(self):
        problem, rule = Classification(Digits(), MLP(64, 2)), PGD(self.eps, self.ascents, min(1.0, 1.5 / self.ascents))
        steps = self.epochs * (problem.examples() // BATCH)
        plain = RunSpec(
            problem, SGD(), Momentum(0.9, 5e-4), 0.04, batch=BATCH, steps=steps, every=steps // 10, curvature=False
        )
        late = replace(plain, then=(Switch(rule, self.epochs - self.adversarial, "epochs"),))
        return {
            name: tuple(replace(spec, seed=seed) for seed in range(8 if self.full else 3))
            for name, spec in self._runs(plain, rule, late)
        }

    @staticmethod
    def _runs(plain: RunSpec, rule: PGD, late: RunSpec) -> Sequence[tuple[str, RunSpec]]:
        return ("SGD", plain), ("PGD", replace(plain, rule=rule)), ("late", late)

    def probe(self, name, member, spec, path: Sequence[Point]):
        x, y = spec.problem.load("test", str(path[-1].theta.device))
        moved = PGD(self.eps, *ATTACK).moved(Step(spec.problem, path[-1].theta, x, y))
        with torch.no_grad():
            return {"robust": spec.problem.score(path[-1].theta, moved, y)[1].item()}

    def checks(self, result):
        robust, clean = ({name: 100 * result.last(name, q) for name in LOOKS} for q in ("robust", "test_accuracy"))
        with np.errstate(divide="ignore", invalid="ignore"):  # an adversary may be so weak that it brings nothing
            gained = 100 * (robust["late"] - robust["SGD"]) / (robust["PGD"] - robust["SGD"])
        most = ("The last epochs bring most of what adversarial training brings", "at least 70% of the gain")
        far = ("Far more robust than plain training", "at least 35 points more")
        hardly = ("Hardly less accurate on clean images", "at most 4 points less")
        void = self.unusual
        return (
            Check(*most, gained, low=70, unit="%", void=void),
            Check(*far, robust["late"] - robust["SGD"], low=35, unit="points", void=void),
            Check(*hardly, clean["SGD"] - clean["late"], high=4, unit="points", void=void),
            self._price(result),
        )

    def _price(self, result):
        """How many gradients the late adversary takes, beside one that is there throughout."""
        spec = self.ensembles()["late"][0]
        cost = theory.adversarial_gradients(spec.steps, self.adversarial * spec.epoch, self.ascents)
        paid = 100 * (cost / theory.adversarial_gradients(spec.steps, spec.steps, self.ascents))
        taken = 100 * result.last("late", "gradients") / result.last("PGD", "gradients")
        predicted = f"{number(paid)}% of those with an adversary throughout"
        return Check("The gradients that it takes", predicted, taken, paid - 1e-9, paid + 1e-9, "%")

    def pictures(self, result):
        epoch, source = self.ensembles()["SGD"][0].epoch, fingerprint(result.spec)
        begins = (Mark(self.epochs - self.adversarial, "the adversary comes"),)
        spread = (
            f"Median over {len(self.ensembles()['SGD'])} seeds, and their range; the judging adversary takes "
            f"{ATTACK[0]} ascent steps within ±{number(self.eps)}"
        )
        robust = ("robust", "Robust accuracy", "epoch", "robust accuracy [%]")
        paid = ("paid", "Robust accuracy and its price", "gradient evaluations", "robust accuracy [%]")
        clean = ("clean", "Clean accuracy", "epoch", "held-out accuracy [%]")
        over, price, right = (
            self._curves(result, "robust", unit=epoch),
            self._curves(result, "robust", along="gradients"),
            self._curves(result, "test_accuracy", unit=epoch),
        )
        return (
            Chart(*robust, over, f"{ROBUST} {spread}. {LOOK}", marks=begins, source=source),
            Chart(*paid, price, f"{PAID} {spread}.", source=source),
            Chart(*clean, right, CLEAN, marks=begins, source=source),
        )

    @staticmethod
    def _curves(result, quantity, **more):
        return tuple(curve(result, name, quantity, LOOKS[name], LABELS[name], scale=100, **more) for name in LOOKS)


ROBUST = "Held-out images that are classified rightly after an adversary has moved their pixels."
LOOK = "Look at how fast the accuracy rises once the adversary comes."
PAID = "The same accuracy by what was paid for it."
CLEAN = "On the images as they are: what robustness costs."

PAPER = Paper(
    "adversarial",
    "Late adversaries?",
    "Sharpness-Aware Minimization Efficiently Selects Flatter Minima Late in Training",
    "Zhou et al. 2024",
    "2410.10373",
    "As SAM does, adversarial training works late: a few epochs at the end of plain training can bring much of its "
    "robustness.",
    (
        (
            "An adversary moves each input within a small ball to where the loss is higher, and the weights descend it "
            "there; each ascent step costs a gradient."
        ),
        (
            "Both SAM and adversarial training choose among solutions that plain training can reach, and the choice is "
            "made by what guides the last epochs."
        ),
        (
            "From a plainly trained network the adversary's gradients lead to a robust one near by, in a fraction of "
            "the epochs."
        ),
    ),
    "d = mean ∇ℓ(w; x + δ)  δ = argmax ℓ(w; x + δ) over ‖δ‖ ≤ ε  from the last epochs on",
    (LateAdversary,),
    lambda spec: any(isinstance(rule, PGD) for rule in rules_of(spec)),
    extra=True,
)
