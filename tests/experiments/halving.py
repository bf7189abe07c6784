"""Halving: the smallest experiment, with a paper of its own, for tests of what is done with any experiment."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pytest

from engine.experiments import EXPERIMENTS, PAPERS, Check, Experiment, Paper, plan
from engine.experiments.lab import Lab
from engine.figures.drawing import Chart, Line
from engine.problems import Quadratic
from engine.records import Result
from engine.rules import SGD
from engine.spec import encode, knob
from engine.training.runs import RunSpec


@dataclass(frozen=True)
class Halving(Experiment):
    """Gradient descent on x²/2, three learning rates at once; a rate above 2 leaves the finite numbers."""

    eta: float = knob(0.5, 0.1, 10.0, "Learning rate")
    steps: int = knob(20, 2, 2000, "Steps")

    title: ClassVar = "Halving"
    claim: ClassVar = "x is multiplied by 1 − η a step."
    setup: ClassVar = "x²/2 from 1."
    source: ClassVar = "made up for this test"

    def ensembles(self):
        spec = RunSpec(
            Quadratic((1.0,), (1.0,)), SGD(), lr=self.eta, batch=0, steps=self.steps, every=10, curvature=False
        )
        return {"one": (spec,), "three": tuple(dataclasses.replace(spec, lr=self.eta * k) for k in (1, 0.5, 0.1))}

    def probe(self, name, member, spec, path):
        return {
            "ratio": float(path[-1].theta[0] / path[0].theta[0]),
            **({"end": 1.0 + member} if path[-1].step == spec.steps else {}),
        }

    def checks(self, result):
        x, expected = result.last("three", "ratio"), (1 - self.eta) ** self.steps
        return (
            Check("x shrinks as it must", f"{expected:.3g}", x[:1], 0.999 * expected, 1.001 * expected),
            Check("x grows", "more than 1", x, low=1.0, claimed=False, note="it does not"),
        )

    def pictures(self, result):
        lines = tuple(
            Line(f"run {i}", result.over("three", "step"), x, "ink")
            for i, x in enumerate(result.over("three", "ratio").T)
        )
        return (Chart("halving", "Halving", "step", "x", lines, "x over the steps."),)


@pytest.fixture(name="added")
def added_halving(monkeypatch):
    """The experiment in the tables, as a paper's only one."""
    texts = (
        "halving",
        "Halving?",
        "On halves",
        "Nobody 2026",
        "0000.00000",
        "It halves.",
        ("One.", "Two.", "Three."),
        "x/2",
    )
    paper = Paper(*texts, (Halving,), lambda spec: False)
    monkeypatch.setitem(EXPERIMENTS, "Halving", Halving)
    monkeypatch.setitem(PAPERS, "halving", paper)


def result_of(experiment):
    lab = Lab(experiment)
    list(lab.work())
    return Result(spec=encode(experiment), done=lab.done, total=lab.total, arrays=lab.arrays, runs=plan(experiment))
