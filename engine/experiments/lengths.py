"""How long the ascent gradient and the descent gradient of SAM, SSAM and USAM are along a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.data import Digits
from engine.experiments.curves import middle
from engine.experiments.experiment import Check, Experiment, Question
from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_colour
from engine.models import MLP
from engine.problems import Classification
from engine.rules import SAM, SSAM, USAM
from engine.seeds import generator
from engine.spec import fingerprint, knob
from engine.training.measure import cosine, whole
from engine.training.runs import RunSpec

PROBLEM = Classification(Digits(train=1000, standardize="centred"), MLP(width=128, depth=2))
EPOCH, STEPS = 15, 450
"""Steps of 64 images in an epoch, and in the 30 epochs of a run."""


@dataclass(frozen=True)
class NormRatio(Experiment):
    """How long the two gradients are: the one that ascends, and the one that descends."""

    eta: float = knob(0.5, 0.01, 5.0, "Learning rate η", log=True)
    rho: float = knob(0.5, 0.01, 1.0, "Radius ρ", log=True)

    title: ClassVar = "The lengths of the two gradients"
    claim: ClassVar = (
        "SAM's descent gradient soon is several times as long as its ascent gradient; SSAM's has the same length and "
        "SAM's direction."
    )
    setup: ClassVar = (
        "The net and images of the learning rates' experiment, 30 epochs; ‖d‖/‖g‖ is measured with the whole training "
        "set at w, where d is the direction that the rule descends and g the gradient. For SAM and USAM d is the "
        "gradient u at the perturbed point; for SSAM it is u after rescaling."
    )
    source: ClassVar = (
        "Tan, Zhang, Liu, Wang & Hao 2024 (arXiv 2401.07250): the lengths are made equal; how SAM's compare is "
        "measured here"
    )
    question: ClassVar = Question(
        "How many times as long as the ascent gradient is SAM's descent gradient in the second half of training?",
        0.25,
        8,
        2,
    )

    def ensembles(self):
        rules = {"SAM": SAM(self.rho), "SSAM": SSAM(SAM(self.rho)), "USAM": USAM(self.rho)}
        more = {"lr": self.eta, "batch": 64, "steps": STEPS, "every": 2 * EPOCH, "curvature": False}
        return {
            name: tuple(RunSpec(PROBLEM, rule, seed=seed, **more) for seed in range(8 if self.full else 3))
            for name, rule in rules.items()
        }

    def probe(self, name, member, spec, path):
        """How far SSAM's direction is turned from SAM's: 1 - cos of the angle between them, in double precision."""
        if name != "SSAM":
            return {}
        step, theta = path[-1]
        at = whole(spec, theta, PROBLEM.load("train", str(theta.device)), step, spec.update.begin(theta))
        own, sam = (
            rule.direction(at, rule.begin(theta, PROBLEM.layout, generator(spec.seed, "rule", 0)))[0].double()
            for rule in (spec.rule, SAM(self.rho))
        )
        return {"turned": 1 - cosine(own, sam)}

    def ratio(self, result, name):
        """[T, R]: ‖d‖/‖g‖."""
        return result.over(name, "direction_norm") / result.over(name, "gradient_norm")

    def checks(self, result):
        sam, ssam = self.ratio(result, "SAM"), self.ratio(result, "SSAM")
        turned = result.over("SSAM", "turned")
        void = self.unusual
        late, start = over_steps(np.median, sam[len(sam) // 2 :]), over_steps(np.median, sam[:1])
        return (
            Check(
                "SSAM's two gradients are equally long",
                "|‖d‖/‖g‖ − 1| = 0 but for rounding",
                over_steps(np.max, abs(ssam - 1)),
                high=1e-5,
            ),
            Check(
                "Rescaling does not turn SAM's direction",
                "1 − cos = 0 but for rounding",
                over_steps(np.max, turned),
                high=1e-6,
                note=GLOBAL,
            ),
            Check(
                "SAM's descent gradient is the longer one in the second half",
                "‖u‖/‖g‖ of at least 2",
                late,
                low=2,
                void=void,
            ),
            Check(
                "It is larger than at the start",
                "at least 1.5 times its value at the start",
                late / start,
                low=1.5,
                unit="×",
                void=void,
                note=GROWS,
            ),
        )

    def pictures(self, result):
        lines = [self._line(result, name) for name in ("SAM", "USAM", "SSAM")]
        steps = np.array([0.0, self.ensembles()["SAM"][0].steps])
        lines.append(Line("SSAM, theory", steps, np.ones(2), "ink", "dash", theory=True))
        caption = (
            "How many times as long as the gradient at w the direction is that a rule descends; median and range over "
            "the seeds, with the whole training set. SAM looks a fixed distance ρ away, so that its ratio grows as the "
            "gradient shrinks; USAM's distance shrinks with it; SSAM's ratio is 1."
        )
        return (
            Chart(
                "norm-ratio",
                "Length of the descent gradient",
                "step",
                "‖d‖/‖g‖",
                tuple(lines),
                caption,
                source=fingerprint(result.spec),
            ),
        )

    def _line(self, result, name):
        return middle(name, result.over(name, "step"), self.ratio(result, name), rule_colour(name))


def over_steps(summary, values: np.ndarray) -> np.ndarray:
    """[R]: a summary of values [T, R] for each run; NaN before there is a measurement."""
    return summary(values, axis=0) if len(values) else np.full(1, np.nan)


GLOBAL = (
    "All of the gradient is rescaled by one number; a factor for each layer would equalize the lengths too, but turn "
    "the direction."
)
GROWS = "To first order u = g + ρ H g/‖g‖: in training the first term shrinks faster than the second one."
