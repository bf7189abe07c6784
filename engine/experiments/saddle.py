"""Saddles: where SSAM leaves as fast as gradient descent, and where the perturbation holds it back as it does SAM."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.experiments import theory
from engine.experiments.experiment import Check, Experiment, Question
from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_colour
from engine.figures.words import number
from engine.problems import Beale, Saddle
from engine.rules import SAM, SGD, SSAM
from engine.spec import choice, fingerprint, knob
from engine.training.runs import RunSpec

CURVATURE = {"x²/2 − y²/2 + y⁴/4": 1.0, "Beale": 27.75}
"""By landscape: the Hessian's eigenvalues at the saddle are plus and minus this; Beale's Hessian at (0, 1) is ((0,
27.75), (27.75, 0))."""
SIDE, INSIDE, OUTSIDE, FAR = 0.1, 0.5, 2.0, 5.0
"""In radii: how far beside the escape direction a run starts, where along it (within the radius, and beyond it), and
from where on it has escaped."""


@dataclass(frozen=True)
class SaddleEscape(Experiment):
    """Near a saddle, from beyond the radius ρ and from within it: who leaves, and when."""

    landscape: str = choice("x²/2 − y²/2 + y⁴/4", tuple(CURVATURE), "Landscape")
    step: float = knob(0.02, 0.005, 0.2, "Step ηλ", "The learning rate times the curvature at the saddle.", log=True)
    rho: float = knob(0.005, 1e-4, 0.01, "Radius ρ", "The distance from the saddle is counted in radii.", log=True)

    title: ClassVar = "Leaving a saddle"
    claim: ClassVar = (
        "Beyond a distance ρ from a saddle SSAM leaves it as fast as gradient descent, and SAM more slowly; within ρ "
        "both are trapped."
    )
    setup: ClassVar = (
        "Runs from 2ρ and from ρ/2 along the direction in which the loss falls, and ρ/10 beside it. A run has escaped "
        "at a distance of 5ρ."
    )
    source: ClassVar = (
        "SAM is slow to leave saddles: Tan et al. 2025 (JMLR; arXiv 2401.07250). A saddle can attract SAM: Kim et al. "
        "2023 (arXiv 2301.06308), who leave the perturbation unnormalized. The rest is derived here, SSAM within ρ "
        "too."
    )
    question: ClassVar = Question(
        "Gradient descent escapes from ρ/2. How far does SSAM ever get from the saddle, in radii?", 0, 5, 4
    )

    @property
    def curvature(self) -> float:
        """The larger of the Hessian's two eigenvalues at the saddle, by size."""
        return CURVATURE[self.landscape]

    @property
    def steps(self) -> int:
        """Twice what gradient descent needs to escape from within."""
        return 2 * math.ceil(theory.saddle_steps(INSIDE, FAR, self.step))

    def ensembles(self):
        rules = {"GD": SGD(), "SAM": SAM(self.rho), "SSAM": SSAM(SAM(self.rho))}
        more = {"lr": self.step / self.curvature, "batch": 0, "steps": self.steps, "every": 1, "curvature": False}
        starts = {"outside": OUTSIDE, "inside": INSIDE}
        return {
            f"{name} {where}": (RunSpec(self._problem(radii), rule, **more),)
            for where, radii in starts.items()
            for name, rule in rules.items()
        }

    def _problem(self, radii: float):
        """The landscape, with the start at `at` radii along the escape direction and SIDE beside it."""
        a, b = SIDE * self.rho, radii * self.rho
        return Saddle((a, b)) if self.curvature == 1 else Beale(((a + b) / math.sqrt(2), 1 + (a - b) / math.sqrt(2)))

    def distance(self, result, name):
        """[T]: of the run `name` from the saddle, in radii."""
        theta = result.over(name, "theta")
        saddle = (0.0, 0.0) if self.curvature == 1 else (0.0, 1.0)
        return (
            np.linalg.norm(theta[:, 0] - saddle, axis=-1) / self.rho if theta.ndim == 3 else np.full(len(theta), np.nan)
        )

    def escape(self, result, name):
        """[1]: the first step at which a run is FAR away; infinite where it never is, NaN while that is not known."""
        distance = self.distance(result, name)
        known = len(distance) and np.isfinite(distance[-1])
        gone = np.flatnonzero(distance > FAR)
        return np.array([gone[0] if len(gone) else np.inf if known else np.nan])

    def farthest(self, result, name):
        """[1]: the largest distance of a whole run from the saddle, in radii."""
        distance = self.distance(result, name)
        return np.array([distance.max() if len(distance) else np.nan])

    def rate(self, result):
        """[1]: by which factor a step changes SSAM's distance from the saddle in the second half of its run from
        within."""
        distance, half = self.distance(result, "SSAM inside"), self.steps // 2
        return np.array([(distance[-1] / distance[half]) ** (1 / (self.steps - half)) if len(distance) else np.nan])

    def checks(self, result):
        free, held, inside = (
            theory.saddle_steps(*way, self.step) for way in ((OUTSIDE, FAR), (OUTSIDE - 1, FAR - 1), (INSIDE, FAR))
        )
        sink = theory.saddle_sink(self.step)
        return (
            self._timed("Gradient descent escapes from 2ρ", free, result, "GD outside"),
            self._timed("SSAM escapes from 2ρ as fast as gradient descent", free, result, "SSAM outside"),
            self._timed("SAM needs longer", held, result, "SAM outside"),
            self._timed("Gradient descent escapes from ρ/2", inside, result, "GD inside"),
            Check(
                "SSAM does not leave from within ρ",
                "below 1 radius",
                self.farthest(result, "SSAM inside"),
                high=1,
                unit="radii",
                note=TRAPPED,
            ),
            Check("Nor does SAM", "below 1 radius", self.farthest(result, "SAM inside"), high=1, unit="radii"),
            Check(
                "SSAM sinks into the saddle",
                f"by the factor 1 − ηλ = {number(sink)} a step",
                self.rate(result),
                sink - 0.02 * self.step,
                sink + 0.02 * self.step,
            ),
        )

    def _timed(self, claim, steps, result, name):
        """Steps are whole numbers, and the curvature changes on the way: 5% and one step more."""
        return Check(
            claim,
            f"{number(round(steps, 1))} steps",
            self.escape(result, name),
            0.95 * steps,
            1.05 * steps + 1,
            unit="steps",
        )

    def pictures(self, result):
        captions = {
            "outside": (
                "From 2ρ: SSAM lies on gradient descent's line, and SAM needs longer, because its gradient is taken a "
                "radius nearer to the saddle."
            ),
            "inside": (
                "From ρ/2: the perturbation reaches across the saddle, where the gradient points back. SAM ends in a "
                "small cycle around the saddle and SSAM sinks into it: rescaling changes the step's length, and its "
                "direction is the wrong one."
            ),
        }
        titles = {"outside": "Leaving from beyond the radius", "inside": "Held back within the radius"}
        return tuple(
            self._chart(result, where, titles[where], f"{caption} {HOW}") for where, caption in captions.items()
        )

    def _chart(self, result, where, title, caption):
        # the other runs are far away by then
        steps = np.arange((self.steps if where == "inside" else self.steps // 2) + 1)
        lines = [
            self._line(result, name, where, dash, len(steps))
            for name, dash in (("GD", "solid"), ("SAM", "solid"), ("SSAM", "dash"))
        ]
        lines += [
            Line(label, steps, y[: len(steps)], colour, "dot", theory=True)
            for label, colour, y in self._predicted(where)
        ]
        lines.append(Line("escaped: 5ρ", steps, np.full(len(steps), FAR), "ink", "dot", theory=True))
        label, reach = "distance from the saddle, in radii ρ", (3e-3 if where == "inside" else 1.0, 20.0)
        return Chart(
            f"saddle-{where}",
            title,
            "step",
            label,
            tuple(lines),
            caption,
            log_y=True,
            y_range=reach,
            source=fingerprint(result.spec),
        )

    def _line(self, result, name, where, dash, count):
        distance = self.distance(result, f"{name} {where}")[:count]
        return Line(name, np.arange(len(distance)), distance, rule_colour("SGD" if name == "GD" else name), dash)

    def _predicted(self, where):
        if where == "outside":
            paths = {
                name: theory.saddle_path(OUTSIDE, self.step, rho, self.steps)
                for name, rho in (("GD and SSAM", 0.0), ("SAM", 1.0))
            }
            return [
                (f"{name}, theory", rule_colour("SSAM" if "SSAM" in name else name), path)
                for name, path in paths.items()
            ]
        cycle = theory.sam_cycle(self.step, 1.0, 1.0)
        sunk = INSIDE * theory.saddle_sink(self.step) ** np.arange(self.steps + 1)
        return [
            ("GD, theory", rule_colour("SGD"), theory.saddle_path(INSIDE, self.step, 0.0, self.steps)),
            ("SAM's cycle, theory", rule_colour("SAM"), np.full(self.steps + 1, cycle)),
            ("SSAM, theory", rule_colour("SSAM"), sunk),
        ]


HOW = (
    "The distance is measured at every step; dotted lines are the theory of the quadratic around the saddle, straight "
    "where the growth is exponential."
)
TRAPPED = (
    "Derived here, not the paper's: the rescaling gives back the step's length, which is what slows SAM outside, but "
    "not its direction."
)
