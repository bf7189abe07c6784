"""Paper 5, late SAM: what its experiments claim holds, runs that are not what they should be are found out, and what
the lines rest on."""

from dataclasses import replace

import numpy as np
import pytest

from engine.experiments.late import PAPER, WhereItFails
from engine.experiments.phases import DIGITS, EPOCH, runs
from engine.experiments.switching import SwitchTime
from engine.experiments.valley import DENSE, RISE, TwoPhases, barrier, reordered
from engine.figures.drawing import Chart
from engine.models import MLP
from engine.problems import Classification, evaluate
from engine.rules import SAM, SGD, USAM
from engine.spec import Integer, Number, encode, knobs
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Constant
from tests.trials import failing, outcome, performed, spoilt, swapped

pytestmark = pytest.mark.xdist_group("late")
ALL = [SwitchTime(), TwoPhases(), WhereItFails()]


def named(experiment):
    return type(experiment).__name__


@pytest.mark.parametrize("experiment", ALL, ids=named)
def test_what_is_claimed_holds(experiment):
    result = performed(experiment)
    assert failing(experiment, result) == [] and any(check.claimed for check in experiment.checks(result))


def kept(spec):
    """The momentum is kept at the switch."""
    return replace(spec, then=tuple(replace(switch, restart=False) for switch in spec.then))


def ruled(rule):
    """Another rule in place of SAM, in whichever phase: these stay, so that the measurements do."""

    def swap(old):
        return rule if isinstance(old, SAM) else old

    return lambda spec: replace(
        spec, rule=swap(spec.rule), then=tuple(replace(switch, rule=swap(switch.rule)) for switch in spec.then)
    )


SPOILT = [
    (SGD(), {0, 1, 2, 3, 6}),
    (SAM(0.003), {0, 1, 2, 6}),
    (USAM(0.1), {0, 1, 2, 6}),
]


@pytest.mark.parametrize("rule, red", SPOILT)
def test_a_wrong_rule_from_the_switch_on_is_found_out(rule, red):
    """SGD that goes on, SAM with hardly a radius, or another rule: nothing escapes, nothing settles elsewhere, and
    the first step is not SAM's."""
    assert red <= set(failing(TwoPhases(), spoilt(TwoPhases(), ruled(rule), "late")))


def test_a_momentum_that_is_kept_is_found_out():
    """By the first step after the switch, and by nothing else: later it is forgotten."""
    assert failing(TwoPhases(), spoilt(TwoPhases(), kept, "late")) == [6]


SWAPPED = [
    (SwitchTime(), {"last 10": "SGD"}, {0, 1, 2, 3}),  # the switch never happens
    (SwitchTime(), {"last 10": "early"}, {0, 1, 3}),  # the rules in the wrong order
    (SwitchTime(), {"SAM": "SGD", "last 10": "SGD", "early": "SGD"}, {1, 2, 3}),  # SAM with a radius of 0
    (SwitchTime(), {"early": "SAM"}, {3, 5}),  # early SAM never ends
    (WhereItFails(), {"cut rate, late": "cut rate, SAM"}, {0, 1}),  # no difference between the two
]


@pytest.mark.parametrize("experiment, swaps, red", SWAPPED)
def test_runs_in_the_place_of_others_are_found_out(experiment, swaps, red):
    assert set(failing(experiment, swapped(experiment, swaps))) == red


def righted(spec):
    """All labels are right."""
    return replace(spec, problem=replace(spec.problem, data=DIGITS))


def test_right_labels_are_found_out():
    names = ("wrong labels, SGD", "wrong labels, late")
    assert failing(WhereItFails(), spoilt(WhereItFails(), righted, *names)) == [2]


def test_a_rate_that_is_not_cut_is_found_out():
    uncut = spoilt(WhereItFails(), lambda spec: replace(spec, schedule=Constant()), "cut rate, late")
    assert failing(WhereItFails(), uncut) == [0, 1]


def test_a_barrier_is_found_out():
    """The line to the end, with the loss on it that leads to the end in another order; and the control without its
    barrier."""
    experiment, result = TwoPhases(), performed(TwoPhases())
    for line, other, red in (("line", "control", [4]), ("control", "line", [5])):
        arrays = result.arrays | {f"late/{line}": result.arrays[f"late/{other}"]}
        assert failing(experiment, replace(result, arrays=arrays)) == red


def test_the_line_is_straight_and_starts_at_the_switch():
    """Its ends have the losses that training measured there, and its middle is nowhere before the end."""
    result, spec = performed(TwoPhases()), TwoPhases().ensembles()["late"][0]
    steps, loss = result.over("late", "step"), result.over("late", "train_loss")
    line, control = (result.last("late", name) for name in ("line", "control"))
    assert line.shape == control.shape == (3, 11)
    assert line[:, 0] == pytest.approx(loss[steps == TwoPhases().start][0], rel=1e-5)
    assert line[:, -1] == pytest.approx(loss[-1], rel=1e-5)
    assert control[:, -1] == pytest.approx(loss[-1], rel=1e-4)
    assert np.isnan(result.over("late", "line")[:-1]).all() and set(TwoPhases().start + np.array(DENSE)) <= set(
        steps.tolist()
    )
    assert spec.phases[1].start == 25 * EPOCH and [phase.restart for phase in spec.phases] == [
        True,
        True,
        *[False] * len(DENSE),
    ]


def test_another_order_is_the_same_function_elsewhere():
    problem = Classification(model=MLP(16, 2))
    theta, data = problem.start(3), problem.load("train")
    other = reordered(theta, problem.layout, 0)
    assert evaluate(problem, other, data) == pytest.approx(evaluate(problem, theta, data), rel=1e-5)
    assert (other - theta).norm() > 0.5 * theta.norm() and other.norm().item() == pytest.approx(
        theta.norm().item(), rel=1e-6
    )


def test_a_barrier_is_relative_to_the_higher_end():
    losses = [[1.0 + 9 * (i == 5) for i in range(11)], [2.0 - 0.1 * i for i in range(11)]]
    assert barrier(np.array(losses)).tolist() == [10.0, 1.0]


def test_runs_differ_in_their_seeds_only():
    for full, seeds in ((False, 3), (True, 5)):
        specs = runs(full, SGD(), (Switch(SAM(0.1), 2, "epochs", restart=True),), 3, 0.05)
        assert [spec.seed for spec in specs] == list(range(seeds)) and {replace(spec, seed=0) for spec in specs} == {
            specs[0]
        }
        assert specs[0].phases[1].start == 2 * EPOCH and specs[0].steps == 3 * EPOCH


def corners(cls):
    """The experiment at each end of every knob, at all lowest and all highest ends, in both sizes."""
    ends = {name: (knob.low, knob.high) for name, knob in knobs(cls).items() if isinstance(knob, Integer | Number)}
    kinds = {name: int if isinstance(knob, Integer) else float for name, knob in knobs(cls).items()}
    odd = [{name: end} for name, pair in ends.items() for end in pair] + [
        {name: pair[i] for name, pair in ends.items()} for i in (0, 1)
    ]
    odd += [{name: ends[name][one != name] for name in ends} for one in ends]
    return [
        cls(size=size, **{name: kinds[name](value) for name, value in values.items()})
        for values in odd
        for size in ("quick", "full")
    ]


@pytest.mark.parametrize(
    "experiment", [one for cls in (SwitchTime, TwoPhases, WhereItFails) for one in corners(cls)], ids=str
)
def test_no_corner_of_the_knobs_is_a_crash(experiment):
    """Nothing known, and all of it lost on the way."""
    ensembles = experiment.ensembles()
    assert all(spec.phases[-1].start < spec.steps for specs in ensembles.values() for spec in specs)
    steps = {
        f"{name}/step": np.unique(
            [*range(0, spec.steps, spec.every), *(phase.start for phase in spec.phases), spec.steps]
        )
        for name, (spec, *_) in ensembles.items()
    }
    lost = {
        key.replace("step", quantity): np.full((len(measured), 1), np.nan)
        for key, measured in steps.items()
        for quantity in ("train_loss", "sharpness", "step_error")
    }
    for result in (outcome(encode(experiment)), outcome(encode(experiment), 1, 1, arrays=steps | lost)):
        assert all(chart.empty for chart in experiment.pictures(result)) and experiment.checks(result)


@pytest.mark.parametrize("late", [1, 20, 199])
def test_settings_that_do_not_fit_are_made_to(late):
    """More epochs of SAM than the run has, and so few that their shares are none."""
    for size in ("quick", "full"):
        experiment = SwitchTime(epochs=4, late=late, size=size)
        assert (
            all(0 < tail < experiment.length for tail in experiment.tails)
            and f"last {experiment.tail}" in experiment.ensembles()
        )


def test_the_times_of_the_switch_are_the_papers_of_this_size():
    assert SwitchTime(size="full").length == 60 and SwitchTime(size="full").tails == [5, 10, 20, 30, 40, 50]
    assert TwoPhases(size="full").start == 50 * EPOCH and EPOCH == 81 and max(DENSE) == RISE * EPOCH


def test_the_rise_is_looked_for_in_its_epochs_only():
    """Not at the switch, nor before, nor after them."""
    experiment = TwoPhases()
    steps = np.array([0, experiment.start, experiment.start + RISE * EPOCH, experiment.start + RISE * EPOCH + 1])
    assert experiment._risen(
        outcome({}, arrays={"late/step": steps, "late/train_loss": np.array([[8.0], [2.0], [6.0], [9.0]])})
    ).tolist() == [3.0]


def cut(result, share):
    """What is known after a part of the measurements."""
    arrays = {key: values.copy() for key, values in result.arrays.items()}
    for key, values in arrays.items():
        if not key.endswith("/step"):
            values[max(1, int(share * len(values))) :] = np.nan
    return replace(result, status="running", done=0, arrays=arrays)


@pytest.mark.parametrize("experiment", ALL, ids=named)
def test_pictures_at_any_time(experiment):
    done = performed(experiment)
    for result in (outcome(encode(experiment)), cut(done, 0.5), cut(done, 0.9), done):
        charts = experiment.pictures(result)
        assert all(isinstance(chart, Chart) and chart.caption and chart.source for chart in charts) and len(charts) >= 2
        assert {check.verdict(False) for check in experiment.checks(result)} <= {"pending", "holds", "fails"}
    assert not any(chart.empty for chart in charts) and [
        len(line.x) == len(line.y) for chart in charts for line in chart.lines
    ]
    assert all("seed" in chart.caption or "medians" in chart.caption for chart in charts)


def test_the_loss_is_shown_beside_the_sharpness():
    assert any(
        "loss" in chart.x_label and "λ₁" in chart.y_label for chart in SwitchTime().pictures(performed(SwitchTime()))
    )
    assert all(
        "loss" in chart.x_label and "λ₁" in chart.y_label
        for chart in WhereItFails().pictures(performed(WhereItFails()))
    )


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
