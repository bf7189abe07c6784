"""Matrix sensing, where the drift along a manifold of minima shows in the curvature and in what is recovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from engine.curvature import dense, training_hessian
from engine.experiments.curves import look, middle
from engine.experiments.experiment import Check, Experiment, Question
from engine.figures.drawing import Chart
from engine.figures.words import number
from engine.problems import MatrixSensing
from engine.rules import SAM, SGD, USAM
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec


@dataclass(frozen=True)
class Sensing(Experiment):
    """Matrix sensing with fewer measurements than parameters: the fit is a manifold of minima, and the drift along
    it can be seen in the curvature."""

    eta: float = knob(0.02, 0.002, 0.03, "Learning rate η", log=True)
    rho: float = knob(0.1, 0.01, 0.3, "Radius ρ", log=True)
    steps: int = knob(800, 200, 10_000, "Steps", "The full size takes four times as many.", log=True)

    title: ClassVar = "Along the minima of matrix sensing"
    claim: ClassVar = (
        "Once the measurements are fitted, gradient descent and USAM rest, and SAM drifts on to flatter minima, which "
        "recover the matrix better."
    )
    setup: ClassVar = (
        "A 10 × 10 matrix of rank 2 from 35 measurements, as U Uᵀ with U 10 × 10, full batch, 3 random starts (full: "
        "6). Flat: a small Hessian trace."
    )
    source: ClassVar = (
        "Dai, Ahn & Sra 2023 (arXiv 2305.15287); that flat minima recover, for X = L Rᵀ: Ding et al. 2024 (arXiv "
        "2203.03756)"
    )
    question: ClassVar = Question("SAM's trace of the Hessian at the end, as a share of gradient descent's?", 0, 1.5, 0)

    def ensembles(self):
        rules, steps = {"GD": SGD(), "USAM": USAM(self.rho), "SAM": SAM(self.rho)}, self.steps * (4 if self.full else 1)
        problem, seeds = MatrixSensing(scale=0.85), range(6 if self.full else 3)
        return {
            name: tuple(
                RunSpec(
                    problem,
                    rule,
                    lr=self.eta,
                    batch=0,
                    steps=steps,
                    every=max(1, steps // (20 if self.full else 4)),
                    curvature=False,
                    seed=seed,
                )
                for seed in seeds
            )
            for name, rule in rules.items()
        }

    def probe(self, name, member, spec, path):
        """The trace of the training loss's Hessian, from all of it."""
        theta, matrix = path[-1].theta, np.full((1, 1), np.nan)
        if torch.isfinite(theta).all():
            for _, matrix in dense(training_hessian(spec.problem, theta), len(theta), theta):
                pass
        return {"trace": float(matrix.trace())}

    def checks(self, result):
        trace, test = ({name: result.last(name, q) for name in self.ensembles()} for q in ("trace", "test_loss"))
        lost = {name: self._lost(result, name) for name in trace}
        flatter = ("SAM ends at a flatter minimum than gradient descent", "below 1 ×", trace["SAM"] / trace["GD"])
        more = ("In the second half SAM still loses more of its trace than gradient descent", "more than 0 of it")
        rests = ("USAM then rests as gradient descent does", "0 of it", lost["USAM"] - lost["GD"])
        better = ("SAM recovers the matrix better than gradient descent: held-out loss", "below 1 ×")
        void = self.unusual
        # the longer SAM drifts, the further it is ahead of those that rest: what is sized goes with that
        return (
            Check(*flatter, high=0.9, unit="×", void=void, sized=True),
            Check(*more, lost["SAM"] - lost["GD"], 0.04, void=void, note=DRIFTS),
            Check(*rests, -0.03, 0.03, void=void),
            Check(*better, test["SAM"] / test["GD"], high=0.9, unit="×", void=void, note=MOST),
        )

    def _lost(self, result, name):
        """[R]: which share of its trace a run loses in the second half."""
        trace, end = result.over(name, "trace"), result.last(name, "trace")
        return 1 - end / trace[len(trace) // 2] if len(trace) else end

    def pictures(self, result):
        source = fingerprint(result.spec)
        start = f"η = {number(self.eta)}, ρ = {number(self.rho)}; median and range of the starts."
        return tuple(
            Chart(*words, self._lines(result, quantity), CAPTIONS[quantity].format(start), log_y=True, source=source)
            for quantity, words in CHARTS.items()
        )

    def _lines(self, result, quantity):
        lines = []
        for name in self.ensembles():
            values, colour, marker = result.over(name, quantity), *look(name)
            lines.append(middle(name, result.over(name, "step"), values, colour, marker=marker))
        return tuple(lines)


DRIFTS = "More than the 0.03 that would be no difference in the next check."
MOST = "At most starts, not at every one."
CHARTS = {
    "trace": ("trace", "Flatness along the minima", "step", "trace of the Hessian"),
    "test_loss": ("recovery", "Recovery of the matrix", "step", "held-out loss"),
    "train_loss": ("fit", "Fit of the measurements", "step", "training loss"),
}
CAPTIONS = {  # with the settings in the place of {}
    "trace": (
        "The trace of the training loss's Hessian, from all of its 100 rows; {} After the fit all three are near "
        "minima. Gradient descent and USAM stay where they have arrived; SAM goes on to where the trace is smaller."
    ),
    "test_loss": (
        "Half the mean squared residual of 1,000 held-out measurements, about half the squared distance from the true "
        "matrix; {} It falls as the minima become flatter. SAM's own steps leave it at a small distance from the "
        "minima, and with them some error."
    ),
    "train_loss": (
        "Half the mean squared residual of the 35 training measurements; {} SAM stays on a 2-cycle of a size that ρ "
        "decides."
    ),
}
