"""Late adversaries: the checks hold, and turn red where the adversary is none, comes too early, or is paid
otherwise."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from engine.experiments import theory
from engine.experiments.adversarial import PAPER, LateAdversary
from engine.rules import PGD, SGD, Rule
from engine.spec import encode
from engine.training.runs import RunSpec, Switch
from tests.trials import outcome, performed, spoilt, verdicts

pytestmark = pytest.mark.xdist_group("adversarial")
QUICK = LateAdversary()


@dataclass(frozen=True)
class Downhill(Rule):
    """An adversary who moves the inputs the wrong way, to where the loss is lower."""

    formula: ClassVar = "d = ∇L(w; x − δ)"
    paper: ClassVar = "made up for this test"

    def direction(self, step, memory):
        moved = PGD(QUICK.eps, QUICK.ascents, 0.5).moved(step)
        return replace(step, x=2 * step.x - moved).gradient(step.w), memory


def test_what_is_claimed_holds():
    checks = QUICK.checks(performed(QUICK))
    assert [check.verdict() for check in checks] == ["holds"] * 4 and all(check.claimed for check in checks)


WRONG = {
    "no adversary": (lambda spec: replace(spec, then=()), ["fails", "fails", "holds", "fails"]),
    "one who helps": (
        lambda spec: replace(spec, then=(replace(spec.then[0], rule=Downhill()),)),
        ["fails", "fails", None, "holds"],
    ),
    "early": (
        lambda spec: replace(spec, rule=spec.then[0].rule, then=(Switch(SGD(), 4, "epochs"),)),
        ["fails", "fails", None, "holds"],
    ),
    "a brute": (
        lambda spec: replace(spec, then=(replace(spec.then[0], rule=PGD(1.0, QUICK.ascents, 0.5)),)),
        [None, None, "fails", "holds"],
    ),
    "weaker and cheaper": (
        lambda spec: replace(spec, then=(replace(spec.then[0], rule=PGD(0.02, 1, 1.0)),)),
        ["fails", "fails", None, "fails"],
    ),
}


@pytest.mark.parametrize("run", WRONG)
def test_a_wrong_run_is_told(run):
    change, expected = WRONG[run]
    found = verdicts(QUICK, spoilt(QUICK, change, "late"))
    assert [one for one, wanted in zip(found, expected, strict=True) if wanted] == [
        wanted for wanted in expected if wanted
    ]


def test_the_judge_is_no_easier_than_the_adversary_in_training():
    """With seven times its steps, and never by more than its radius: plain training's robust accuracy is below its
    clean one at every measurement."""
    result = performed(QUICK)
    for name in ("SGD", "PGD", "late"):
        assert (result.over(name, "robust") <= result.over(name, "test_accuracy") + 1e-6).all()
        assert np.isfinite(result.over(name, "robust")).all()


@pytest.mark.parametrize(("steps", "adversarial", "ascents"), [(100, 0, 3), (100, 20, 3), (100, 100, 1), (7, 3, 20)])
def test_gradients_are_counted_step_by_step(steps, adversarial, ascents):
    assert theory.adversarial_gradients(steps, adversarial, ascents) == sum(
        1 + ascents * (step >= steps - adversarial) for step in range(steps)
    )


def test_pictures_of_nothing_of_some_and_of_all():
    whole = performed(QUICK)
    some = replace(
        whole,
        status="running",
        done=1,
        total=3,
        arrays={key: values for key, values in whole.arrays.items() if not key.startswith("PGD")},
    )
    empty = outcome(encode(QUICK))
    assert all(chart.empty for chart in QUICK.pictures(empty))
    for result in (some, whole):
        assert not any(chart.empty for chart in QUICK.pictures(result))
    assert verdicts(QUICK, replace(empty, total=1)) == ["pending"] * 4
    assert QUICK.pictures(whole)[0].lines[0].y.max() <= 100


@pytest.mark.parametrize("size", ["quick", "full"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("ascents", [1, 20])
def test_every_setting_is_a_run(ascents, share, size):
    other = LateAdversary(ascents=ascents, share=share, size=size)
    assert (
        other.ensembles()["late"][0].phases[1].start
        == other.ensembles()["late"][0].steps - other.adversarial * other.ensembles()["late"][0].epoch
    )
    assert verdicts(other, outcome(encode(other), 0, 1)) == ["not applicable"] * 3 + ["pending"]


def test_it_speaks_about_runs_of_its_rule():
    assert PAPER.speaks(RunSpec(rule=SGD(), then=(Switch(PGD()),))) and not PAPER.speaks(RunSpec())
