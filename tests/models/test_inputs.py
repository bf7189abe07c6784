"""The adversary of adversarial training: it stays in its ball, it raises the loss, and it is the textbook's loop."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from engine.data import Characters, Graphs, Moons
from engine.models import MLP, GraphNet, Transformer
from engine.problems import Beale, Classification, DiagonalNet
from engine.rules import PGD, SSAM, Step, functional
from engine.spec import SpecError
from engine.training.runs import RunSpec, Switch
from tests.drive import Double, final

PROBLEM = Double(Moons(40), MLP(6, 2, "tanh"))
NORMS = ["infinity", "2"]


def step(problem=PROBLEM, count: int = 16, **more) -> Step:
    x, y = problem.load("train")
    start = problem.start(3)
    w = start + 0.3 * torch.randn(len(start), generator=torch.Generator().manual_seed(0), dtype=start.dtype)
    return Step(problem, w, x[:count], y[:count], **more)


def lengths(delta: torch.Tensor, norm: str) -> torch.Tensor:
    return delta.flatten(1).abs().max(1).values if norm == "infinity" else delta.flatten(1).norm(dim=1)


@pytest.mark.parametrize("problem", [PROBLEM, Double(Moons(40), MLP(6, 1, norm="batch")), DiagonalNet(40, 5)], ids=repr)
@pytest.mark.parametrize("norm", NORMS)
def test_the_adversary_stays_in_its_ball_and_raises_the_loss(norm, problem):
    """By the radius, not by the steps: with many of them it comes to the ball's edge, and each loss is higher than
    before."""
    at = step(problem)
    before = at.losses(at.w)
    for eps in (0.01, 0.3):
        moved = PGD(eps, 20, 0.3, norm).moved(at)
        assert lengths(moved - at.x, norm).max() <= eps * (1 + 1e-9)
        assert lengths(moved - at.x, norm).median() > 0.99 * eps
        assert problem.loss(at.w, moved, at.y) > before.mean()
        if eps == 0.01 and not problem.mixes:
            assert (problem.losses(at.w, moved, at.y) > before).all()


@pytest.mark.parametrize("norm", NORMS)
def test_one_step_against_calculus(norm):
    """Of a linear model with two classes the loss falls with (w1 - w0)·x on the first, whose gradient has the
    direction w0 - w1 on all examples."""
    problem = Double(Moons(20), MLP(depth=0))
    at = step(problem)
    rows = at.w[:4].view(2, 2)
    slope = torch.where(at.y[:, None] == 1, rows[0] - rows[1], rows[1] - rows[0])
    away = slope.sign() if norm == "infinity" else slope / slope.norm(dim=1, keepdim=True)
    assert torch.allclose(PGD(0.5, 3, 0.5, norm).moved(at) - at.x, 0.5 * away, atol=1e-10)


@pytest.mark.parametrize("norm", NORMS)
def test_direction_against_a_plain_loop(norm):
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    at = step()
    nn.utils.vector_to_parameters(at.w, net.parameters())
    x, loss = at.x.clone(), nn.CrossEntropyLoss()
    for _ in range(4):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(loss(net(x), at.y), x)
        x = x.detach() + 0.2 * 0.5 * (slope.sign() if norm == "infinity" else slope / slope.norm(dim=1, keepdim=True))
        delta = x - at.x
        x = at.x + (
            delta.clamp(-0.2, 0.2)
            if norm == "infinity"
            else delta * torch.clamp(0.2 / delta.norm(dim=1, keepdim=True), max=1)
        )
    grads = torch.autograd.grad(loss(net(x), at.y), list(net.parameters()))
    d, memory = PGD(0.2, 4, 0.5, norm).direction(at, {})
    assert torch.allclose(d, torch.cat([g.flatten() for g in grads]), rtol=1e-9, atol=1e-12)
    assert not memory


@pytest.mark.parametrize("norm", NORMS)
def test_chunks_and_function_transforms_change_nothing(norm):
    rule = PGD(0.3, 3, 0.4, norm)
    whole, parts, traced = (rule.direction(at, {})[0] for at in (step(), step(chunk=5), step(differentiate=functional)))
    assert torch.allclose(whole, parts, atol=1e-12)
    assert torch.allclose(whole, traced, atol=1e-12)


def test_every_pass_back_is_counted():
    """Of part of a batch, as that part; in chunks, once; and in a run, those of the adversary for as long as there
    is one."""
    for at in (step(), step(chunk=5)):
        PGD(steps=4).direction(at, {})
        assert at.asked == [1.0] * 5
    at = step()
    PGD(steps=4).direction(at.on(torch.arange(4)), {})
    assert at.asked == [0.25] * 5
    run = RunSpec(PROBLEM, lr=0.1, batch=10, steps=8, every=8, curvature=False, then=(Switch(PGD(steps=3), 6),))
    assert final(run).gradients == 6 * 2 + 2 * 4


@pytest.mark.parametrize("norm", NORMS)
def test_without_a_radius_it_is_plain_descent(norm):
    at = step()
    assert torch.equal(PGD(0.0, 3, 0.4, norm).direction(at, {})[0], at.g)


def test_runs_of_an_ensemble_may_differ_in_their_radii():
    """Down to 0, and as each does alone."""
    one = RunSpec(PROBLEM, PGD(0.3, 2, 0.6), lr=0.1, batch=10, steps=6, every=6, curvature=False)
    two = replace(one, rule=PGD(0.0, 2, 0.3))
    together, *alone = final(one, two), final(one), final(two)
    assert [torch.allclose(row, run.theta, atol=1e-10) for row, run in zip(together.theta, alone, strict=True)] == [
        True,
        True,
    ]


REFUSED = {
    "none": (Beale(), "this problem has none"),
    "tokens": (Classification(Characters(), Transformer()), "this dataset has tokens"),
    "graphs": (Classification(Graphs(), GraphNet()), "this dataset has graphs"),
    "graphs to an MLP": (Classification(Graphs(), MLP()), "this dataset has graphs"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_inputs_that_cannot_be_moved_are_refused(what):
    problem, words = REFUSED[what]
    with pytest.raises(SpecError, match=rf"^rule: PGD moves inputs.*{words}"):
        RunSpec(problem, PGD(), batch=0)
    with pytest.raises(SpecError, match=r"^rule\.rule: PGD moves inputs"):
        RunSpec(problem, SSAM(PGD()), batch=0)
    with pytest.raises(SpecError, match=r"^then\[0\]\.rule: PGD moves inputs"):
        RunSpec(problem, batch=0, then=(Switch(PGD()),))
