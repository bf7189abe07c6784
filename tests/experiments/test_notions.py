"""Which sharpness? The checks hold, other rules turn them red, and the drifts that theory predicts agree with
simulations that share no code."""

import math
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from engine.curvature import Hessian, dense
from engine.experiments import PAPERS, theory
from engine.experiments.eigenvector import NETWORK, Alignment
from engine.experiments.experiment import Point
from engine.experiments.lab import Lab
from engine.experiments.minimizers import WhichSharpness
from engine.experiments.notions import Notions
from engine.problems import TwoCurvatures, parts
from engine.rules import MSAM, SAM, SGD, USAM
from engine.spec import encode
from tests.trials import outcome, performed, spoilt, verdicts

pytestmark = pytest.mark.xdist_group("notions")

QUICK = [WhichSharpness(), Notions(), Alignment()]
each = pytest.mark.parametrize("experiment", QUICK, ids=lambda e: type(e).__name__)
H, F = "holds", "fails"
E = "either"
"""Of a check that a wrong rule brings so close to its bound that the CPU's rounding decides."""


@each
def test_what_is_claimed_holds(experiment):
    checks = experiment.checks(performed(experiment))
    assert [check.claim for check in checks if check.claimed and check.verdict() != H] == [] and sum(
        check.claimed for check in checks
    ) >= 2


WRONG = [
    (WhichSharpness(), lambda s: replace(s, rule=SGD()), ("SAM",), [F, H, H, F, F, H]),
    (WhichSharpness(), lambda s: replace(s, rule=USAM(0.1)), ("SAM",), [F, H, H, F, F, H]),
    (WhichSharpness(), lambda s: replace(s, batch=0), ("1-SAM",), [H, F, F, H, H, H]),
    (WhichSharpness(), lambda s: replace(s, rule=SAM(0.1)), ("GD",), [H, H, H, H, H, F]),
    (Notions(), lambda s: replace(s, rule=SGD()), ("SAM",), [F, H, H, F, H, H, H, H]),
    (Notions(), lambda s: replace(s, rule=SAM(0.1)), ("1-SAM",), [H, H, F, H, H, H, H, H]),
    (Notions(), lambda s: replace(s, rule=SAM(0.1)), ("GD",), [F, E, H, H, F, H, H, H]),
    (Alignment(), lambda s: replace(s, rule=SGD()), ("SAM",), [F, H]),
    (Alignment(), lambda s: replace(s, rule=SAM(0.1)), ("GD",), [H, F]),
]


@pytest.mark.parametrize("experiment, change, ensembles, expected", WRONG)
def test_another_rule_fails(experiment, change, ensembles, expected):
    claimed = [check.claimed for check in experiment.checks(performed(experiment))]
    found = verdicts(experiment, spoilt(experiment, change, *ensembles))
    found = [verdict for verdict, must in zip(found, claimed, strict=True) if must]
    assert len(found) == len(expected) and all(want in (E, got) for want, got in zip(expected, found, strict=True))


def measured(experiment, ensembles, probe) -> dict[str, np.ndarray]:
    """The arrays of an experiment with other runs or another probe."""
    lab = Lab(cast(Any, SimpleNamespace(ensembles=lambda: ensembles, probe=probe, separately=False)))
    deque(lab.work(), maxlen=0)
    return lab.arrays


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, problem=TwoCurvatures(), lr=0.01),
        lambda s: replace(s, problem=TwoCurvatures(), lr=0.01, rule=SAM(0.1)),
        lambda s: replace(s, lr=2e-3),
    ],
    ids=["gradient descent", "SAM", "at a large learning rate"],
)
def test_another_descent_is_not_that_on_the_ascent_loss(change):
    """It belongs to the full size alone, and wrong ones are so fast that a few steps tell; the whole run is kept
    with the tables."""
    full = WhichSharpness(size="full")
    spec = replace(change(full.ensembles()["ascent"][0]), steps=6000)
    result = outcome(
        encode(full), 1, 1, arrays=performed(WhichSharpness()).arrays | measured(full, {"ascent": (spec,)}, full.probe)
    )
    check = full.checks(result)[-1]
    assert "ascent loss" in check.claim and check.claimed and check.verdict() == F and np.isfinite(check.measured)


def test_rises_at_another_radius_are_not_what_the_hessian_says():
    """The relations between the notions and the Hessian go red where the one is measured at a radius that the other
    does not know of."""
    usual, wrong = Notions(), Notions(rho=0.2)
    arrays = performed(usual).arrays | measured(usual, {"GD": usual.ensembles()["GD"]}, wrong.probe)
    found = verdicts(usual, outcome(encode(usual), 1, 1, arrays=arrays))
    assert found[5:8] == [F] * 3


def test_the_hessian_beside_the_notions():
    """Its eigenvalue, trace and curvature along the gradient, where the gradient descent of one seed is measured,
    against the whole matrix."""
    experiment = Notions()
    spec, seen = experiment.ensembles()["GD"][0], {}

    def probe(*run):
        more = experiment.probe(*run)
        return more if not more else seen.setdefault("at", (run[-1][-1].theta, more))[1]

    measured(experiment, {"GD": (spec,)}, probe)
    theta, more = seen["at"]
    hessian = Hessian(parts(NETWORK, NETWORK.load("train")), theta)
    *_, (_, matrix) = dense(hessian, len(theta), theta)
    g = hessian.gradient.double().numpy()
    assert more["top"] == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-3) and more["trace"] == pytest.approx(
        np.trace(matrix), rel=0.1
    )
    assert more["along"] == pytest.approx(g @ matrix @ g / (g @ g), rel=1e-3) and more["slope"] == pytest.approx(
        np.linalg.norm(g), rel=1e-6
    )


def test_where_the_loss_is_no_number_nothing_is_measured():
    spec = Notions().ensembles()["SAM"][0]
    theta = torch.full((NETWORK.size(),), 3e38) * torch.tensor([1.0, -1.0]).repeat(NETWORK.size() // 2)
    assert torch.isfinite(theta).all() and not NETWORK.loss(theta, *NETWORK.load("train")) <= Notions().loss
    assert Notions().probe("SAM", 0, spec, [Point(0, theta)]) == {}


@pytest.mark.parametrize("eta, rho", [(0.002, 0.2), (0.03, 0.2), (0.002, 0.02)])
def test_drifts_are_as_fast_as_theory_says_at_other_settings(eta, rho):
    other = WhichSharpness(eta=eta, rho=rho)
    assert verdicts(other, performed(other))[2:] == [H] * 4 and set(verdicts(other, performed(other))[:2]) == {
        "not applicable"
    }


@each
def test_pictures_before_during_and_after(experiment):
    whole, spec = performed(experiment), encode(experiment)
    begun = {
        key: v if key.endswith("/step") else np.where(np.arange(len(v)) < 2, v.T, np.nan).T
        for key, v in whole.arrays.items()
    }
    part = outcome(spec, 1, 2, arrays=begun)
    one = outcome(spec, 1, 2, arrays={key: values for key, values in whole.arrays.items() if key.startswith("SAM/")})
    for result in (outcome(spec), part, one):
        assert {check.verdict(False) for check in experiment.checks(result)} <= {"pending", "holds", "fails"}
        assert all(drawing.words and drawing.title for drawing in experiment.pictures(result))
    assert {check.verdict(False) for check in experiment.checks(outcome(spec))} == {"pending"}
    names = [drawing.name for drawing in experiment.pictures(whole)]
    assert not any(drawing.empty for drawing in experiment.pictures(whole)) and len(set(names)) == len(names)


@each
@pytest.mark.parametrize("full", [False, True])
def test_other_settings_void_what_is_claimed_of_the_usual_ones(experiment, full):
    other = replace(experiment, rho=0.15, size="full" if full else "quick")
    usual = replace(experiment, size="full" if full else "quick")
    assert not any(check.void for check in usual.checks(outcome(encode(usual))))
    assert any(check.void for check in other.checks(outcome(encode(other))))
    assert {type(spec.problem).__name__ for specs in usual.ensembles().values() for spec in specs} <= {
        "TwoCurvatures",
        "Classification",
    }


def test_the_minimizers():
    """On a fine grid of the unit square."""
    a, b = np.meshgrid(np.linspace(0, 1, 1001), np.linspace(0, 1, 1001), indexing="ij")
    first, second = a**2 + 6 * b**2 + 8, 4 * (1 - a) ** 2 + (1 - b) ** 2 + 1
    for name, f in {
        "largest": np.maximum(first, second),
        "smallest": np.minimum(first, second),
        "sum": first + second,
    }.items():
        at = np.unravel_index(f.argmin(), f.shape)
        assert theory.TWO_CURVATURES[name] == pytest.approx((a[at], b[at]), abs=1e-3)


def descended(name: str, eta: float, rho: float, steps: int) -> np.ndarray:
    """[2]: x1 and x2 after the steps, in plain NumPy."""
    x, random = np.array([0.5, 0.5, 0.1, 0.1]), np.random.default_rng(0)

    def gradient(x, weights):
        a, b, *across = x
        f = np.array([a**2 + 6 * b**2 + 8, 4 * (1 - a) ** 2 + (1 - b) ** 2 + 1])
        squares = weights * np.square(across)
        along = squares @ np.array([[2 * a, 12 * b], [-8 * (1 - a), -2 * (1 - b)]])
        return np.concatenate([along, 2 * weights * f * across])

    for _ in range(steps):
        weights = np.array([1.0, 1.0]) if name == "SAM" else np.array([2.0, 0.0])[:: random.choice([1, -1])]
        g = gradient(x, weights)
        x = x - eta * gradient(x + rho * g / np.linalg.norm(g), weights)
    return x[:2]


@pytest.mark.parametrize(
    "name, eta, rho", [("SAM", 0.01, 0.1), ("SAM", 0.004, 0.15), ("1-SAM", 0.003, 0.1), ("1-SAM", 0.006, 0.05)]
)
def test_drifts(name, eta, rho, steps=8000):
    """Simulated step by step from the same start, with terms drawn at random: 3% of the way, for the time that it
    takes to come to the cycle."""
    path = theory.two_curvatures_drift(name, eta, rho, steps)
    assert path[0].tolist() == [0.5, 0.5] and np.linalg.norm(path[-1] - 0.5) > 0.2
    assert descended(name, eta, rho, steps) == pytest.approx(path[-1], abs=0.03 * math.dist(path[-1], path[0]))


def test_drifts_come_to_the_minimizers():
    """In the limit of small learning rates; descent on the ascent loss at the rates of F2's second derivatives, 8
    and 2."""
    for name, which in (("SAM", "largest"), ("1-SAM", "sum"), ("ascent", "smallest")):
        assert theory.two_curvatures_drift(name, 1e-5, 0.1, 100_000_000, 5000)[-1] == pytest.approx(
            theory.TWO_CURVATURES[which], abs=1e-3
        )
    time = 2e-5 * 0.3**2 * 600_000
    end = theory.two_curvatures_drift("ascent", 2e-5, 0.3, 600_000)[-1]
    assert end == pytest.approx([1 - math.exp(-8 * time) / 2, 1 - math.exp(-2 * time) / 2], abs=1e-3)


def test_the_card():
    paper = PAPERS["notions"]
    assert all([paper.claim, *paper.mechanism, paper.formula]) and paper.experiments == (
        WhichSharpness,
        Notions,
        Alignment,
    )
    spec = Notions().ensembles()["GD"][0]
    assert (
        not paper.speaks(spec) and paper.speaks(replace(spec, rule=SAM())) and paper.speaks(replace(spec, rule=MSAM()))
    )
