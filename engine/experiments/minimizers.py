"""Which notion of sharpness each variant of SAM minimizes, on a plane of minima with two curvatures across it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.experiments import theory
from engine.experiments.experiment import Check, Experiment, Question
from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_look
from engine.figures.words import number
from engine.problems import TwoCurvatures
from engine.records import Result
from engine.rules import SAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec

LOOKS = {"GD": rule_look("SGD"), "SAM": rule_look("SAM"), "1-SAM": rule_look("MSAM"), "ascent": rule_look("GSAM")}
WORDS = {"GD": "gradient descent", "ascent": "ascent loss"}
LEAST = {"SAM": ("λ₁", "largest"), "1-SAM": ("trace", "sum"), "ascent": ("λ₂", "smallest")}
"""What is least where each variant is to come to rest, in words and in `theory.TWO_CURVATURES`."""
UNDERFLOW = "x₃ becomes exactly 0 by underflow; at a learning rate of 5e-5 it does not, and the run stops elsewhere."
CAPTIONS = (
    (
        "Where the runs are in the plane of minima (x₃ and x₄ are small throughout), with the path that theory "
        "predicts and the three minimizers. All start at (½, ½). Look at where each comes to rest: SAM at the "
        "least λ₁ = 2F₁, 1-SAM near the least trace 2F₁ + 2F₂, and gradient descent on the ascent loss, which is "
        "run at the full size only, at the least λ₂ = 2F₂."
    ),
    (
        "|cos| of the full-batch gradient with the Hessian’s top eigenvector, at w. SAM’s steps across the valley "
        "grow along the sharpest direction until the gradient points nowhere else, so that the ascent direction "
        "becomes the worst one; gradient descent’s gradient is left with the flattest."
    ),
)


@dataclass(frozen=True)
class WhichSharpness(Experiment):
    """A plane of minima with two curvatures across it: each variant drifts to where its own function of them is
    least."""

    eta: float = knob(
        0.01, 0.002, 0.03, "Learning rate η", "SAM's; 1-SAM, which doubles each curvature, takes 0.3 of it.", log=True
    )
    rho: float = knob(0.1, 0.02, 0.2, "Radius ρ", "Of SAM and 1-SAM.", log=True)

    title: ClassVar = "Three notions, three minimizers"
    claim: ClassVar = (
        "SAM drifts to the least top eigenvalue, 1-SAM to the least trace, and descent on the ascent loss to the least "
        "non-zero eigenvalue."
    )
    setup: ClassVar = (
        "L = F₁x₃² + F₂x₄² from (½, ½, 0.1, 0.1): its minima are the plane x₃ = x₄ = 0, with the curvatures 2F₁ and "
        "2F₂ across."
    )
    source: ClassVar = (
        "Wen, Ma & Li 2023, fig. 1 (arXiv 2211.05729), for the form; its coefficients could not be verified"
    )
    question: ClassVar = Question("At which x₁ does 1-SAM come to rest?", 0, 1, 2)

    def ensembles(self):
        problem, steps = TwoCurvatures(), 200_000 if self.full else 30_000
        seeds = range(3 if self.full else 2)
        runs = {
            "GD": (RunSpec(problem, SGD(), lr=self.eta, batch=0, steps=1000, every=10),),
            "SAM": (RunSpec(problem, SAM(self.rho), lr=self.eta, batch=0, steps=20_000, every=200),),
            "1-SAM": tuple(
                RunSpec(
                    problem, SAM(self.rho), lr=0.3 * self.eta, batch=1, steps=steps, every=100, seed=s, curvature=False
                )
                for s in seeds
            ),
        }
        down = RunSpec(TwoCurvatures(ascent=0.3), SGD(), lr=2e-5, batch=0, steps=600_000, every=6000, curvature=False)
        return runs | ({"ascent": (down,)} if self.full else {})

    def checks(self, result):
        found = (*self._rests(result), self._speed(result), *self._turned(result))
        return (*found, self._ascended(result)) if self.full else found

    def _rests(self, result):
        """Where SAM and 1-SAM end."""
        sam, one_sam = self._end(result, "SAM"), self._end(result, "1-SAM")
        rest = self.drift("1-SAM")[500:, 0].mean()
        top = ("SAM comes to where the top eigenvalue is least", "distance 0 from (0, 0)")
        trace = ("1-SAM comes to where the trace is least", "distance 0 from (4/5, 1/7)")
        exact = ("1-SAM rests where theory says for this learning rate", f"x₁ = {number(rest)}")
        return (
            Check(*top, _apart(sam, "largest"), high=0.02, void=self.unusual),
            Check(*trace, _apart(one_sam, "sum"), high=0.02, void=self.unusual),
            Check(*exact, one_sam[:, 0], rest - 0.01, rest + 0.01),
        )

    def _speed(self, result):
        """How fast SAM drifts there."""
        (begin, end), left = self._stretch()
        shrunk = self._at(result, "SAM", end)[:, 0] / self._at(result, "SAM", begin)[:, 0]
        predicted = f"x₁ shrinks to {number(left)} × from step {begin:,} to {end:,}"
        return Check("SAM drifts as fast as theory says", predicted, shrunk, left**1.05, left**0.95, "×")

    def _turned(self, result):
        """Along which eigenvector the gradient comes to lie."""
        sam, gd = (late_mean(result.over(name, "cos_g")) for name in ("SAM", "GD"))
        return (
            Check("SAM’s gradient lies along the top eigenvector", "|cos(g, v₁)| = 1", sam, low=0.999),
            Check("Gradient descent’s does not", "|cos(g, v₁)| → 0", gd, high=0.001),
        )

    def _ascended(self, result):
        """Where descent on the ascent loss ends."""
        apart = _apart(self._end(result, "ascent"), "smallest")
        claim = "Descent on the ascent loss comes to where the smaller eigenvalue is least"
        return Check(claim, "distance 0 from (1, 1)", apart, high=0.1, note=UNDERFLOW)

    def drift(self, name: str) -> np.ndarray:
        """[T, 2]: what theory says of the path of an ensemble's runs along the minima, in equal steps."""
        spec = self.ensembles()[name][0]
        return theory.two_curvatures_drift(name, spec.lr, 0.3 if name == "ascent" else self.rho, spec.steps)

    def _stretch(self) -> tuple[tuple[int, int], float]:
        """Two measured steps, and by which factor x1 shrinks between them by theory: until SAM has gone half of its
        way, or its run ends, from half of that time on. Earlier it is still on its way to the cycle, which moves x1
        otherwise; a factor is the same from wherever that has left it.
        """
        spec, x = self.ensembles()["SAM"][0], self.drift("SAM")[:, 0]
        x = x[np.linspace(0, len(x) - 1, spec.steps // spec.every + 1).round().astype(int)]
        row = max(2, int(np.argmax(x <= x[0] / 2))) if x[-1] <= x[0] / 2 else len(x) - 1
        return (row // 2 * spec.every, row * spec.every), float(x[row] / x[row // 2])

    def pictures(self, result):
        source, turned = fingerprint(result.spec), ("alignment", "Alignment with the top eigenvector")
        cosines = tuple(self._cosine(result, name) for name in ("SAM", "GD"))
        return (
            Chart("plane", "In the plane of minima", "x₁", "x₂", self._paths(result), CAPTIONS[0], source=source),
            Chart(*turned, "step", "|cos(g, v₁)|", cosines, CAPTIONS[1], True, y_range=(0, 1.05), source=source),
        )

    def _paths(self, result: Result) -> tuple[Line, ...]:
        """In the plane: the runs' paths, what theory says of them, and the three minimizers."""
        names = [name for name in self.ensembles() if name != "GD"]
        measured = [
            _curve(WORDS.get(name, name), self._path(result, name), LOOKS[name].colour, when=result.over(name, "step"))
            for name in names
        ]
        predicted = [
            _curve(f"{name}, theory", self.drift(name), LOOKS[name].colour, "dash", theory=True) for name in names
        ]
        return (*measured, *predicted, *map(_minimizer, ("SAM", "1-SAM", "ascent")))

    def _cosine(self, result: Result, name: str) -> Line:
        """Of the gradient with the top eigenvector, in an ensemble's first run."""
        steps, cosine = result.over(name, "step"), result.over(name, "cos_g")[:, 0]
        return Line(WORDS.get(name, name), steps, cosine, LOOKS[name].colour, marker="")

    def _path(self, result: Result, name: str) -> np.ndarray:
        """[T, 2]: x1 and x2 of an ensemble's first run."""
        theta = result.over(name, "theta")
        return theta[:, 0, :2] if theta.ndim == 3 else np.zeros((0, 2))

    def _end(self, result: Result, name: str) -> np.ndarray:
        """[R, 2]: x1 and x2 at the end, for 1-SAM as the mean over the second half."""
        theta = result.over(name, "theta")
        if theta.ndim != 3:
            return np.full((1, 2), np.nan)
        return (theta[len(theta) // 2 :].mean(0) if name == "1-SAM" else theta[-1])[:, :2]

    def _at(self, result: Result, name: str, step: int) -> np.ndarray:
        """[R, 2]: x1 and x2 at a measured step; NaN before a run has come to it."""
        theta = result.over(name, "theta")
        return theta[result.over(name, "step") == step][0, :, :2] if theta.ndim == 3 else np.full((1, 2), np.nan)


def _apart(ends: np.ndarray, which: str) -> np.ndarray:
    """[R]: the distances of points [R, 2] from one of the three minimizers."""
    return np.linalg.norm(ends - np.array(theory.TWO_CURVATURES[which]), axis=1)


def _curve(
    label: str,
    points: np.ndarray,
    colour: str,
    dash: str = "solid",
    marker: str = "",
    theory: bool = False,
    when: np.ndarray | None = None,
) -> Line:
    """Points [T, 2] of the plane, with the steps of a run that was at them."""
    return Line(label, points[:, 0], points[:, 1], colour, dash, marker, theory=theory, when=when)


def _minimizer(name: str) -> Line:
    """The place in the plane where what a variant minimizes is least."""
    (words, which), look = LEAST[name], LOOKS[name]
    return _curve(f"least {words}", np.array([theory.TWO_CURVATURES[which]]), look.colour, "none", look.marker)


def late_mean(values: np.ndarray) -> np.ndarray:
    """[R]: the mean over the second half of the measurements [T, R]; NaN before all are there."""
    return values[len(values) // 2 :].mean(0) if len(values) else np.full(1, np.nan)


def spreads(rows: dict[str, list[np.ndarray]]) -> tuple[Line, ...]:
    """By ensemble, a point for each of some quantities [R], with its range."""
    lines = []
    for i, (name, values) in enumerate(rows.items()):
        low, middle, high = (np.array([f(v) for v in values]) for f in (np.min, np.median, np.max))
        x = np.arange(len(values)) + 0.08 * (i - 1)
        lines.append(
            Line(WORDS.get(name, name), x, middle, LOOKS[name].colour, "none", LOOKS[name].marker, (low, high))
        )
    return tuple(lines)
