"""The quadratic: what theory predicts of each rule against closed forms, and against the rule's own runs."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.encyclopedia.quadratic import STEPS, TOP, Trial, cycle, path, radii, threshold, trace
from engine.problems import Quadratic
from engine.rules import RULES, SAM, SGD, SSAM, USAM, RandomDirection, UnifiedSAM
from engine.spec import picked
from engine.training.runs import RunSpec
from tests.drive import frames
from tests.family import suits

BOUNDS = {
    SGD(): 2 / TOP,
    RandomDirection(0.1): 2 / TOP,
    **{SAM(rho): 2 / TOP for rho in (0.05, 0.2)},
    **{USAM(rho): 2 / (TOP + rho * TOP**2) for rho in (0.05, 0.5)},
    **{SSAM(rule): 2 / TOP for rule in (SAM(0.05), USAM(0.1))},
    UnifiedSAM(0.1, 0.5): 2 / (TOP + 0.1 * (1 - 0.5) * TOP**2),
}
"""The largest stable learning rate where the largest eigenvalue is TOP (Dai, Ahn & Sra 2023; the mixtures by the
same argument)."""


def run(rule, lr: float, steps: int) -> np.ndarray:
    return path(
        RunSpec(Quadratic((TOP, 1.0), (1.0, 1.0)), rule, lr=lr, batch=0, steps=steps, every=steps, curvature=False)
    )


def measured(rule, near: float) -> float:
    """The learning rate at which 400 steps begin to leave, by bisection to 0.2%."""

    def stays(lr: float) -> bool:
        return bool((np.abs(run(rule, lr, 400)) < 100).all())

    low, high = 0.95 * near, 1.05 * near
    assert stays(low) and not stays(high)
    while high > 1.002 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if stays(middle) else (low, middle)
    return math.sqrt(low * high)


def test_every_rule_that_has_a_theory_is_checked():
    assert {type(rule) for rule in BOUNDS} == {cls for cls in RULES.values() if math.isfinite(threshold(cls(), TOP))}
    assert {name for name, cls in RULES.items() if cls.theory} <= {type(rule).__name__ for rule in BOUNDS}


@pytest.mark.parametrize("rule", BOUNDS, ids=repr)
def test_threshold(rule):
    assert threshold(rule, TOP) == pytest.approx(BOUNDS[rule], rel=1e-12)


@pytest.mark.parametrize("rule", [RandomDirection(0.1), SSAM(USAM(0.1)), UnifiedSAM(0.1, 0.5)], ids=repr)
def test_threshold_is_where_runs_leave(rule):
    """For the rules on which `tests/rules/test_rules.py` does not measure it."""
    assert measured(rule, BOUNDS[rule]) == pytest.approx(threshold(rule, TOP), rel=0.01)


@pytest.mark.parametrize("eta", [0.3, 0.85])
@pytest.mark.parametrize(
    "rule",
    [SAM(0.05), SAM(0.5), UnifiedSAM(0.02, 0.5), UnifiedSAM(0.1, 1.0), SSAM(SAM(0.1)), USAM(0.005), SGD()],
    ids=repr,
)
def test_cycle(rule, eta):
    """Its radius is eta rho lam / (2 - eta lam) for SAM, and where a part of the perturbation is not normalized,
    that part adds to the curvature."""
    lr, rho, lam = eta * 2 / TOP, getattr(rule, "rho", 0.0), getattr(rule, "lam", 1.0)
    fixed = rho * lam if isinstance(rule, SAM | UnifiedSAM) else 0.0
    radius = lr * fixed * TOP / (2 - lr * (TOP + rho * (1 - lam) * TOP**2)) if fixed else 0.0
    assert cycle(rule, lr, TOP) == pytest.approx(radius, rel=1e-9, abs=1e-12)
    last = run(rule, lr, 600)[-2:]
    if radius:
        assert last[:, 0] == pytest.approx(np.sign(last[:, 0]) * radius, rel=1e-6)
        assert last[0, 0] * last[1, 0] < 0
    assert np.linalg.norm(last, axis=1) == pytest.approx(np.full(2, radius), rel=1e-6, abs=1e-2)


@pytest.mark.parametrize("rule", [USAM(0.1), SAM(0.1), SGD()], ids=repr)
def test_no_cycle_is_claimed_beyond_the_threshold(rule):
    bound = threshold(rule, TOP)
    assert math.isnan(cycle(rule, 1.01 * bound, TOP))
    assert math.isfinite(cycle(rule, 0.99 * bound, TOP))


def test_no_cycle_is_claimed_of_noise():
    assert math.isnan(cycle(RandomDirection(0.1), 0.1, TOP))


@pytest.mark.parametrize("name", [name for name in RULES if suits(RULES[name](), Quadratic())])
def test_a_path_is_a_run_of_the_engine(name):
    spec = Trial(0.6, 0.2).spec(RULES[name]())
    assert spec.lr == pytest.approx(0.12)
    assert set(nested(spec.rule, "rho")) <= {0.2}
    run = frames(replace(spec, every=1))
    assert np.array_equal(path(spec), np.stack([frame.theta[0].numpy() for frame in run]))
    assert len(run) == STEPS + 1


def test_a_trace_holds_every_learning_rate_of_its_slider():
    found = trace(SAM(), Trial(0.6, 0.2))
    assert (found.rates.min(), found.rates.max()) == pytest.approx((0.02, 0.24))
    for lr, end, radius in zip(found.rates, found.ends, found.cycles, strict=True):
        assert end == abs(run(SAM(0.2), float(lr), STEPS)[-1, 0])
        assert radius == pytest.approx(lr * 0.2 * TOP / (2 - lr * TOP), rel=1e-9) if lr < 0.1999 else math.isnan(radius)
    assert (found.threshold, found.cycle) == pytest.approx((0.2, 0.12 * 0.2 * TOP / (2 - 0.12 * TOP)))
    assert np.array_equal(found.path, path(Trial(0.6, 0.2).spec(SAM())))


def nested(rule, name: str) -> list[float]:
    """A field's value wherever it stands in a rule and in what it picks."""
    inner = list(picked(rule).values())
    own = [getattr(rule, name)] if hasattr(rule, name) else []
    return own + [value for one in inner for value in nested(one, name)]


def test_rules_without_a_radius_have_none():
    assert radii(SGD()) == []
    assert radii(SSAM(SAM())) == ["rule.rho"]
