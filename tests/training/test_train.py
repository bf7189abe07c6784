"""Training against a plain module loop; ensembles, neighbours, resumption and measurement leave a run as it is, to
the bit."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import Digits, Moons
from engine.models import CNN, MLP
from engine.problems import PROBLEMS, Classification, Quadratic
from engine.rules import ASAM, ESAM, SAM, SGD, SSAM, USAM, FriendlySAM, LookaheadSAM, LookSAM, RandomSubset, SAMPa
from engine.spec import SpecError, digest
from engine.training.batches import Batches
from engine.training.loop import STRIDE, diverged, train
from engine.training.runs import MEASURES, RunSpec, Switch
from engine.training.schedules import Constant, Cosine, StepDecay
from engine.training.updates import UPDATES, Adam, AdamW, Momentum
from engine.work.kinds import Work
from engine.work.perform import perform
from tests import oracles
from tests.drive import Double, final, frames, last

DATA = Digits(train=200)
NETWORKS = {
    "mlp": (MLP(width=12, depth=2), lambda: oracles.mlp(64, 10, 12, 2, "relu")),
    "mlp-tanh": (MLP(width=9, depth=1, activation="tanh", init="xavier"), lambda: oracles.mlp(64, 10, 9, 1, "tanh")),
    "linear": (MLP(depth=0), lambda: oracles.mlp(64, 10, 20, 0, "relu")),
    "cnn": (CNN(width=4, depth=2), lambda: oracles.cnn(1, 8, 10, 4, 2, "relu")),
    "cnn-softplus": (CNN(width=3, depth=4, activation="softplus"), lambda: oracles.cnn(1, 8, 10, 3, 4, "softplus")),
}
PEERS = {
    Momentum: (Momentum(momentum=0.9, decay=5e-4), 0.05, lambda p: torch.optim.SGD(p, momentum=0.9, weight_decay=5e-4)),
    Adam: (
        Adam(beta1=0.8, beta2=0.99, decay=0.1),
        0.005,
        lambda p: torch.optim.Adam(p, betas=(0.8, 0.99), weight_decay=0.1),
    ),
    AdamW: (
        AdamW(beta1=0.8, beta2=0.99, decay=0.1),
        0.005,
        lambda p: torch.optim.AdamW(p, betas=(0.8, 0.99), weight_decay=0.1),
    ),
}
RATES = {
    Constant: lambda step, steps: 1.0,
    Cosine: lambda step, steps: (1 + math.cos(math.pi * step / steps)) / 2,
    StepDecay: lambda step, steps: 0.1 ** sum(step >= steps * part for part in (1 / 3, 2 / 3)),
}
ALL_RULES = [SGD(), SAM(0.1), USAM(0.1), SSAM(SAM(0.2)), SSAM(SAM(0.2), shrink=True)]
"""Those that the older loop in tests.oracles knows; tests.loops has all."""
ALL_UPDATES = [PEERS[update][0] for update in UPDATES.values()]
BOTH = {"mlp": NETWORKS["mlp"][0], "cnn": NETWORKS["cnn"][0]}


def away(a: torch.Tensor, b: torch.Tensor) -> float:
    """Relative distance of two vectors."""
    return float((a.double() - b.double()).norm() / b.double().norm())


def by_modules(spec: RunSpec, net: torch.nn.Module) -> torch.Tensor:
    """Where the oracle's loop ends from the same start on the same batches."""
    problem = spec.problem
    net = oracles.filled(net, problem.start(spec.seed))
    batches, data = Batches(spec, "cpu"), problem.load("train")
    peer = PEERS[type(spec.update)][2](list(net.parameters()))
    rates = [spec.lr * RATES[type(spec.schedule)](step, spec.steps) for step in range(spec.steps)]
    loss = oracles.criterion(problem.objective)
    rule, rho = (
        type(spec.rule).__name__,
        getattr(spec.rule, "rho", 0.0) or getattr(getattr(spec.rule, "rule", None), "rho", 0.0),
    )
    oracles.descend(
        net,
        (batches.at(i, data) for i in range(spec.steps)),
        loss,
        peer,
        rule,
        rho,
        rates,
        getattr(spec.rule, "shrink", False),
    )
    return oracles.flat(net)


@pytest.mark.parametrize("network", NETWORKS)
def test_module_loop(network):
    """SAM under every update, 30 steps over four epochs, equals the hand-written loop: to 1e-9 in double precision, to
    1e-5 in single. What other rules do is in test_rule_loops."""
    model, net = NETWORKS[network]
    for update in ALL_UPDATES:
        for kind, tolerance in ((Double, 1e-9), (Classification, 1e-5)):
            if kind is Classification and model.activation == "relu":
                # at a kink, rounding in the last bit of a single-precision unit switches a whole gradient: nothing is
                # to be compared
                continue
            lr = PEERS[type(update)][1]
            spec = RunSpec(kind(DATA, model), SAM(0.1), update, lr, batch=24, steps=30, every=30, curvature=False)
            assert away(final(spec).theta, by_modules(spec, net())) < tolerance, (update, kind)


@pytest.mark.parametrize("schedule", RATES)
@pytest.mark.parametrize("objective", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("batch", [0, 24, 200])
def test_module_loop_settings(schedule, objective, batch):
    """The same under every schedule, loss and way of batching."""
    problem = Double(DATA, MLP(width=8, depth=1, activation="gelu"), objective)
    spec = RunSpec(
        problem, SAM(0.1), PEERS[Momentum][0], 0.1, schedule(), batch, steps=30, every=30, curvature=False, seed=3
    )
    assert away(final(spec).theta, by_modules(spec, oracles.mlp(64, 10, 8, 1, "gelu"))) < 1e-9


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


@pytest.mark.parametrize(
    "problem, lr",
    [(Quadratic(), 1.0), (Classification(DATA, BOTH["mlp"], "squared error"), 100.0)],
    ids=["quadratic", "digits"],
)
def test_divergence_ends_the_run_with_its_curves(problem, lr, store):
    spec = RunSpec(problem, SGD(), lr=lr, batch=0, steps=2000, every=10)
    end = last(perform(store, Work(spec)))
    run = store.run(digest(spec))
    assert end.status == run.status == "diverged" and run.reason and "\n" not in run.reason
    assert (
        run.steps[-1] < 2000
        and not np.isfinite(run.measures["train_loss"][-1])
        and np.isfinite(run.measures["train_loss"][:-1]).all()
    )
    assert store.summary(digest(spec)).status == "diverged"


def test_an_ensemble_goes_on_while_one_run_lives():
    spec = RunSpec(Quadratic(), SGD(), lr=0.01, steps=1000, every=100)
    end = frames(spec, replace(spec, lr=5.0))[-1]
    assert end.step == 1000 and diverged(end).tolist() == [False, True]


def test_each_epoch_sees_every_example_once():
    spec = RunSpec(Classification(Moons(train=50)), batch=7, steps=100)
    data = spec.problem.load("train")
    batches = Batches(spec, "cpu")
    epochs = []
    for epoch in range(3):
        rows = torch.cat([batches.at(epoch * 7 + i, data).x for i in range(7)])
        found = (rows[:, None] == data.x[None]).all(2).nonzero()[:, 1].tolist()
        assert len(found) == len(set(found)) == 49
        epochs.append(found)
    assert all(a != b for a, b in itertools.combinations(epochs, 2))
    assert torch.equal(batches.at(10, data).y, Batches(spec, "cpu").at(10, data).y)
    assert not torch.equal(batches.at(10, data).x, Batches(replace(spec, seed=1), "cpu").at(10, data).x)


def test_rules_share_start_and_batches():
    """Two rules of one seed begin at the same weights and see the same examples, so that only the rule differs."""
    spec = RunSpec(Classification(DATA), batch=20)
    other = replace(spec, rule=SGD(), update=AdamW(), lr=0.5, schedule=Cosine())
    assert torch.equal(frames(replace(spec, steps=1))[0].theta, frames(replace(other, steps=1))[0].theta)
    data = spec.problem.load("train")
    assert all(
        torch.equal(Batches(spec, "cpu").at(i, data).x, Batches(other, "cpu").at(i, data).x) for i in (0, 9, 10, 57)
    )


@pytest.mark.parametrize("rule", ALL_RULES, ids=repr)
def test_measures_against_modules(rule):
    """Losses, accuracies, norms, sharpness and cosines of a frame, each computed again from a module, NumPy and the
    dense Hessian."""
    problem = Double(Moons(train=70), MLP(width=6, depth=2, activation="tanh"), "squared error")
    spec = RunSpec(problem, rule, Momentum(0.5, 0.01), 0.2, batch=10, steps=40, every=40)
    frame = frames(spec)[-1]
    m = {name: float(values[0]) for name, values in frame.measures.items()}
    net, loss = oracles.filled(oracles.mlp(2, 2, 6, 2, "tanh"), frame.theta[0]), oracles.criterion("squared error")
    for split in ("train", "test"):
        x, y = problem.load(split)
        assert m[f"{split}_loss"] == pytest.approx(float(loss(net(x), y).detach()), rel=1e-12)
        assert m[f"{split}_accuracy"] == pytest.approx(float((net(x).argmax(1) == y).double().mean()), rel=1e-12)
    x, y = problem.load("train")
    value = oracles.loss_of(net, loss, x, y)
    slope = torch.func.grad(value)
    g = slope(frame.theta[0])
    rho = getattr(rule, "rho", 0.2)
    u = {"SGD": lambda: g, "USAM": lambda: slope(frame.theta[0] + 0.1 * g)}.get(
        type(rule).__name__, lambda: slope(frame.theta[0] + rho * g / g.norm())
    )()
    ascent_norm = float(u.norm())
    u = (
        u * (min(1.0, g.norm() / u.norm()) if getattr(rule, "shrink", False) else g.norm() / u.norm())
        if isinstance(rule, SSAM)
        else u
    )
    values, vectors = torch.linalg.eigh(oracles.hessian(value, frame.theta[0]))
    assert m["gradient_norm"] == pytest.approx(float(g.norm()), rel=1e-9)
    assert m["direction_norm"] == pytest.approx(float(u.norm()), rel=1e-9)
    assert m["sharpness"] == pytest.approx(float(values[-1]), abs=m["sharpness_residual"] + 1e-12)
    assert m["sharpness_residual"] <= 1e-3 * float(values.abs().max())
    assert m["cos_g"] == pytest.approx(float((g @ vectors[:, -1]).abs() / g.norm()), abs=0.01)
    assert m["cos_u"] == pytest.approx(float((u @ vectors[:, -1]).abs() / u.norm()), abs=0.01)
    assert m["lr"] == 0.2 and m["limit"] == pytest.approx(3 / 0.2 - 0.01)
    assert m["edge"] == pytest.approx(spec.rule.edge(m["limit"], m["gradient_norm"], ascent_norm), rel=1e-9)
