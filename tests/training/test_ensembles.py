"""Ensembles: each of their runs is the one that it is alone, and goes on while another is lost."""

from dataclasses import replace

import numpy as np
import pytest

from engine.problems import Classification, Quadratic
from engine.rules import SAM, SGD, SSAM, USAM
from engine.spec import SpecError
from engine.training.loop import diverged, train
from engine.training.runs import MEASURES, RunSpec
from engine.training.schedules import Cosine
from engine.training.updates import Adam, AdamW
from tests.drive import Double, final, frames
from tests.training.settings import ALL_RULES, ALL_UPDATES, BOTH, DATA, away

ENSEMBLES = [
    *((rule, ALL_UPDATES[0], "mlp", Double, "relu", 1e-9) for rule in ALL_RULES),
    *((rule, update, "mlp", Double, "relu", 1e-9) for rule in (SAM(0.1), SSAM(SAM(0.2))) for update in ALL_UPDATES[1:]),
    (SSAM(SAM(0.2), shrink=True), ALL_UPDATES[0], "cnn", Double, "relu", 1e-9),
    (USAM(0.1), ALL_UPDATES[1], "cnn", Classification, "tanh", 1e-5),
    (SAM(0.1), ALL_UPDATES[2], "mlp", Classification, "tanh", 1e-5),
]
"""Every rule and every update, both models and both precisions, each with some of the others."""


@pytest.mark.parametrize("rule, update, model, kind, activation, tolerance", ENSEMBLES, ids=repr)
def test_ensemble_equals_single_runs(rule, update, model, kind, activation, tolerance):
    """Four runs that differ in seed, rate, schedule and the rule's and update's numbers end as each does alone."""
    first = RunSpec(
        kind(DATA, replace(BOTH[model], activation=activation)),
        rule,
        update,
        0.01,
        batch=32,
        steps=50,
        every=50,
        curvature=False,
    )
    changed = {"beta2": 0.9999, "eps": 1e-6} if isinstance(update, AdamW | Adam) else {"momentum": 0.5}
    radius = {"rho": 0.02} if hasattr(rule, "rho") else {}
    runs = [
        first,
        replace(first, seed=1, lr=0.02),
        replace(first, seed=2, schedule=Cosine(), update=replace(update, **changed)),
        replace(first, seed=2, lr=0.005, rule=replace(rule, **radius), update=replace(update, decay=0.0)),
    ]
    together = final(*runs).theta
    assert [away(row, final(run).theta) < tolerance for row, run in zip(together, runs, strict=True)] == [True] * 4


def test_ensemble_measures_as_single_runs():
    spec = RunSpec(Classification(DATA, BOTH["mlp"]), steps=20, every=10)
    runs = [replace(spec, seed=i, lr=0.05 * (i + 1)) for i in range(3)]
    for of_all, *of_each in zip(frames(*runs), *map(frames, runs), strict=True):
        for name in MEASURES:
            assert np.allclose(
                of_all.measures[name], [f.measures[name][0] for f in of_each], rtol=5e-3, equal_nan=True
            ), name


@pytest.mark.parametrize(
    "field, value",
    [
        ("problem", Quadratic()),
        ("batch", 7),
        ("steps", 3),
        ("every", 3),
        ("curvature", False),
        ("rule", SGD()),
        ("update", AdamW()),
    ],
)
def test_ensemble_refuses(field, value):
    spec = RunSpec(Classification(DATA, BOTH["mlp"]), batch=64 if field != "problem" else 0)
    with pytest.raises(SpecError, match=f"^{field}: "):
        next(train([spec, replace(spec, **{field: value})]))


def test_an_ensemble_goes_on_while_one_run_lives():
    spec = RunSpec(Quadratic(), SGD(), lr=0.01, steps=1000, every=100)
    end = frames(spec, replace(spec, lr=5.0))[-1]
    assert end.step == 1000 and diverged(end).tolist() == [False, True]
