"""Numbers over several problems: scores are shares of each problem's start, and some sweeps do not belong together."""

from dataclasses import replace

import numpy as np
import pytest

from engine.records import Sweep
from engine.spec import describe
from engine.sweeps.across import THRESHOLDS, alike, standings
from engine.training.runs import RunSpec
from tests.swept import SPEC, swept


def level(start: float, ends: tuple[float, float]) -> Sweep:
    """A sweep whose two rules end everywhere at these losses, from this start."""
    sweep = swept(lost=0.0)
    end = np.broadcast_to(np.reshape(ends, (2, 1, 1, 1)), sweep.outcomes["state"].shape)
    curve = np.stack([np.full(end.shape, start), end], axis=-1)
    return replace(sweep, outcomes=sweep.outcomes | {"test_loss": end}, curves={"test_loss": curve})


def test_scores_are_shares_of_each_problems_start():
    """Losses of problems on different scales thrown together, and a comparison the wrong way round."""
    first, second = standings({"small": level(0.1, (0.05, 0.02)), "large": level(100.0, (50.0, 20.0))}, "test_loss")
    assert (first.middle.value, second.middle.value) == pytest.approx((0.5, 0.2))
    assert (first.better.value, second.better.value) == (0.5, 1.0)
    assert [one.value for one in second.profile] == [float(threshold >= 0.2) for threshold in THRESHOLDS]
    assert first.phi.value == 0 and first.knobs.value == 0  # all settings are alike


def test_one_problem_and_none():
    """What needs two problems made up of one; a rule without a run."""
    (first, _) = standings({"small": level(0.1, (0.05, 0.02))}, "test_loss")
    assert np.isnan(first.phi.value) and "two problems" in first.knobs.note and first.middle.value == pytest.approx(0.5)
    assert standings({"begun": swept(done=0.0)}, "test_loss") == []


def test_which_sweeps_belong_together():
    """Sweeps of another grid or length, whose cells are not the same settings."""
    one = describe(SPEC)
    shorter = replace(SPEC, run=replace(SPEC.run, steps=50))
    coarser = replace(SPEC, x=replace(SPEC.x, points=3))
    other = replace(SPEC, run=RunSpec(batch=7, steps=SPEC.run.steps))
    assert [alike(one, describe(spec)) for spec in (SPEC, other, shorter, coarser)] == [True, True, False, False]
