"""A run repeated, gone on with after an interruption, or measured more often is the same run, to the bit."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import Moons
from engine.models import MLP
from engine.problems import PROBLEMS, Classification
from engine.rules import ASAM, ESAM, SAM, SSAM, USAM, FriendlySAM, LookaheadSAM, LookSAM, RandomSubset, SAMPa
from engine.spec import digest
from engine.training.loop import STRIDE, train
from engine.training.recording import kept
from engine.training.runs import MEASURES, RunSpec, Switch
from engine.training.schedules import Cosine
from engine.training.updates import Adam, AdamW, Momentum
from engine.work.kinds import Work
from engine.work.perform import perform
from tests.drive import frames, last
from tests.family import each_rule, suits
from tests.training.settings import ALL_UPDATES, BOTH, DATA

TOYS = [cls() for cls in PROBLEMS.values() if cls is not Classification]
SPECS = {
    "mlp": RunSpec(Classification(DATA, BOTH["mlp"]), batch=24, steps=24, every=6),
    "cnn-adamw": RunSpec(Classification(DATA, BOTH["cnn"]), USAM(0.05), AdamW(), 0.01, Cosine(), 32, steps=14, every=5),
    "switches": RunSpec(
        Classification(DATA, MLP(6, norm="batch")),
        FriendlySAM(0.1),
        Momentum(0.9),
        0.05,
        batch=24,
        steps=16,
        every=5,
        then=(
            Switch(ASAM(scale="layerwise"), 7),
            Switch(LookSAM(k=3), 9),
            Switch(SAM(mask=RandomSubset()), 11, restart=False),
        ),
        clip=2.0,
        warmup=4,
    ),
    "noise": RunSpec(Classification(DATA, MLP(6)), ESAM(0.1), Adam(), 0.01, batch=24, steps=12, every=5),
    "next batch": RunSpec(Classification(DATA, MLP(6)), SAMPa(0.1), Momentum(0.9, 1e-3), batch=24, steps=14, every=5),
    "slow weights": RunSpec(Classification(DATA, MLP(6)), LookaheadSAM(0.1, 4), batch=24, steps=14, every=5),
    "full": RunSpec(
        Classification(Moons(train=60), MLP(width=5)), SSAM(SAM(0.1)), Momentum(0.9), 0.1, batch=0, steps=15, every=4
    ),
} | {type(toy).__name__: RunSpec(toy, SAM(0.05), lr=0.01, batch=0, steps=12, every=4) for toy in TOYS}


@pytest.mark.parametrize("name", SPECS)
def test_same_spec_same_run(name):
    a, b = frames(SPECS[name]), frames(SPECS[name])
    switches = {switch.at for switch in SPECS[name].then}
    assert [f.step for f in a] == sorted(
        {*range(0, SPECS[name].steps, SPECS[name].every), SPECS[name].steps} | switches
    )
    for one, other in zip(a, b, strict=True):
        assert torch.equal(one.theta, other.theta)
        assert all(np.array_equal(one.measures[k], other.measures[k], equal_nan=True) for k in MEASURES)


@pytest.mark.parametrize("name", SPECS)
def test_resumes_bit_for_bit(name, store):
    """Interrupted between steps and in the middle of measurements, and gone on with from the store, a run is the
    uninterrupted one."""
    spec = SPECS[name]
    whole, lives = frames(spec, stride=STRIDE), 0
    for ticks in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 10_000):
        task = perform(store, Work(spec))
        before = len(store.run(digest(spec)).steps) if store.has(digest(spec)) else 0
        at = last(itertools.islice(task, before + ticks))
        lives += 1
        if at.status != "running":
            break
        task.close()  # type: ignore[attr-defined]
    run = store.run(digest(spec))
    assert lives > 4 and run.status == "finished" and not run.state
    assert run.steps.tolist() == [f.step for f in whole] and (np.diff(run.seconds) >= 0).all()
    assert run.path.dtype == whole[0].theta.numpy().dtype and np.array_equal(
        run.path, torch.cat([f.theta for f in whole]).numpy()
    )
    for k in MEASURES:
        assert np.array_equal(run.measures[k], np.concatenate([f.measures[k] for f in whole]), equal_nan=True), k


@pytest.mark.parametrize("update", ALL_UPDATES, ids=lambda u: type(u).__name__)
def test_resumes_from_any_state(update):
    """From the state of every single tick on, the frames still to come are the same."""
    spec = RunSpec(Classification(Moons(train=60), MLP(width=5)), SAM(0.1), update, 0.05, batch=16, steps=12, every=4)
    ticks = list(train([spec]))
    for i in range(0, len(ticks), 3):
        ahead = [t.frame for t in ticks[i + 1 :] if t.frame]
        again = [t.frame for t in train([spec], state=ticks[i].state) if t.frame]
        assert len(ahead) == len(again)
        for one, other in zip(ahead, again, strict=True):
            assert torch.equal(one.theta, other.theta)
            assert all(np.array_equal(one.measures[k], other.measures[k], equal_nan=True) for k in MEASURES)


def test_measuring_leaves_the_path_alone():
    spec = replace(SPECS["mlp"], steps=50)
    often, rarely, plainly = (
        frames(replace(spec, **change)) for change in ({"every": 1}, {"every": 25}, {"every": 25, "curvature": False})
    )
    at = {f.step: f.theta for f in often}
    assert all(torch.equal(f.theta, at[f.step]) for f in (*rarely, *plainly))
    assert np.isnan(plainly[-1].measures["sharpness"]).all() and np.isfinite(rarely[-1].measures["sharpness"]).all()


def test_every_rules_state_is_kept(store):
    """What a rule remembers comes back from the store as it was, whatever its type: a record refuses what it does not
    know, and the run would fail when it is saved for the first time."""
    for rule in each_rule():
        problem = Classification(DATA, MLP(6, norm="batch"))
        if not suits(rule, problem):
            continue
        spec = RunSpec(problem, rule, Momentum(0.9), 0.05, batch=24, steps=6, every=3)
        task = perform(store, Work(spec))
        while next(task).done < 2:
            pass
        task.close()  # type: ignore[attr-defined]
        state = next(tick.state for tick in train([spec]) if tick.state.step == store.run(digest(spec)).state["step"])
        for name, values in kept(state).items():
            again = store.run(digest(spec)).state[name]
            assert again.dtype == values.dtype and again.shape == values.shape, (rule, name)
