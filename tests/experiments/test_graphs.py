"""GraphSAM's price and what it buys: the checks hold, and wrong rules turn them red."""

from dataclasses import replace

import pytest

from engine.experiments import theory
from engine.experiments.graphs import PAPER, GraphCost
from engine.rules import SAM, GraphSAM, MomentumSAM
from engine.spec import encode
from engine.training.runs import RunSpec
from tests.trials import outcome, performed, spoilt, verdicts

pytestmark = pytest.mark.xdist_group("graphs")
QUICK = GraphCost()


def test_what_is_claimed_holds():
    result = performed(QUICK)
    assert [check.verdict() for check in QUICK.checks(result) if check.claimed] == ["holds"] * 5


WRONG = {
    "SAM": (lambda spec: SAM(QUICK.rho), {0: "fails"}),
    "momentum in the place of the mean": (lambda spec: MomentumSAM(QUICK.rho), {0: "fails"}),
    "a radius that is too small": (lambda spec: replace(spec.rule, rho=0.05), {0: "holds", 2: "fails", 3: "fails"}),
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_rule_is_told(rule):
    make, expected = WRONG[rule]
    close = "small" in rule  # so that some seeds do not tell
    found = verdicts(QUICK, spoilt(QUICK, lambda spec: replace(spec, rule=make(spec)), "GraphSAM", all_seeds=close))
    assert {i: found[i] for i in expected} == expected


def test_a_reference_that_is_another_is_told():
    """ASAM's place taken by a rule of another price; and a run that has hardly learned anything is not as accurate."""
    assert verdicts(QUICK, spoilt(QUICK, lambda spec: replace(spec, rule=GraphSAM(QUICK.rho)), "ASAM"))[1] == "fails"
    assert verdicts(QUICK, spoilt(QUICK, lambda spec: replace(spec, lr=1e-5), "GraphSAM"))[4] == "fails"


def test_other_settings_are_counted_all_the_same():
    other = GraphCost(rho=0.1)
    found = verdicts(other, outcome(encode(other), 1, 1, arrays=performed(QUICK).arrays))
    assert found == ["holds", "holds"] + ["not applicable"] * 3


@pytest.mark.parametrize(("steps", "epoch"), [(0, 7), (1, 7), (7, 7), (8, 7), (300, 10), (5, 1)])
def test_gradients_are_counted_step_by_step(steps, epoch):
    assert theory.graph_sam_gradients(steps, epoch) == sum(2 if step % epoch == 0 else 1 for step in range(steps))


def test_pictures_of_nothing_of_some_and_of_all():
    whole = performed(QUICK)
    some = replace(
        whole,
        status="running",
        done=1,
        total=3,
        arrays={key: values for key, values in whole.arrays.items() if not key.startswith("ASAM")},
    )
    empty = outcome(encode(QUICK))
    # what is predicted is known before
    assert [chart.empty for chart in QUICK.pictures(empty)] == [
        True,
        True,
        False,
        True,
    ]
    for result in (some, whole):
        charts = QUICK.pictures(result)
        assert not any(chart.empty for chart in charts)
        assert [line.theory for line in charts[2].lines] == [False] * 3 + [True]
    assert verdicts(QUICK, replace(empty, total=1)) == ["pending"] * 5
    predicted, counted = QUICK.pictures(whole)[2].lines[-1], QUICK.pictures(whole)[2].lines[2]
    assert counted.y.tolist() == pytest.approx(predicted.y[(counted.x).round().astype(int)].tolist())


def test_it_speaks_about_runs_of_its_rule():
    assert PAPER.speaks(RunSpec(rule=GraphSAM())) and not PAPER.speaks(RunSpec())
