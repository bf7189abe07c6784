"""Extra, GraphSAM: what a reused perturbation saves, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from engine.data import Graphs
from engine.experiments import theory
from engine.experiments.curves import curve
from engine.experiments.experiment import Check, Experiment, Paper, Question, rules_of
from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_look
from engine.figures.words import number
from engine.models import GraphNet
from engine.problems import Classification
from engine.rules import ASAM, SGD, GraphSAM
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec
from engine.training.schedules import Cosine
from engine.training.updates import Momentum

BATCH = 40
LABELS = {"SGD": "SGD", "ASAM": "ASAM: from a new gradient at every step", "GraphSAM": "GraphSAM: reused"}


@dataclass(frozen=True)
class GraphCost(Experiment):
    """One perturbation, from a running mean of earlier directions, and made anew at every step: what each costs and
    where it leads."""

    rho: float = knob(0.5, 0.05, 2.0, "Radius ρ", "In units of the weights' sizes.", log=True)
    beta: float = knob(0.99, 0.0, 0.999, "Memory β", "Of the running mean.")

    title: ClassVar = "A perturbation that is reused"
    claim: ClassVar = (
        "GraphSAM ends at minima as flat as if its perturbation came from a new gradient at every step, for little "
        "more than one gradient a step."
    )
    setup: ClassVar = (
        "Random graphs of four families, a graph network with BatchNorm layers. ASAM with T = |w| makes GraphSAM's "
        "perturbation from the batch's own gradient, which is a second one; GraphSAM's radius is constant here, so "
        "that both have the same."
    )
    source: ClassVar = "Wang et al. 2024 (arXiv 2406.13137); ASAM: Kwon et al. 2021 (arXiv 2102.11600)"
    question: ClassVar = Question("How many gradients does GraphSAM take a step, where SAM takes 2?", 1, 2, 0)

    def ensembles(self):
        problem = Classification(Graphs(400), GraphNet())
        steps = (60 if self.full else 20) * (problem.examples() // BATCH)
        plain = RunSpec(
            problem,
            SGD(),
            Momentum(0.9),
            0.02,
            Cosine(),
            batch=BATCH,
            steps=steps,
            every=steps // (10 if self.full else 2),
        )
        rules = {
            "SGD": SGD(),
            "ASAM": ASAM(self.rho, 0.0, biases=True),
            "GraphSAM": GraphSAM(self.rho, self.beta, gamma=1.0),
        }
        return {
            name: tuple(replace(plain, rule=rule, seed=seed) for seed in range(8 if self.full else 3))
            for name, rule in rules.items()
        }

    def checks(self, result):
        spec = self.ensembles()["GraphSAM"][0]
        paid = theory.graph_sam_gradients(spec.steps, spec.epoch) / spec.steps
        flat = {name: result.last(name, "sharpness") for name in LABELS}
        right = {name: 100 * result.last(name, "test_accuracy") for name in LABELS}
        void = self.unusual
        # λ_max over SGD's is sized: SGD's grows with the epochs, GraphSAM's does not
        return (
            Check(
                "GraphSAM takes one gradient a step, and one more at the first step of every epoch",
                f"{number(paid)} a step",
                result.last("GraphSAM", "gradients") / spec.steps,
                paid - 1e-9,
                paid + 1e-9,
            ),
            Check("ASAM takes two", "2 a step", result.last("ASAM", "gradients") / spec.steps, 2 - 1e-9, 2 + 1e-9),
            Check(
                "It ends as flat as with a new gradient at every step",
                "λ_max 0.65 to 1.5 times ASAM's",
                flat["GraphSAM"] / flat["ASAM"],
                0.65,
                1.5,
                void=void,
            ),
            Check(
                "Flatter than SGD",
                "λ_max at most three quarters of SGD's",
                flat["GraphSAM"] / flat["SGD"],
                high=0.75,
                void=void,
                sized=True,
            ),
            Check(
                "And as accurate as ASAM",
                "at most 3 points less",
                right["ASAM"] - right["GraphSAM"],
                high=3,
                unit="points",
                void=void,
            ),
        )

    def pictures(self, result):
        spec, source = self.ensembles()["SGD"][0], fingerprint(result.spec)
        spread = f"Median over {len(self.ensembles()['SGD'])} seeds; the band is their range."
        paid = [self._curve(result, name, "sharpness", along="gradients") for name in LABELS]
        flat = [self._curve(result, name, "sharpness", unit=spec.epoch) for name in LABELS]
        right = [self._curve(result, name, "test_accuracy", unit=spec.epoch, scale=100) for name in LABELS]
        count = [self._curve(result, name, "gradients", unit=spec.epoch) for name in LABELS]
        steps = np.arange(0, spec.steps + 1, spec.epoch)
        predicted = np.array([theory.graph_sam_gradients(step, spec.epoch) for step in steps.tolist()], float)
        count.append(
            Line("GraphSAM, theory", steps / spec.epoch, predicted, rule_look("GraphSAM").colour, "dash", theory=True)
        )
        look = "GraphSAM comes down to ASAM's level at little more than half of its price."
        top, unit = "Largest eigenvalue of the training loss's Hessian", "λ_max"
        return (
            Chart(
                "paid",
                "Sharpness and its price",
                "gradient evaluations",
                unit,
                tuple(paid),
                f"{top} by what was paid. {spread} {look}",
                log_y=True,
                source=source,
            ),
            Chart("flat", "Sharpness", "epoch", unit, tuple(flat), f"{top}. {spread}", log_y=True, source=source),
            Chart(
                "count",
                "Gradients",
                "epoch",
                "gradient evaluations",
                tuple(count),
                "Counted in the run; the dashed line is what is predicted.",
                source=source,
            ),
            Chart(
                "right",
                "Accuracy",
                "epoch",
                "held-out accuracy [%]",
                tuple(right),
                f"On graphs that were held out. {spread}",
                source=source,
            ),
        )

    @staticmethod
    def _curve(result, name, quantity, **more):
        return curve(result, name, quantity, rule_look(name).colour, LABELS[name], **more)


PAPER = Paper(
    "graphs",
    "At what cost?",
    "Efficient Sharpness-Aware Minimization for Molecular Graph Transformer Models",
    "Wang, Zhou, Liu, Wang & Wang 2024",
    "2406.13137",
    "The perturbation changes slowly: made from earlier steps' directions, it does what SAM's does for little more "
    "than one gradient a step.",
    (
        "SAM spends a gradient on its perturbation and a second one at the perturbed point.",
        (
            "Over the steps of an epoch the direction up the slope turns slowly, and the second gradients that were "
            "computed anyway tell it well enough."
        ),
        "GraphSAM keeps their running mean, and makes it anew from a gradient at each epoch's first step only.",
    ),
    "ε = ρ T²h/‖Th‖, T = |w|  h ← β h + (1 − β) u/‖u‖; h = g/‖g‖ at an epoch's first step  d = u = ∇L(w + ε)",
    (GraphCost,),
    lambda spec: any(isinstance(rule, GraphSAM) for rule in rules_of(spec)),
    extra=True,
)
