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
        return (*self._counted(result), *self._as_good(result))

    def _counted(self, result):
        """The gradients that a step takes."""
        spec = self.ensembles()["GraphSAM"][0]
        paid = theory.graph_sam_gradients(spec.steps, spec.epoch) / spec.steps
        taken, asam = (result.last(name, "gradients") / spec.steps for name in ("GraphSAM", "ASAM"))
        claim = "GraphSAM takes one gradient a step, and one more at the first step of every epoch"
        return (
            Check(claim, f"{number(paid)} a step", taken, paid - 1e-9, paid + 1e-9),
            Check("ASAM takes two", "2 a step", asam, 2 - 1e-9, 2 + 1e-9),
        )

    def _as_good(self, result):
        """How flat and how accurate the runs end. λ_max over SGD's is sized: SGD's grows with the epochs, GraphSAM's
        does not."""
        flat = {name: result.last(name, "sharpness") for name in LABELS}
        right = {name: 100 * result.last(name, "test_accuracy") for name in LABELS}
        alike = ("It ends as flat as with a new gradient at every step", "λ_max 0.65 to 1.5 times ASAM's")
        flatter = ("Flatter than SGD", "λ_max at most three quarters of SGD's")
        less, void = right["ASAM"] - right["GraphSAM"], self.unusual
        return (
            Check(*alike, flat["GraphSAM"] / flat["ASAM"], 0.65, 1.5, void=void),
            Check(*flatter, flat["GraphSAM"] / flat["SGD"], high=0.75, void=void, sized=True),
            Check("And as accurate as ASAM", "at most 3 points less", less, high=3, unit="points", void=void),
        )

    def pictures(self, result):
        epoch, source = self.ensembles()["SGD"][0].epoch, fingerprint(result.spec)
        paid = self._curves(result, "sharpness", along="gradients")
        flat = self._curves(result, "sharpness", unit=epoch)
        right = self._curves(result, "test_accuracy", unit=epoch, scale=100)
        count = (*self._curves(result, "gradients", unit=epoch), self._predicted())
        spread = f"Median over {len(self.ensembles()['SGD'])} seeds; the band is their range."
        price = f"{TOP} by what was paid. {spread} {LEVEL}"
        words = ("paid", "Sharpness and its price", "gradient evaluations", "λ₁")
        counted = ("count", "Gradients", "epoch", "gradient evaluations")
        held_out = f"On graphs that were held out. {spread}"
        return (
            Chart(*words, paid, price, log_y=True, source=source),
            Chart("flat", "Sharpness", "epoch", "λ₁", flat, f"{TOP}. {spread}", log_y=True, source=source),
            Chart(*counted, count, COUNTED, source=source),
            Chart("right", "Accuracy", "epoch", "held-out accuracy [%]", right, held_out, source=source),
        )

    def _predicted(self):
        """GraphSAM's gradient evaluations at every epoch, by theory."""
        spec = self.ensembles()["SGD"][0]
        steps = np.arange(0, spec.steps + 1, spec.epoch)
        count = np.array([theory.graph_sam_gradients(step, spec.epoch) for step in steps.tolist()], float)
        return Line("GraphSAM, theory", steps / spec.epoch, count, rule_look("GraphSAM").colour, "dash", theory=True)

    @staticmethod
    def _curves(result, quantity, **more):
        return tuple(curve(result, name, quantity, rule_look(name).colour, LABELS[name], **more) for name in LABELS)


TOP = "Largest eigenvalue of the training loss's Hessian"
LEVEL = "GraphSAM comes down to ASAM's level at little more than half of its price."
COUNTED = "Counted in the run; the dashed line is what is predicted."

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
