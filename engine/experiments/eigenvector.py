"""How far the gradient of a network turns to the top eigenvector of its Hessian, under SAM and without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.data import Digits
from engine.experiments.curves import middle
from engine.experiments.experiment import Check, Experiment
from engine.experiments.minimizers import LOOKS, WORDS, late_mean
from engine.figures.drawing import Chart
from engine.models import MLP
from engine.problems import Classification
from engine.rules import SAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec

NETWORK = Classification(Digits(train=100), MLP(16, 2, "tanh"), "squared error")


@dataclass(frozen=True)
class Alignment(Experiment):
    """How far the gradient of a network turns to the top eigenvector."""

    rho: float = knob(0.1, 0.02, 0.2, "Radius ρ", log=True)

    title: ClassVar = "The gradient finds the top eigenvector"
    claim: ClassVar = (
        "Full-batch SAM turns the gradient towards the Hessian’s top eigenvector; gradient descent below its edge of "
        "stability turns it away."
    )
    setup: ClassVar = (
        "100 digits, full batch, squared error, tanh MLP of depth 2 and width 16, η = 0.3, no momentum; 1-SAM (full "
        "size only) descends one example a step, with η = 0.03."
    )
    source: ClassVar = "Wen, Ma & Li 2023, sec. 4.3: thm. 4.8 (arXiv 2211.05729)"

    def ensembles(self):
        seeds, steps = range(5 if self.full else 3), 2000 if self.full else 600

        def runs(rule, lr, batch, steps):
            return tuple(
                RunSpec(
                    NETWORK, rule, lr=lr, batch=batch, steps=steps, every=steps // (25 if self.full else 8), seed=seed
                )
                for seed in seeds
            )

        found = {"GD": runs(SGD(), 0.3, 0, steps), "SAM": runs(SAM(self.rho), 0.3, 0, steps)}
        return found | ({"1-SAM": runs(SAM(self.rho), 0.03, 1, 4 * steps)} if self.full else {})

    def checks(self, result):
        void = self.unusual
        gd, sam = (late_mean(result.over(name, "cos_g")) for name in ("GD", "SAM"))
        note = (
            "On the plane of minima it is 1; here several eigenvalues come to SAM’s edge together, and the gradient "
            "turns among their directions."
        )
        return (
            Check(
                "SAM’s gradient has a large part along the top eigenvector",
                "|cos(g, v₁)| ≫ 0.03, a random direction’s",
                sam,
                low=0.15,
                void=void,
            ),
            Check("Gradient descent’s has none", "|cos(g, v₁)| → 0", gd, high=0.05, void=void),
            Check(
                "SAM’s gradient lies along it altogether",
                "|cos(g, v₁)| → 1",
                sam,
                low=0.9,
                void=void,
                claimed=False,
                note=note,
            ),
        )

    def pictures(self, result):
        lines = tuple(
            middle(WORDS.get(n, n), result.over(n, "step"), result.over(n, "cos_g"), LOOKS[n].colour)
            for n in self.ensembles()
        )
        caption = (
            "|cos| of the full-batch gradient with the top eigenvector of the training loss’s Hessian, both at w; "
            "median and range over the seeds. Look at gradient descent’s fall to 0 while SAM’s stays up; that it "
            "fluctuates far below 1 says that more than one direction is as sharp."
        )
        labels = ("Alignment with the top eigenvector", "step", "|cos(g, v₁)|")
        return (Chart("alignment", *labels, lines, caption, y_range=(0, 1), source=fingerprint(result.spec)),)
