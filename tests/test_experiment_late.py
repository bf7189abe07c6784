"""Paper 5, late SAM: what its experiments claim holds, runs that are not what they should be are found out, and what the lines rest on."""

from dataclasses import replace

import numpy as np
import pytest

from engine import theory
from engine.experiments.late import PAPER, SwitchTime, WhereItFails
from engine.experiments.valley import DENSE, EPOCH, TwoPhases, apart, barrier, reordered, runs, together
from engine.figures.drawing import Chart
from engine.models import MLP
from engine.problem import Classification, evaluate
from engine.records import Result
from engine.rules import SAM, SGD, USAM
from engine.runs import RunSpec, Switch
from engine.spec import encode
from tests.trials import performed, spoilt, verdicts

pytestmark = [pytest.mark.xdist_group("late"), pytest.mark.timeout(600)]
ALL = [SwitchTime(), TwoPhases(), WhereItFails()]


def named(experiment):
    return type(experiment).__name__


def failing(experiment, result):
    """The positions of the claimed checks that fail."""
    pairs = zip(experiment.checks(result), verdicts(experiment, result), strict=True)
    return [i for i, (check, verdict) in enumerate(pairs) if check.claimed and verdict == "fails"]


@pytest.mark.parametrize("experiment", ALL, ids=named)
def test_what_is_claimed_holds(experiment):
    result = performed(experiment)
    assert failing(experiment, result) == [] and any(check.claimed for check in experiment.checks(result))


def never(spec):
    """SGD goes on."""
    return replace(spec, then=())


def kept(spec):
    """The momentum is kept at the switch."""
    return replace(spec, then=tuple(replace(switch, restart=False) for switch in spec.then))


def ruled(rule):
    """Another rule in place of SAM, in whichever phase."""

    def swap(old):
        return rule if isinstance(old, SAM) else old

    return lambda spec: replace(spec, rule=swap(spec.rule), then=tuple(replace(switch, rule=swap(switch.rule)) for switch in spec.then))


def arrived(spec):
    """SGD, measured as SAM would be: the phases stay, so that there is still a measurement at the switch."""
    return ruled(SGD())(spec)


SPOILT = [
    (TwoPhases(), arrived, ("late, seed 0", "late, seed 1", "late, seed 2"), {0, 2, 3}),
    (TwoPhases(), ruled(SAM(0.0)), ("quadratic",), {6}),
    (TwoPhases(), ruled(USAM(0.1)), ("quadratic",), {6}),
    (TwoPhases(), never, ("quadratic",), {6}),
    (TwoPhases(), kept, ("quadratic",), {6}),
]


@pytest.mark.parametrize("experiment, change, ensembles, red", SPOILT)
def test_a_wrong_run_is_found_out(experiment, change, ensembles, red):
    """SGD that goes on or SAM without a radius, another rule, or a momentum that survives the switch: exactly these checks see it."""
    assert set(failing(experiment, spoilt(experiment, change, *ensembles))) == red


SWAPPED = [
    (SwitchTime(), {"last 20": "SGD"}, {0, 1, 2}),  # the switch never happens
    (SwitchTime(), {"last 20": "early"}, {0, 2}),  # the rules in the wrong order
    (SwitchTime(), {"SAM": "SGD", "last 20": "SGD", "early": "SGD"}, {1, 2}),  # SAM with a radius of 0
    (SwitchTime(), {"early": "SAM"}, {2}),  # early SAM never ends
    (WhereItFails(), {"cut rate, late": "cut rate, SAM"}, {0}),
]


@pytest.mark.parametrize("experiment, swaps, red", SWAPPED)
def test_runs_in_the_place_of_others_are_found_out(experiment, swaps, red):
    result = performed(experiment)
    arrays = {key.replace(name, to): values for to, name in swaps.items() for key, values in result.arrays.items() if key.startswith(f"{name}, seed")}
    assert red <= set(failing(experiment, replace(result, arrays=result.arrays | arrays)))


def test_a_barrier_is_found_out():
    """The line to the end, with the loss on it that leads to the end in another order; and the control without its barrier."""
    experiment, result = TwoPhases(), performed(TwoPhases())
    for to, name, red in (("line", "other", [4]), ("other", "line", [5])):
        arrays = {key.replace(f"/{name} ", f"/{to} "): values for key, values in result.arrays.items() if f"/{name} " in key}
        assert len(arrays) == 33 and failing(experiment, replace(result, arrays=result.arrays | arrays)) == red


def test_the_line_is_straight_and_starts_at_the_switch():
    """Its ends have the losses that training measured there, and its middle is nowhere before the end."""
    result, spec = together(performed(TwoPhases()), ["late"], False), TwoPhases().ensembles()["late, seed 0"][0]
    steps, loss = result.over("late", "step"), result.over("late", "train_loss")
    assert result.last("late", "line 0") == pytest.approx(loss[steps == TwoPhases().start][0], rel=1e-5)
    assert result.last("late", "line 10") == pytest.approx(loss[-1], rel=1e-5)
    assert result.last("late", "other 10") == pytest.approx(loss[-1], rel=1e-4)
    assert np.isnan(result.over("late", "line 3")[:-1]).all() and set(TwoPhases().start + np.array(DENSE)) <= set(steps.tolist())
    assert spec.phases[1].start == 20 * EPOCH and [phase.restart for phase in spec.phases] == [True, True, *[False] * len(DENSE)]


def test_another_order_is_the_same_function_elsewhere():
    problem = Classification(model=MLP(16, 2))
    theta, data = problem.start(3), problem.load("train")
    other = reordered(theta, problem.layout, 0)
    assert evaluate(problem, other, data) == pytest.approx(evaluate(problem, theta, data), rel=1e-5)
    assert (other - theta).norm() > 0.5 * theta.norm() and other.norm().item() == pytest.approx(theta.norm().item(), rel=1e-6)


def test_a_barrier_is_relative_to_the_higher_end():
    arrays = {f"late/line {i}": np.array([[1.0 + 9 * (i == 5), 2.0 - 0.1 * i]]) for i in range(11)} | {"late/step": np.zeros(1)}
    assert barrier(Result({}, arrays=arrays), "line").tolist() == [10.0, 1.0]


def test_theory_of_a_step_of_sam_on_a_quadratic():
    """Against differences of the function itself, at the perturbed point that its own gradient gives."""
    lam, x, rho, h = np.array([10.0, 1.0, 3.0]), np.array([0.3, -1.0, 0.2]), 0.1, 1e-5

    def gradient(at):
        return np.array([((lam * (at + e) ** 2).sum() - (lam * (at - e) ** 2).sum()) / (4 * h) for e in h * np.eye(3)])

    g = gradient(x)
    assert theory.quadratic_sam(x, lam, rho) == pytest.approx(gradient(x + rho * g / np.sqrt((g**2).sum())), rel=1e-6)
    assert theory.quadratic_sam(x, lam, 0.0) == pytest.approx(lam * x)


def test_runs_differ_in_their_seeds_only():
    for full, seeds in ((False, 3), (True, 5)):
        specs = runs(full, SGD(), (Switch(SAM(0.1), 2, "epochs", restart=True),), 3, 0.05)
        assert [spec.seed for spec in specs] == list(range(seeds)) and {replace(spec, seed=0) for spec in specs} == {specs[0]}
        assert specs[0].phases[1].start == 2 * EPOCH and specs[0].steps == 3 * EPOCH


def test_seeds_come_together_again():
    """Runs that were parted, one of them not begun: side by side by seed, NaN where there is nothing."""
    specs = apart({"a": runs(False, SGD(), (), 2, 0.05), "b": runs(False, SAM(), (), 2, 0.05)})
    assert list(specs) == [f"{name}, seed {seed}" for name in "ab" for seed in range(3)] and all(len(one) == 1 for one in specs.values())
    arrays = {f"{name}/step": np.array([0, 40]) for name in specs}
    arrays |= {f"a, seed {seed}/train_loss": np.array([[1.0 + seed], [0.1 + seed]]) for seed in (0, 2)}
    result = together(Result({}, arrays=arrays), ["a", "b"], False)
    np.testing.assert_equal(result.over("a", "train_loss"), [[1.0, np.nan, 3.0], [0.1, np.nan, 2.1]])
    assert result.over("b", "train_loss").shape == (2, 3) and result.over("b", "step").tolist() == [0, 40]
    assert together(Result({}), ["a"], False).last("a", "train_loss").shape == (1,)


@pytest.mark.parametrize("late", [1, 20, 199])
def test_settings_that_do_not_fit_are_made_to(late):
    """More epochs of SAM than the run has, and so few that their shares are none."""
    for size in ("quick", "full"):
        experiment = SwitchTime(epochs=4, late=late, size=size)
        assert all(0 < tail < experiment.length for tail in experiment.tails) and f"last {experiment.tail}, seed 0" in experiment.ensembles()


def cut(result, share):
    """What is known after a part of the measurements."""
    arrays = {key: values.copy() for key, values in result.arrays.items()}
    for key, values in arrays.items():
        if not key.endswith("/step"):
            values[max(1, int(share * len(values))) :] = np.nan
    return replace(result, done=0, arrays=arrays)


@pytest.mark.parametrize("experiment", ALL, ids=named)
def test_pictures_at_any_time(experiment):
    done = performed(experiment)
    for result in (Result(encode(experiment)), cut(done, 0.5), cut(done, 0.9), done):
        charts = experiment.pictures(result)
        assert all(isinstance(chart, Chart) and chart.caption and chart.source for chart in charts) and len(charts) >= 2
        assert {check.verdict(False) for check in experiment.checks(result)} <= {"pending", "holds", "fails"}
    assert not any(chart.empty for chart in charts) and [len(line.x) == len(line.y) for chart in charts for line in chart.lines]
    assert all("seed" in chart.caption or "medians" in chart.caption for chart in charts)


def test_the_loss_is_shown_beside_the_sharpness():
    assert any("loss" in chart.x_label and "λ₁" in chart.y_label for chart in SwitchTime().pictures(performed(SwitchTime())))
    assert all("loss" in chart.x_label and "λ₁" in chart.y_label for chart in WhereItFails().pictures(performed(WhereItFails())))


SPEAKS = [
    (RunSpec(steps=10, rule=SGD()), False),
    (RunSpec(steps=10, rule=SAM()), False),
    (RunSpec(steps=10, rule=SGD(), then=(Switch(SAM(), 5),)), True),
    (RunSpec(steps=10, rule=SAM(), then=(Switch(SGD(), 5),)), True),
    (RunSpec(steps=10, rule=SGD(), then=(Switch(USAM(), 5),)), False),
]


@pytest.mark.parametrize("spec, speaks", SPEAKS)
def test_of_which_runs_the_paper_speaks(spec, speaks):
    assert PAPER.speaks(spec) == speaks
