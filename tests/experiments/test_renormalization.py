"""Paper 3, SSAM: what its experiments claim holds, wrong rules are found out, and the theory of saddles agrees with
a simulation."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from engine.experiments import theory
from engine.experiments.lengths import NormRatio
from engine.experiments.renormalization import PAPER, LearningRates, largest
from engine.experiments.saddle import CURVATURE, SaddleEscape
from engine.figures.theme import DASHES, MARKERS, colour
from engine.rules import SAM, SGD, SSAM, USAM, Rule
from engine.spec import encode, knob
from engine.training.runs import RunSpec, Switch
from tests.trials import failing, outcome, performed, spoilt, swapped, verdicts

pytestmark = pytest.mark.xdist_group("renormalization")
BEALE = SaddleEscape(landscape="Beale", step=0.05, rho=0.002)
ALL = [LearningRates(), NormRatio(), SaddleEscape(), BEALE]


@dataclass(frozen=True)
class Layerwise(Rule):
    """SSAM misread: every tensor's direction at the length of that tensor's gradient."""

    rho: float = knob(0.1, 0.0, 1.0, "Radius")
    formula: ClassVar = ""
    paper: ClassVar = ""

    def begin(self, theta, layout, random):
        return {
            "tensor": torch.cat([torch.full((block.size,), i) for i, block in enumerate(layout)]),
            "none": theta.new_zeros(len(layout)),
        }

    def direction(self, step, memory):
        u, _ = SAM(self.rho).direction(step, {})
        return self._lengths(step.g, memory) / (self._lengths(u, memory) + 1e-12) * u, memory

    def _lengths(self, v, memory):
        return memory["none"].index_add(0, memory["tensor"], v * v).sqrt()[memory["tensor"]]


def ruled(rule):
    return lambda spec: replace(spec, rule=rule)


@pytest.mark.parametrize("experiment", ALL, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'landscape', '')[:5]}")
def test_what_is_claimed_holds(experiment):
    assert set(verdicts(experiment, performed(experiment))) == {"holds"}


CONFUSED = [
    ({"SSAM": "SAM"}, [0, 2, 3, 4, 5]),  # also what SSAM would be if it did not rescale
    ({"SAM": "SSAM"}, [0, 1, 4, 5]),
    ({"SSAM": "SGD", "SAM": "SSAM"}, [0, 1, 2, 3, 4, 5]),
    ({"SGD": "SSAM"}, [3]),
    ({"USAM rescaled": "USAM"}, [6]),
]


@pytest.mark.parametrize("other, wrong", CONFUSED)
def test_rates_of_wrong_rules(other, wrong):
    assert failing(LearningRates(), swapped(LearningRates(), other)) == wrong


@pytest.mark.parametrize("other, wrong", [({"SSAM": "SAM"}, [0]), ({"SAM": "SSAM"}, [2, 3]), ({"SAM": "USAM"}, [2, 3])])
def test_ratios_of_wrong_rules(other, wrong):
    assert failing(NormRatio(), swapped(NormRatio(), other)) == wrong


def test_a_layerwise_rescaling_keeps_the_length_and_turns_the_direction():
    assert failing(NormRatio(), spoilt(NormRatio(), ruled(Layerwise(NormRatio().rho)), "SSAM")) == [1]


RHO = SaddleEscape().rho
ESCAPES = [
    ("GD outside", SAM(RHO), [0]),
    ("SSAM outside", SAM(RHO), [1]),
    ("SSAM outside", SSAM(SAM(RHO), shrink=True), [1]),  # near a saddle it is the factors above 1 that matter
    ("SAM outside", SSAM(SAM(RHO)), [2]),
    ("SAM outside", USAM(RHO), [2]),
    ("GD inside", SSAM(SAM(RHO)), [3]),
    ("SSAM inside", SGD(), [4, 6]),
    ("SSAM inside", SAM(RHO), [6]),
    ("SAM inside", USAM(RHO), [5]),
]


@pytest.mark.parametrize("name, rule, wrong", ESCAPES)
def test_escapes_of_wrong_rules(name, rule, wrong):
    assert failing(SaddleEscape(), spoilt(SaddleEscape(), ruled(rule), name)) == wrong


@pytest.mark.parametrize("experiment", ALL, ids=lambda e: f"{type(e).__name__}-{getattr(e, 'landscape', '')[:5]}")
def test_pictures_at_any_time(experiment):
    """Before there is a number, in the middle, with a run lost, and at the end."""
    whole = performed(experiment)
    empty = outcome(encode(experiment))
    begun = {
        key: values
        if key.endswith("/step")
        else np.where(np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1)) < 1, values, np.nan)
        for key, values in whole.arrays.items()
    }
    partial = replace(whole, status="running", done=0, arrays=begun)
    names = [drawing.name for drawing in experiment.pictures(empty)]
    for result in (empty, partial, whole):
        drawings = experiment.pictures(result)
        assert [drawing.name for drawing in drawings] == names and all(drawing.words for drawing in drawings)
        lines = [line for drawing in drawings for line in drawing.lines]
        assert {line.dash for line in lines} <= {*DASHES, "none"} and {line.marker for line in lines} <= {*MARKERS, ""}
        assert all(len(line.x) == len(line.y) and colour(line.colour) for line in lines)
    assert set(verdicts(experiment, empty)) == set(verdicts(experiment, partial)) == {"pending"}
    assert not any(drawing.empty for drawing in experiment.pictures(whole))


def test_runs_that_are_lost_have_not_learnt():
    """All of SSAM's runs diverge: chance, a failure, and no gap in the picture."""
    whole = performed(LearningRates())
    lost = {
        key: np.full_like(values, np.nan)
        for key, values in whole.arrays.items()
        if key.startswith("SSAM/test_accuracy")
    }
    result = replace(whole, arrays=whole.arrays | lost)
    assert failing(LearningRates(), result) == [0, 2, 3, 4, 5] and (LearningRates().errors(result, "SSAM") == 0.9).all()


@pytest.mark.parametrize(
    "errors, expected",
    [
        ([[0.05, 0.05], [0.05, 0.2], [0.9, 0.05]], [2, 4]),  # the largest, whatever lies below it
        ([[0.1, 0.9], [0.9, 0.9], [0.9, 0.9]], [0, 0]),
        ([[0.05, np.nan], [0.05, 0.05], [0.05, 0.05]], [4, np.nan]),
    ],
)
def test_largest(errors, expected):
    np.testing.assert_array_equal(largest(np.array([1.0, 2.0, 4.0]), np.array(errors)), expected)


def test_sizes_and_settings():
    """Full size has more seeds and a finer grid; what is only measured is claimed for the usual settings alone."""
    full = LearningRates(size="full")
    assert len(full.grid) == 11 and len(full.ensembles()["SAM"]) == 88 and full.grid[0] == 2 and full.grid[-1] == 8
    other = LearningRates(rho=0.1, rates=(1.0, 0.5, 0.5))
    assert list(other.grid) == [0.5, 1.0] and set(verdicts(other, outcome(encode(other)))) == {"not applicable"}
    assert verdicts(NormRatio(rho=0.3), outcome({}))[:2] == ["pending"] * 2
    assert (
        PAPER.speaks(RunSpec(rule=SSAM()))
        and PAPER.speaks(RunSpec(rule=SGD(), then=(Switch(SSAM(), 5),)))
        and not PAPER.speaks(RunSpec())
    )


def simulated(rule, w, step, rho, steps):
    """[steps + 1, 2]: the rule on (x² - y²)/2, in plain numpy."""
    hessian, path = np.array([1.0, -1.0]), [np.array(w)]
    for _ in range(steps):
        g = hessian * path[-1]
        u = g if rule == "GD" else hessian * (path[-1] + rho * g / np.linalg.norm(g))
        u = u * np.linalg.norm(g) / np.linalg.norm(u) if rule == "SSAM" else u
        path.append(path[-1] - step * u)
    return np.array(path)


@pytest.mark.parametrize("step", [0.005, 0.02, 0.2])
def test_the_theory_of_saddles(step):
    for rule, rho in (("GD", 0.0), ("SSAM", 0.0), ("SAM", 1.0)):
        path = simulated(rule, (0.0, 2.0), step, 1.0, 50)[:, 1]
        np.testing.assert_allclose(path, theory.saddle_path(2.0, step, rho, 50), rtol=1e-9)
        steps = theory.saddle_steps(2.0 - rho, path[-1] - rho, step)
        assert steps == pytest.approx(50)
    end = np.linalg.norm(simulated("SSAM", (0.1, 0.5), step, 1.0, round(8 / step))[[-2, -1]], axis=1)
    assert end[1] / end[0] == pytest.approx(theory.saddle_sink(step), rel=1e-5)


def test_curvature_at_the_saddles():
    """By central differences of the engine's own functions."""
    for name, at in zip(CURVATURE, [(0.0, 0.0), (0.0, 1.0)], strict=True):
        problem = SaddleEscape(landscape=name).ensembles()["GD inside"][0].problem
        hessian = torch.autograd.functional.hessian(
            lambda w, problem=problem: problem.loss(w, None, None), torch.tensor(at, dtype=torch.float64)
        )
        np.testing.assert_allclose(np.linalg.eigvalsh(hessian.numpy()), [-CURVATURE[name], CURVATURE[name]], rtol=1e-12)
        far = np.linalg.norm(np.array(problem.begin) - at)
        assert far == pytest.approx(RHO * np.hypot(0.5, 0.1))
