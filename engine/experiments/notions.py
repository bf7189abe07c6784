"""Paper 2, how SAM minimizes sharpness: which of three notions each variant minimizes, and how its gradient finds
the top eigenvector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from engine.analyses import sharpness
from engine.curvature import Hessian, signs
from engine.experiments import theory
from engine.experiments.curves import first, middle
from engine.experiments.eigenvector import NETWORK, Alignment
from engine.experiments.experiment import Check, Experiment, Paper, rules_of
from engine.experiments.minimizers import LOOKS, WORDS, WhichSharpness, spreads
from engine.figures.drawing import Chart, Line
from engine.figures.words import number
from engine.problems import evaluate, parts
from engine.records import Result
from engine.rules import MSAM, SAM, SGD
from engine.seeds import generator
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec
from engine.training.updates import Momentum

QUANTITIES = {"worst": "worst direction", "ascent": "up the gradient", "average": "average"}
TICKS = tuple((float(i), words) for i, words in enumerate(QUANTITIES.values()))
EVERY = 20
"""Steps between two looks at a run's loss."""


@dataclass(frozen=True)
class Notions(Experiment):
    """The three notions on a network, where each run's training loss has come down to the same value."""

    rho: float = knob(0.1, 0.02, 0.2, "Radius ρ", "Of the rules, and of the three notions.", log=True)
    loss: float = knob(
        0.02,
        0.005,
        0.04,
        "At the loss",
        "The notions are measured where the training loss first is at most this.",
        log=True,
    )

    title: ClassVar = "The three notions on a network"
    claim: ClassVar = (
        "At the same training loss SAM and 1-SAM are less sharp in the worst direction and on average, though not up "
        "the gradient; 1-SAM lowers the average further."
    )
    setup: ClassVar = (
        "100 digits, full batch, squared error, tanh MLP of depth 2 and width 16, η = 0.2, momentum 0.9; 1-SAM "
        f"perturbs for each example on its own. A look at every {EVERY}th step finds where the loss has come down. "
        "Ratios are of runs of one seed."
    )
    source: ClassVar = "Wen, Ma & Li 2023, sec. 4.1 and 5 (arXiv 2211.05729)"

    def ensembles(self):
        rules = {"GD": SGD(), "SAM": SAM(self.rho), "1-SAM": MSAM(self.rho, 1)}
        seeds, steps = range(8 if self.full else 3), 1000 if self.full else 700

        def run(rule, seed):
            return RunSpec(
                NETWORK, rule, Momentum(0.9), 0.2, batch=0, steps=steps, every=EVERY, seed=seed, curvature=False
            )

        return {name: tuple(run(rule, seed) for seed in seeds) for name, rule in rules.items()}

    def probe(self, name, member, spec, path):
        examples = spec.problem.load("train", str(path[-1].theta.device))
        losses = [float(evaluate(spec.problem, point.theta, examples)[0]) for point in path[-2:]]
        if not losses[-1] <= self.loss or (
            len(losses) > 1 and losses[0] <= self.loss
        ):  # the former also where it is NaN
            return {}
        summands, theta = parts(spec.problem, examples), path[-1].theta
        begin = sharpness.candidates(summands, theta, generator(spec.seed, "candidates"))
        # the same directions for every rule
        average = sharpness.averaged(summands, theta, self.rho, generator(spec.seed, "average"), 100)
        rises = {
            "worst": sharpness.worst(summands, theta, self.rho, begin).rise,
            "ascent": sharpness.ascended(summands, theta, self.rho),
            "average": average.mean,
            "average_error": average.error,
        }
        return (
            rises
            | {"loss": losses[-1]}
            | _curvatures(Hessian(summands, theta), begin[2], generator(spec.seed, "trace"))
        )

    def checks(self, result):
        met = {q: {name: first(result, name, q) for name in self.ensembles()} for q in QUANTITIES}
        return (*self._lower(met), *self._ascending(met), *self._of_second_order(result), self._below_1_sam(met))

    def _lower(self, met):
        """What SAM and 1-SAM lower: in the worst direction, and on average."""
        worst, average, void = met["worst"], met["average"], self.unusual
        sam = "SAM’s worst-direction sharpness is below gradient descent’s"
        mean = "1-SAM’s average-direction sharpness is below SAM’s"
        return (
            Check(sam, "below 1 ×", worst["SAM"] / worst["GD"], high=0.9, unit="×", void=void),
            Check("1-SAM’s is too", "below 1 ×", worst["1-SAM"] / worst["GD"], high=0.9, unit="×", void=void),
            Check(mean, "below 1 ×", average["1-SAM"] / average["SAM"], high=0.95, unit="×", void=void),
        )

    def _ascending(self, met):
        """How much of the worst rise is found up the gradient."""
        share = {name: met["ascent"][name] / met["worst"][name] for name in ("SAM", "GD")}
        most = "Under SAM the ascent direction has most of the worst"
        return (
            Check(most, "R_asc/R_max → 1", share["SAM"], low=0.5, high=1.0, void=self.unusual),
            Check("Under gradient descent it has not", "R_asc/R_max ≪ 1", share["GD"], high=0.2, void=self.unusual),
        )

    def _of_second_order(self, result):
        """Each notion beside what the gradient and the Hessian say, of the run where the two differ most."""
        ratios = self._over_second_order(result).values()
        rows = {
            "worst": ("R_max is ρ²λ₁/2", "1 × and a little more", 1.35, SLOPE),
            "ascent": ("R_asc is ρ‖g‖ + ρ²g′Hg/(2‖g‖²)", "1 ×", 1.1, NEAR),
            "average": ("R_avg is ρ² Tr/(2D)", "1 ×", 1.1, NEAR),
        }
        return [
            Check(
                f"{claim}, under each rule",
                predicted,
                _furthest([of_run[q] for of_run in ratios]),
                0.9,
                high,
                "×",
                self.unusual,
                note=note,
            )
            for q, (claim, predicted, high, note) in rows.items()
        ]

    def _below_1_sam(self, met):
        """What the paper has and these runs have not."""
        claim, ratio = "SAM’s worst-direction sharpness is below 1-SAM’s", met["worst"]["SAM"] / met["worst"]["1-SAM"]
        return Check(claim, "below 1 ×", ratio, high=0.95, unit="×", void=self.unusual, claimed=False, note=LONGER)

    def _over_second_order(self, result: Result) -> dict[str, dict[str, np.ndarray]]:
        """By ensemble and quantity, [R]: what it is measured to be over what the Hessian and the gradient there say
        to second order in rho."""
        found, size = {}, NETWORK.size()
        for name in self.ensembles():
            rows = zip(*(first(result, name, q).tolist() for q in ("top", "slope", "along", "trace")), strict=True)
            said = [
                (
                    theory.worst_sharpness(self.rho, top),
                    theory.ascent_sharpness(self.rho, slope, along),
                    theory.average_sharpness(self.rho, trace, size),
                )
                for top, slope, along, trace in rows
            ]
            found[name] = {
                q: first(result, name, q) / values for q, values in zip(QUANTITIES, np.array(said).T, strict=True)
            }
        return found

    def pictures(self, result):
        measured = {name: [first(result, name, q) for q in QUANTITIES] for name in self.ensembles()}
        ratios = {
            name: [a / b for a, b in zip(values, measured["GD"], strict=True)] for name, values in measured.items()
        }
        caption = (
            f"R = L(w + ρ v) − L(w) with ρ = {number(self.rho)} and a unit vector v, relative to gradient descent of "
            "the same seed; each run is measured where its training loss first is at most "
            f"{number(self.loss)}{self._reached(result)}; median and range over the seeds. v is the worst direction (a "
            "lower bound, by ascents from ±g and ±v₁), the gradient’s, or random. Look at the left and the right: SAM "
            "and 1-SAM lower both, and 1-SAM the average more. In the middle SAM is higher: its gradient points where "
            "the loss rises most."
        )
        source = fingerprint(result.spec)
        labels = ("Three notions of sharpness", "direction", "R, relative to gradient descent")
        notions = Chart("notions", *labels, spreads(ratios), caption, log_y=True, x_ticks=TICKS, source=source)
        return notions, self._relations(result, source), self._losses(result, source)

    def _reached(self, result: Result) -> str:
        """Which losses the runs had where they were measured, in words."""
        met = np.concatenate([first(result, name, "loss") for name in self.ensembles()])
        return (
            f" (it is {number(met.min())} to {number(met.max())}, for the looks are {EVERY} steps apart)"
            if np.isfinite(met).all()
            else ""
        )

    def _relations(self, result: Result, source: str) -> Chart:
        ratios = {name: list(values.values()) for name, values in self._over_second_order(result).items()}
        unit = Line("1, theory", np.array([-0.2, 2.2]), np.ones(2), "ink", "dash", theory=True)
        caption = (
            "The same rises, each over what the gradient and the Hessian at w make of it: ρ²λ₁/2 in the worst "
            f"direction, ρ‖g‖ + ρ²g′Hg/(2‖g‖²) up the gradient, and ρ² Tr/(2D) on average over the {NETWORK.size():,} "
            "dimensions. λ₁ and the trace are measured on their own, without a step of length ρ. At so small a ρ the "
            "curvature at w is what the three notions measure; in the worst direction the slope adds a little."
        )
        labels = ("The notions and the Hessian", "direction", "R over its second order")
        return Chart(
            "relations", *labels, (*spreads(ratios), unit), caption, x_ticks=TICKS, y_range=(0, 1.5), source=source
        )

    def _losses(self, result: Result, source: str) -> Chart:
        lines = tuple(
            middle(WORDS.get(n, n), result.over(n, "step"), result.over(n, "train_loss"), LOOKS[n].colour)
            for n in self.ensembles()
        )
        caption = (
            "Training loss at w, median and range over the seeds. The notions are measured where each run first comes "
            f"to {number(self.loss)}."
        )
        return Chart("loss", "Training loss", "step", "mean squared error", lines, caption, log_y=True, source=source)


def _furthest(ratios: list[np.ndarray]) -> np.ndarray:
    """[R]: of some ratios [R] the one that is furthest from 1; NaN where one of them is."""
    rows = np.array(np.broadcast_arrays(*ratios))
    return rows[np.abs(rows - 1).argmax(0), np.arange(rows.shape[1])]


def _curvatures(hessian: Hessian, top: Tensor, random: torch.Generator) -> dict[str, float]:
    """The Hessian's largest eigenvalue, whose vector is `top` [n], its trace by 200 random signs, its curvature
    along the gradient, and the latter's norm."""
    g = hessian.gradient
    trace = np.mean([float(z @ hessian(z)) for z in (signs(len(g), random, g) for _ in range(200))])
    return {
        "top": float(top @ hessian(top) / (top @ top)),
        "trace": float(trace),
        "slope": float(g.norm()),
        "along": float(g @ hessian(g) / (g @ g)),
    }


LONGER = (
    "It is not, where both have come to the same loss: 1-SAM takes more steps to come to it, in which its largest "
    "eigenvalue falls as well."
)
NEAR = (
    "Of gradient descent, SAM and 1-SAM the one that is furthest from 1. The rest is of third order in ρ, or chance in "
    "what is random."
)
SLOPE = f"{NEAR} The slope, which is not 0 yet, adds up to ρ‖g‖."

PAPER = Paper(
    "notions",
    "Which sharpness?",
    "How Does Sharpness-Aware Minimization Minimize Sharpness?",
    "Wen, Ma & Li 2023",
    "2211.05729",
    "Full-batch SAM minimizes the Hessian’s largest eigenvalue, 1-SAM its trace, though the ascent step that they "
    "share is derived from neither.",
    (
        (
            "Sharpness in the worst direction, up the gradient or on average tends to the largest eigenvalue, the "
            "smallest non-zero one or the trace."
        ),
        (
            "Near a manifold of minima full-batch SAM’s gradient turns to the top eigenvector, so that its ascent step "
            "is the worst one after all."
        ),
        (
            "1-SAM ascends one example at a time, whose gradient is its own top eigenvector: on average the trace goes "
            "down."
        ),
    ),
    "R_max → ρ² λ₁/2  R_asc → ρ² λ_min⁺/2 at least  R_avg → ρ² Tr/(2D)",
    (WhichSharpness, Notions, Alignment),
    lambda spec: any(isinstance(rule, SAM | MSAM) for rule in rules_of(spec)),
)
