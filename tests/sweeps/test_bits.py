"""Bits: what comes out of a run of a sweep is decided by its spec alone, not by those that it was trained with."""

import random
from dataclasses import replace

import numpy as np
import pytest

from engine.data import Moons
from engine.models import MLP
from engine.problems import PROBLEMS, Classification, Quadratic, TanhNet
from engine.rules import SAM, SSAM
from engine.sweeps import chunk
from engine.sweeps.chunk import trained, width
from engine.sweeps.outcome import of_run
from engine.training.recording import record
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Cosine
from tests.drive import returned
from tests.family import FAMILY, MASKED, networks, suits
from tests.sweeps.same import MLPS, bits

RULES = [rule for rule in (*FAMILY, *MASKED) if suits(rule, MLPS.problem)]
TOYS = [cls() for cls in PROBLEMS.values() if not cls().examples()]
RATES = [0.003, 0.01, 0.05, 0.2, 1.0]


def outcomes(specs):
    return returned(trained(specs, "cpu"))


def agree(run, seed, sizes=(9, 17)):
    """Two runs have the bits that each has alone, in companies drawn at random."""
    draw = random.Random(seed)
    ours = [replace(run, lr=draw.choice(RATES), seed=draw.randrange(1000)) for _ in range(2)]
    alone = [bits(outcomes([one])[0]) for one in ours]
    for size in sizes:
        others = [
            replace(run, lr=draw.choice(RATES), seed=draw.randrange(1000), schedule=Cosine()) for _ in range(size - 2)
        ]
        company = [*ours, *others]
        draw.shuffle(company)
        there = dict(zip(company, map(bits, outcomes(company)), strict=True))
        assert [there[one] for one in ours] == alone


@pytest.mark.parametrize("number", range(len(RULES)), ids=lambda number: repr(RULES[number]))
def test_every_rule(number):
    """Finds a rule whose step mixes runs, or sums them in an order that depends on how many there are."""
    agree(replace(MLPS, rule=RULES[number], steps=3, every=3), number, sizes=(9,))


@pytest.mark.parametrize("number, name", enumerate(networks()), ids=[*networks()])
def test_every_network(number, name):
    """Finds a layer whose sums depend on the number of runs, or on where in memory a run's weights begin; under two
    rules, one after the other."""
    data, model = networks()[name]
    run = RunSpec(Classification(data, model), SAM(0.1), batch=8, steps=2, every=2, curvature=False)
    agree(replace(run, then=(Switch(SSAM(SAM(0.2)), 1),)), number, sizes=(9,))


def test_a_batch_that_all_share():
    """Finds products of shared inputs with the weights of all runs whose sums depend on how many there are: of a
    problem so small that a thousand runs step together."""
    run = RunSpec(TanhNet(), SAM(0.1), batch=0, steps=4, every=2, curvature=False)
    assert width(run, "cpu") == chunk.TOYS > width(replace(MLPS, batch=0), "cpu")
    agree(run, 0, sizes=(9, 300))


def test_runs_beside_lost_ones():
    """Finds runs that are mixed up, or go on otherwise, when the lost ones leave them in a smaller ensemble."""
    run = RunSpec(Quadratic(), SAM(0.05), batch=0, steps=80, every=8, curvature=False)
    ours = [replace(run, lr=0.01 * (i + 1)) for i in range(3)]
    lost = [replace(run, lr=100.0 - i) for i in range(10)]
    company = [*lost[:4], ours[0], *lost[4:7], ours[1], *lost[7:], ours[2]]
    there = dict(zip(company, outcomes(company), strict=True))
    alone = [outcomes([one])[0] for one in (*ours, lost[0])]
    assert max(there[one].steps[-1] for one in lost) < run.steps, "they do no more steps"
    assert [bits(there[one]) for one in (*ours, lost[0])] == [*map(bits, alone)]


@pytest.mark.parametrize("toy", TOYS, ids=repr)
def test_toys(toy):
    """The same of landscapes, whose runs differ in their rates alone."""
    draw = random.Random(0)
    runs = [RunSpec(toy, SAM(0.05), lr=1e-4 * 1.3**i, batch=0, steps=4, every=2, curvature=False) for i in range(20)]
    alone = [bits(outcomes([run])[0]) for run in runs[:3]]
    draw.shuffle(company := runs.copy())
    there = dict(zip(company, map(bits, outcomes(company)), strict=True))
    assert [there[run] for run in runs[:3]] == alone


def test_curvature_at_the_end():
    """Finds a search for eigenvalues that starts from another vector, or probes that depend on who was there."""
    agree(replace(MLPS, curvature=True, steps=2, every=1), 0)


@pytest.mark.parametrize("rule", [SAM(0.1), SSAM(SAM(0.2))], ids=repr)
def test_the_run_trained_alone(rule):
    """Finds a look at another step, another count of gradients, another split: both agree up to rounding."""
    problem = Classification(Moons(train=60), MLP(width=5, activation="tanh"))
    run = RunSpec(problem, rule, lr=0.1, batch=20, steps=50, every=10)
    one, other = outcomes([run])[0], of_run(run, returned(record(run, [], "cpu", None)))
    assert one.steps.tolist() == other.steps.tolist() == [0, 10, 20, 30, 40, 50]
    np.testing.assert_allclose(one.curves, other.curves, rtol=1e-5)
    np.testing.assert_allclose(one.ends, other.ends, rtol=5e-3)
