"""Run specs: the rate over the run, switches of rules, and what cannot be run."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.data import Digits
from engine.models import CNN, MLP
from engine.problems import Classification, Quadratic
from engine.rules import ESAM, GSAM, MSAM, SAM, SGD, SSAM, USAM, Clock
from engine.spec import SpecError, decode, digest, encode, parse
from engine.training.runs import RUNS, RunSpec, Switch
from engine.training.schedules import Cosine, StepDecay
from engine.training.updates import AdamW, Momentum
from tests.drive import final, frames

SPEC = RunSpec(Classification(Digits(100), MLP(5)), SGD(), batch=20, steps=60, every=20, curvature=False)
LATE = replace(SPEC, then=(Switch(SAM(0.1), 15), Switch(USAM(0.2), 8, "epochs"), Switch(SGD(), 50, restart=False)))


def test_phases():
    """Counted in steps or in epochs of five batches; each rule from its step on."""
    assert SPEC.epoch == 5 and [(p.start, type(p.rule)) for p in LATE.phases] == [
        (0, SGD),
        (15, SAM),
        (40, USAM),
        (50, SGD),
    ]
    assert [LATE.phase(step) for step in (0, 14, 15, 39, 40, 49, 50, 59, 60)] == [0, 0, 1, 1, 2, 2, 3, 3, 3]
    assert LATE.clock(43) == Clock(3, 8, 3) and RunSpec(Quadratic(), batch=0).clock(7) == Clock(7, 7, 0)


def test_a_switch_is_measured_and_counted():
    """There is a frame at every switch; its phase says which rule is in force from there on, and gradients grow by
    what that rule takes."""
    run = frames(LATE)
    assert [f.step for f in run] == [0, 15, 20, 40, 50, 60]
    assert [float(f.measures["phase"][0]) for f in run] == [0, 1, 1, 2, 3, 3]
    assert [float(f.measures["gradients"][0]) for f in run] == [0, 15, 25, 65, 85, 95]
    assert np.isclose(run[1].measures["edge"], run[1].measures["limit"]).item() is False


def test_a_switch_is_the_two_runs_one_after_the_other():
    """With the momentum restarted, the end of the first run is the beginning of the second."""
    spec = replace(SPEC, update=Momentum(0.9), then=(Switch(SAM(0.2), 15),))
    first, both = final(replace(spec, then=(), steps=15)), final(spec)
    second = final(
        replace(spec, rule=SAM(0.2), then=()),
        state=first._replace(measured=15, rule={}, update={"m": torch.zeros_like(first.theta)}),
    )
    kept = final(replace(spec, rule=SAM(0.2), then=()), state=first._replace(measured=15, rule={}))
    assert torch.equal(both.theta, second.theta) and torch.equal(
        final(replace(spec, then=(Switch(SAM(0.2), 15, restart=False),))).theta, kept.theta
    )
    assert not torch.equal(second.theta, kept.theta)


def test_switches_in_an_ensemble():
    other = replace(LATE, seed=1, lr=0.05, then=(replace(LATE.then[0], rule=SAM(0.3)), *LATE.then[1:]))
    together = final(LATE, other).theta
    assert torch.allclose(together[0], final(LATE).theta, rtol=1e-4, atol=1e-6) and torch.allclose(
        together[1], final(other).theta, rtol=1e-4, atol=1e-6
    )
    for changed in (
        replace(LATE, then=LATE.then[:2]),
        replace(LATE, then=(replace(LATE.then[0], at=16), *LATE.then[1:])),
    ):
        with pytest.raises(SpecError, match=r"^then: the runs of an ensemble must share"):
            final(LATE, changed)


def test_warm_up():
    """Linear to the full rate, and only then the schedule, over what is left of the run."""
    spec = replace(SPEC, warmup=10, schedule=Cosine())
    rates = [spec.factor(step) for step in range(60)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)]) and rates[10] == 1.0
    assert rates[35] == pytest.approx(0.5) and rates[59] == pytest.approx((1 + np.cos(np.pi * 49 / 50)) / 2)
    assert spec.factor(60) == rates[59] and replace(SPEC, warmup=200).factor(59) == 0.3
    measures = [f.measures for f in frames(replace(spec, lr=0.2))]
    assert [float(m["lr"][0]) for m in measures] == pytest.approx([0.2 * spec.factor(s) for s in (0, 20, 40, 59)])
    assert all(m["limit"][0] == spec.update.limit(float(m["lr"][0])) for m in measures)


def test_radius_with_the_rate():
    spec = replace(SPEC, rule=SSAM(SAM(0.4)), schedule=StepDecay(1, 0.1), radius="with the rate")
    assert spec.rule_at(0) == SSAM(SAM(0.4)) and spec.rule_at(45).rule.rho == pytest.approx(0.04)
    for rule in (GSAM(0.4, 0.1), SSAM(GSAM(0.4, 0.1))):  # whose radius follows the rate by itself
        assert replace(spec, rule=rule).rule_at(45) == rule
    assert replace(spec, radius="constant").rule_at(45) == spec.rule


@pytest.mark.parametrize("update", [Momentum(), AdamW()], ids=repr)
def test_clip(update):
    """A bound below every direction's length makes steps of that length; one above them changes nothing."""
    spec = replace(SPEC, update=update, rule=SAM(0.1))
    assert torch.equal(final(replace(spec, clip=1e5)).theta, final(spec).theta)
    assert not torch.equal(final(replace(spec, clip=0.1)).theta, final(spec).theta)
    if isinstance(update, Momentum):
        path = frames(replace(spec, clip=0.01, every=1, lr=0.5))
        assert [float((b.theta - a.theta).norm()) for a, b in pairwise(path)] == pytest.approx([0.005] * 60, rel=1e-3)


@pytest.mark.parametrize(
    "then, said",
    [
        ((Switch(SAM(), 60),), r"^then\[0\]\.at: expected a step from 1 to 59, in order, got step 60$"),
        ((Switch(SAM(), 20), Switch(SGD(), 20)), r"^then\[1\]\.at: expected a step from 21 to 59"),
        ((Switch(SAM(), 20), Switch(SGD(), 3, "epochs")), r"^then\[1\]\.at: .* got step 15$"),
        ((Switch(SAM(), 12, "epochs"),), r"^then\[0\]\.at: .* got step 60$"),
    ],
)
def test_switches_that_cannot_be(then, said):
    with pytest.raises(SpecError, match=said):
        replace(SPEC, then=then)


def test_batchnorm_needs_two_examples():
    problem = Classification(Digits(100), CNN(4, norm="batch"))
    for rule, batch, said in (
        (SAM(), 1, r"^batch: "),
        (MSAM(m=1), 20, r"^rule\.m: "),
        (ESAM(gamma=0.05), 20, r"^rule\.gamma: "),
    ):
        with pytest.raises(SpecError, match=said):
            RunSpec(problem, rule, batch=batch)
    assert np.isfinite(
        frames(RunSpec(problem, MSAM(m=3), batch=20, steps=2, every=1, curvature=False))[-1].measures["direction_norm"]
    ).all()


def test_json():
    """A run with everything set comes back the same from JSON, and lists are checked field by field."""
    assert parse(RUNS, json.dumps(encode(LATE))) == LATE and digest(LATE) != digest(SPEC)
    for change, said in (
        ({"then": 3}, r"^then: expected a list of at most 8 objects, got 3"),
        ({"then": [{}] * 9}, r"^then: expected a list of at most 8"),
        (
            {"then": [{"rule": {"name": "SAM", "rho": -1}}]},
            r"^then\[0\]\.rule\.rho: expected a number from 0 to 10, got -1",
        ),
        ({"then": [{"unit": "years"}]}, r"^then\[0\]\.unit: expected one of steps, epochs"),
        ({"rule": {"name": "SSAM", "rule": {"name": "SSAM"}}}, r"^rule\.rule\.name: expected one of SGD, SAM, USAM, "),
    ):
        with pytest.raises(SpecError, match=said):
            decode(RUNS, encode(SPEC) | change)
