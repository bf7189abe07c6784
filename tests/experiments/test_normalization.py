"""Paper 1's experiments: what they claim, that wrong rules fail it, and their theory against plain simulations."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from engine.experiments import Check, theory
from engine.experiments.lab import Lab
from engine.experiments.normalization import Drift
from engine.experiments.sensing import Sensing
from engine.experiments.stability import Stability
from engine.experiments.trainability import Trains
from engine.figures.drawing import Chart
from engine.records import Result
from engine.rules import SAM, SGD, SSAM, USAM, RandomDirection, Rule
from engine.rules.rule import along
from engine.spec import encode
from tests.trials import failing, outcome, performed, spoilt, swapped, verdicts

pytestmark = pytest.mark.xdist_group("normalization")
ALL = (Stability(), Drift(), Trains(), Sensing())


@pytest.mark.parametrize("experiment", ALL, ids=lambda e: type(e).__name__)
def test_what_is_claimed_holds(experiment):
    found = verdicts(experiment, performed(experiment))
    assert set(found) == {"holds"}, found


@pytest.mark.parametrize(
    "experiment", [Drift(eta=0.1, rho=0.3), Drift(eta=0.07, rho=0.08), Drift(eta=0.03, rho=0.5)], ids=repr
)
def test_theory_holds_at_other_settings(experiment):
    assert set(verdicts(experiment, performed(experiment))) <= {"holds", "not applicable"}
    assert verdicts(experiment, performed(experiment))[:4] == ["holds"] * 4


@pytest.mark.parametrize("lam, rho", [(20.0, 0.01), (50.0, 0.01), (50.0, 0.2)])
def test_stability_where_curvatures_are_far_apart(lam, rho):
    """There SAM's perturbation would long point along y, if the runs had a part along it; and USAM's threshold lies
    far below gradient descent's."""
    assert verdicts(Stability(lam, rho), performed(Stability(lam, rho))) == ["holds"] * 7


SWAPS = [
    (Stability(), "SAM", "USAM", {3, 5}),
    (Stability(), "USAM", "SAM", {1, 2, 6}),
    (Stability(), "SSAM", "SAM", {6}),
    (Stability(), "SSAM", "USAM", {4}),
    (Drift(), "SAM", "USAM", {3, 4}),
    (Drift(), "USAM", "SAM", {1}),
    (Drift(), "USAM", "GD", {1}),
    (Drift(), "SSAM", "SAM", {2}),
    (Drift(), "SSAM", "GD", {2}),
    (Drift(), "GD", "SSAM", {0}),
    (Trains(), "SAM", "USAM", {0, 1}),
    (Trains(), "USAM", "SAM", {0, 1}),
    (Sensing(), "SAM", "USAM", {1}),
    (Sensing(), "SAM", "GD", {0, 1, 3}),
    (Sensing(), "USAM", "SAM", {2}),
]


@pytest.mark.parametrize(
    "experiment, ensemble, other, red", SWAPS, ids=lambda v: v if isinstance(v, str) else type(v).__name__
)
def test_swapped_rules_fail(experiment, ensemble, other, red):
    assert red <= set(failing(experiment, swapped(experiment, {ensemble: other})))


@dataclass(frozen=True)
class Downhill(Rule):
    """SAM with the wrong sign."""

    def direction(self, step, memory):
        return step.gradient(along(step.w, step.g, -0.1)), memory


SPOILT = [
    ("SAM", Downhill(), {3, 4}),
    ("SAM", SAM(0.08), {3, 4}),
    ("SAM", RandomDirection(0.1), {3, 4}),
    ("SAM", SSAM(SAM(0.1)), {3, 4}),
    ("USAM", USAM(0.12), {1}),
    ("GD", USAM(0.001), {0}),
]


@pytest.mark.parametrize("ensemble, rule, red", SPOILT, ids=lambda v: repr(v))
def test_wrong_rules_do_not_drift_as_claimed(ensemble, rule, red):
    assert set(failing(Drift(), spoilt(Drift(), lambda spec: replace(spec, rule=rule), ensemble))) == red


@pytest.mark.parametrize("rule", [USAM(0.1), USAM(0.002)], ids=repr)
def test_another_threshold_than_gradient_descents_is_seen(rule):
    assert verdicts(Stability(), spoilt(Stability(), lambda spec: replace(spec, rule=rule), "GD"))[0] == "fails"


def test_a_rule_whose_learning_rate_does_not_fall_is_seen():
    found = verdicts(Trains(), spoilt(Trains(), lambda spec: replace(spec, rule=SGD()), "USAM"))
    assert found == ["fails", "fails", "fails"]


def halved(result: Result) -> Result:
    """As it was halfway: the later half of every measurement is not known."""
    cut = {
        key: values if key.endswith("/step") else np.where(blank(values), np.nan, values)
        for key, values in result.arrays.items()
    }
    return replace(result, status="running", done=1, total=2, arrays=cut)


def blank(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1)) >= max(1, len(values) // 2)


@pytest.mark.parametrize("experiment", ALL, ids=lambda e: type(e).__name__)
def test_pictures_and_checks_at_every_stage(experiment):
    lab = Lab(experiment)
    next(new for new in lab.work() if new)
    first = {name: values.copy() for name, values in lab.arrays.items()}
    begun = outcome(encode(experiment), 1, 2, arrays=first)
    for result in (outcome(encode(experiment)), begun, halved(performed(experiment)), performed(experiment)):
        drawings = experiment.pictures(result)
        assert [d.name for d in drawings] == [d.name for d in experiment.pictures(performed(experiment))]
        assert all(d.caption and "…" not in d.caption for d in drawings)
        assert all(len(line.x) == len(line.y) for d in drawings if isinstance(d, Chart) for line in d.lines)
        if not result.complete:
            assert not {check.verdict(False) for check in experiment.checks(result)} & {"fails"}
    assert not any(d.empty for d in drawings)


@pytest.mark.parametrize(
    "experiment",
    [*ALL, Drift(steps=500), Drift(rho=0.01), Stability(50.0, 0.2), Trains(steps=30), Sensing(eta=0.01)],
    ids=repr,
)
def test_a_question_is_about_a_check(experiment):
    checks = experiment.checks(outcome(encode(experiment)))
    assert all(isinstance(check, Check) and (check.void or check.low < check.high) for check in checks)
    assert experiment.question.low < experiment.question.high and 0 <= experiment.question.check < len(checks)


@pytest.mark.parametrize(
    "experiment, void",
    [
        (Drift(steps=500), {0, 1, 2, 3, 4}),
        (Drift(rho=0.01), {3, 4}),
        (Stability(50.0, 0.2), set()),
        (Trains(steps=30), {0, 1, 2}),
        (Sensing(eta=0.01), {0, 1, 2, 3}),
    ],
    ids=repr,
)
def test_what_theory_and_trial_do_not_cover_is_not_judged(experiment, void):
    assert {
        i
        for i, verdict in enumerate(verdicts(experiment, outcome(encode(experiment), 1, 1)))
        if verdict == "not applicable"
    } == void


def path(rule: str, eta: float, rho: float, steps: int, x: float = 3.0, y: float = 10.0) -> np.ndarray:
    """[steps + 1, 2]: a rule on l(xy) in plain numbers."""

    def gradient(x, y):
        slope = x * y / math.sqrt(1 + (x * y) ** 2)
        return slope * y, slope * x

    found = [(x, y)]
    for _ in range(steps):
        g = gradient(x, y)
        length = math.hypot(*g) + 1e-300
        reach = {"GD": 0.0, "USAM": rho}.get(rule, rho / length)
        u = gradient(x + reach * g[0], y + reach * g[1])
        scale = length / (math.hypot(*u) + 1e-300) if rule == "SSAM" else 1.0
        x, y = x - eta * scale * u[0], y - eta * scale * u[1]
        found.append((x, y))
    return np.array(found)


@pytest.mark.parametrize("eta, rho", [(0.03, 0.1), (0.05, 0.1), (0.1, 0.1), (0.05, 0.02), (0.05, 0.3), (0.1, 0.5)])
def test_where_the_rules_stop(eta, rho):
    ends = {rule: abs(path(rule, eta, rho, round(20 / eta**2))[-1, 1]) for rule in ("GD", "USAM", "SSAM")}
    assert ends["GD"] == pytest.approx(theory.product_stop_gd(eta), abs=5e-4)
    assert 0 <= theory.product_stop_usam(eta, rho) - ends["USAM"] < 0.03
    assert ends["SSAM"] == pytest.approx(theory.product_stop_ssam(eta, rho), abs=0.025)


def test_the_passage_of_ssam():
    """By Euler's method with steps so small that the last digit claimed is not theirs."""
    e, dt = 6.0, 1e-4
    s = math.sqrt(e / 2)
    for _ in range(400_000):
        s, e = s + dt * s * (e - 2 * s * s), e - dt * s
    assert s < 1e-6 and -e == pytest.approx(theory.PASSAGE, abs=2e-4)


@pytest.mark.parametrize(
    "eta, rho, within", [(0.05, 0.1, 0.012), (0.03, 0.05, 0.01), (0.1, 0.1, 0.02), (0.05, 0.3, 0.04)]
)
def test_the_drift_of_sam_from_its_settings_alone(eta, rho, within):
    """The whole curve, from the start on; and its rate on the cycle, apart from what was lost on the way there."""
    step, first = theory.product_valley(3, 10, eta)
    assert first == math.sqrt(91) and step == pytest.approx(0.3 / eta)
    steps = np.arange(50, round(40 / (eta * rho**2) ** 0.5))
    drift, true = theory.product_drift_sam(first, eta, rho, steps[-1]), np.abs(path("SAM", eta, rho, steps[-1])[:, 1])
    assert np.abs(drift[steps - round(step)] / true[steps] - 1).max() < within
    middle = len(steps) // 2
    again = theory.product_drift_sam(true[middle], eta, rho, middle)
    assert again[middle] == pytest.approx(true[2 * middle], rel=5e-3)


def test_the_drift_of_sam_where_the_minimum_is_flat():
    """The paper's formula in its limit."""
    eta, rho, y = 0.05, 0.1, 0.05
    assert theory.product_drift_sam(y, eta, rho, 1)[1] == pytest.approx(
        y * (1 - eta * rho**2 / (1 - eta * y**2 / 2) ** 2), rel=1e-7
    )
    assert len(theory.product_drift_sam(y, eta, rho, 0)) == 1


@pytest.mark.parametrize("lam, rho", [(10.0, 0.05), (10.0, 0.5), (3.0, 1.0)])
def test_thresholds(lam, rho):
    """By bisection of the factor by which a step multiplies x."""

    def largest(factor) -> float:
        low, high = 0.0, 10.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if abs(factor(middle)) < 1 else (low, middle)
        return low

    assert theory.threshold_gd(lam) == pytest.approx(largest(lambda eta: 1 - eta * lam))
    assert theory.threshold_usam(lam, rho) == pytest.approx(largest(lambda eta: 1 - eta * lam * (1 + rho * lam)))
    assert theory.usam_edge(theory.threshold_usam(lam, rho), rho) == pytest.approx(lam)
