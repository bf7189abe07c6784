"""Every rule on three models, and every model under four rules: what holds of them all, whatever their formula."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from engine.curvature import Hessian
from engine.problems import Beale, Classification, Quadratic, parts
from engine.rules import RULES, SGD, SSAM
from engine.spec import SpecError, decode, digest, encode, floats, with_floats
from engine.training.loop import train
from engine.training.measure import full_batch, whole
from engine.training.runs import RUNS, RunSpec
from engine.training.schedules import Cosine
from engine.training.updates import UPDATES, Momentum
from tests.drive import Double, final, frames, last
from tests.family import FAMILY, MASKED, at_zero_radius, each_rule, networks, suits
from tests.oracles import away

NETWORKS = networks()
THREE = ("MLP", "CNN-batch", "ViT")
"""A plain network, one whose examples mix, and one of many kinds of layers: a rule knows no more of a network."""
FOUR = ("SAM", "MSAM", "ESAM", "PGD")
"""All that rules ask of a network: a gradient elsewhere, on micro-batches, on some of the examples, by the inputs."""
PAIRS = [
    (type(rule).__name__, network)
    for rule in each_rule()
    for network, (data, model) in NETWORKS.items()
    if (network in THREE or type(rule).__name__ in FOUR) and suits(rule, Classification(data, model))
]
RULE = {type(rule).__name__: rule for rule in each_rule()}


def spec(rule, network: str, kind: type[Classification] = Double, **settings) -> RunSpec:
    """Fifty steps of a rule on a small network, in batches over several epochs."""
    data, model = NETWORKS[network]
    return RunSpec(
        kind(data, model),
        rule,
        Momentum(0.5, 1e-3),
        0.02,
        **{"batch": 12, "steps": 50, "every": 50, "curvature": False} | settings,
    )


@cache
def plain(network: str) -> tuple[RunSpec, torch.Tensor]:
    """Plain descent on a network, and where it ends."""
    one = spec(SGD(), network, steps=6, every=6)
    return one, final(one).theta


def test_the_table_is_covered():
    assert {type(rule) for rule in FAMILY} == set(RULES.values())
    assert {rule for rule, _ in PAIRS} == set(RULES) and {network for _, network in PAIRS} == set(NETWORKS)
    left_out = {(rule, network) for rule in FOUR for network in NETWORKS} - set(PAIRS)
    assert {rule for rule, _ in left_out} == {"PGD"} and all(
        network.startswith(("Transformer", "GraphNet")) for _, network in left_out
    )
    assert {repr(rule) for rule in FAMILY if not suits(rule, Beale())} == {
        repr(rule) for rule in FAMILY if "PGD" in repr(rule)
    }


@pytest.mark.parametrize("rule, network", PAIRS)
def test_ensemble(rule, network):
    """Two runs that differ in seed, rate and radius end as each does alone, to 1e-9 in the third epoch."""
    one = spec(RULE[rule], network, steps=9, every=9)
    smaller = {name: 0.7 * value for name, value in floats(one.rule).items() if name.endswith("rho")}
    other = replace(one, seed=1, lr=0.01, rule=with_floats(one.rule, smaller))
    together, *alone = final(one, other), final(one), final(other)
    assert [away(row, run.theta) < 1e-9 for row, run in zip(together.theta, alone, strict=True)] == [True, True]
    assert together.gradients == alone[0].gradients == alone[1].gradients


@pytest.mark.parametrize("network", ["MLP", "CNN-batch"])
@pytest.mark.parametrize("rule", RULE)
def test_a_run_is_its_own(rule, network):
    """In single precision, bit for bit: the same again, and the same whatever runs beside it, even a run that
    diverges."""
    one = spec(RULE[rule], network, Classification, steps=9, every=9)
    assert torch.equal(final(one).theta, final(one).theta)
    beside, beside_wild = final(one, replace(one, seed=1)), final(one, replace(one, seed=7, lr=1e30))
    assert torch.equal(beside.theta[0], beside_wild.theta[0]) and not beside_wild.theta[1].isfinite().all()


@pytest.mark.parametrize("rule, network", PAIRS)
def test_zero_radius_is_plain_descent(rule, network):
    spec, end = plain(network)
    assert away(final(replace(spec, rule=at_zero_radius(RULE[rule]))).theta, end) < 1e-9


@pytest.mark.parametrize("rule, network", [pair for pair in PAIRS if pair[0] == "SAM" or pair[1] in THREE[:2]])
def test_measuring_leaves_the_path_alone(rule, network):
    """Measured at every step and only at the end, in single precision: the same path, bit for bit, with finite
    measures and the same count of gradients."""
    steps = 2 if rule == "SAM" else 3
    one = spec(RULE[rule], network, Classification, steps=steps, every=1, curvature=rule == "SAM")
    often, end = frames(one), frames(replace(one, every=steps, curvature=False))[-1]
    assert torch.equal(often[-1].theta, end.theta)
    assert all(np.isfinite(f.measures["direction_norm"]).all() for f in often)
    counts = [float(f.measures["gradients"][0]) for f in often]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == float(end.measures["gradients"][0])


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("rule", [rule for rule in FAMILY if suits(rule, Quadratic())], ids=repr)
def test_at_zero_gradient(rule, update):
    """At a minimum, where g = 0, every rule but the one that leaves it at random stays and is finite."""
    run = frames(RunSpec(Quadratic(begin=(0.0, 0.0)), rule, UPDATES[update](), 0.1, batch=0, steps=5, every=1))
    assert all(torch.isfinite(f.theta).all() for f in run)
    if "RandomDirection" not in repr(rule):
        assert all(torch.equal(f.theta, torch.zeros(1, 2, dtype=torch.float64)) for f in run)


@pytest.mark.parametrize("rule", FAMILY + MASKED, ids=repr)
def test_round_trip(rule):
    network = next(name for name, network in NETWORKS.items() if Classification(*network).mixes)
    one = (
        spec(rule, network, Classification)
        if not repr(rule).startswith("MSAM(rho=0.1, m=1")
        else spec(rule, "MLP", Classification)
    )
    again = decode(RUNS, encode(one))
    assert again == one and digest(again) == digest(one)


@pytest.mark.parametrize("rule", FAMILY, ids=repr)
def test_full_batch_direction_is_a_step(rule):
    """What is measured at w is the step that a full batch then takes, although it was measured in chunks; toys have
    no batch at all."""
    data, model = NETWORKS["MLP"]
    for problem in (Double(data, model), *([Beale()] if suits(rule, Beale()) else [])):
        one = RunSpec(problem, rule, Momentum(), 0.01, batch=0, steps=1, every=1, curvature=False)
        first = next(train([one]))
        before, after = frames(one)
        examples = problem.load("train")
        at = whole(one, before.theta[0], examples, 0, one.update.begin(before.theta[0]))
        at.chunk = 11
        _, u, _ = full_batch(one, at, Hessian(parts(problem, examples, 11), before.theta[0]), first.state.rule, 0)
        if "LookaheadSAM" not in repr(rule):
            assert away((before.theta - after.theta)[0] / 0.01, u) < 1e-8
        assert float(u.norm()) == pytest.approx(float(before.measures["direction_norm"][0]), rel=1e-9)


@pytest.mark.parametrize("radius", ["constant", "with the rate"])
@pytest.mark.parametrize("rule", each_rule(), ids=repr)
def test_radius_over_the_run(rule, radius):
    """A radius that goes with the rate is that share of its own at every step, alone and in an ensemble; once, where
    it does so by itself."""
    one = replace(spec(rule, "MLP", steps=8, every=8), schedule=Cosine(), radius=radius)
    at_four, by_run = one.rule_at(4), radius != "constant" and not rule.follows
    assert [floats(at_four)[n] / v for n, v in floats(rule).items() if n.endswith("rho")] == pytest.approx(
        [one.factor(4) if by_run else 1.0 for n in floats(rule) if n.endswith("rho")]
    )
    if rule.follows:
        assert torch.equal(final(one).theta, final(replace(one, radius="constant")).theta)
    assert away(final(one, replace(one, seed=1)).theta[0], final(one).theta) < 1e-9


def test_a_rule_that_does_not_fit_is_refused_before_the_run():
    data, model = NETWORKS["MLP"]
    for rule in MASKED[:3]:
        with pytest.raises(
            SpecError, match=r"^rule\.mask: \w+ needs a model with normalization layers, and this one has none"
        ):
            RunSpec(Classification(data, model), rule, batch=12)
        with pytest.raises(SpecError, match=r"^rule\.rule\.mask: "):
            RunSpec(Classification(data, model), SSAM(rule), batch=12)
    with pytest.raises(SpecError, match=r"^rule\.mask: "):
        RunSpec(Quadratic(), MASKED[0])
    assert (
        last(
            train([RunSpec(Classification(data, model), MASKED[3], batch=12, steps=2, every=2, curvature=False)])
        ).state.step
        == 2
    )
