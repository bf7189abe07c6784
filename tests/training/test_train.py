"""Training against a plain module loop: where it ends, which examples it sees, what it measures, and how a run that
diverges ends."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import Moons
from engine.models import MLP
from engine.problems import Classification, Quadratic
from engine.rules import SAM, SGD, SSAM
from engine.spec import digest
from engine.training.batches import Batches
from engine.training.runs import RunSpec
from engine.training.schedules import Constant, Cosine, StepDecay
from engine.training.updates import AdamW, Momentum
from engine.work.kinds import Work
from engine.work.perform import perform
from tests import oracles
from tests.drive import Double, final, frames, last
from tests.training.settings import ALL_RULES, ALL_UPDATES, BOTH, DATA, NETWORKS, PEERS, away

RATES = {
    Constant: lambda step, steps: 1.0,
    Cosine: lambda step, steps: (1 + math.cos(math.pi * step / steps)) / 2,
    StepDecay: lambda step, steps: 0.1 ** sum(step >= steps * part for part in (1 / 3, 2 / 3)),
}


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
