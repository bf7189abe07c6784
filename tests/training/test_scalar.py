"""Steps of toy landscapes as programs of floats: the same as the steps on tensors, and never where they would not
be."""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
import torch

from engine.problems import PROBLEMS, Beale, Product, Quadratic, Saddle, TwoCurvatures
from engine.problems.toys import TOYS
from engine.rules import ASAM, GSAM, RULES, SAM, SGD, SSAM, USAM, RandomDirection, Rule, need
from engine.spec import SpecError, choice
from engine.training.loop import State, Tick, train
from engine.training.program import traced
from engine.training.runs import RunSpec, Switch
from engine.training.scalar import Course, course, offered
from engine.training.schedules import Cosine
from engine.training.updates import UPDATES, Adam, Momentum

GENTLE = {
    Quadratic: Quadratic((2.0, 1.0)),
    Product: Product((0.5, 2.0)),
    Saddle: Saddle((0.3, 0.4)),
    Beale: Beale((2.5, 0.4)),
    TwoCurvatures: TwoCurvatures(),
}
"""Starts from which nothing is chaotic at LR."""
LR = 1e-3


def settled(spec: RunSpec, stride: int, state: State | None = None) -> list[Tick]:
    return list(train([spec], state=state, stride=stride))


def spec_of(problem, rule, **settings) -> RunSpec:
    """A run that measures nothing but its ends."""
    return RunSpec(
        problem,
        rule,
        **({"lr": LR, "batch": min(1, problem.examples()), "steps": 60, "every": 60, "curvature": False} | settings),
    )


def fast(spec: RunSpec) -> Course | None:
    return course(spec, 0, spec.problem.load("train"))


def apart(a: State, b: State) -> float:
    """The largest relative distance of what moves in two states."""
    distances = [float((a.theta - b.theta).norm() / b.theta.norm())]
    for one, other in ((a.rule, b.rule), (a.update, b.update)):
        assert one.keys() == other.keys() and all(
            one[k].dtype == other[k].dtype and one[k].shape == other[k].shape for k in one
        )
        distances += [
            float((one[k].double() - other[k].double()).norm() / (other[k].double().norm() + 1e-6)) for k in one
        ]
    return max(distances)


def test_every_toy_has_a_gentle_start():
    assert set(GENTLE) == set(TOYS) and all(
        offered(problem, "cpu") and not offered(problem, "cuda") for problem in GENTLE.values()
    )
    assert not any(offered(PROBLEMS[name](), "cpu") for name in PROBLEMS.keys() - {cls.__name__ for cls in TOYS})


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("problem", GENTLE.values(), ids=lambda p: type(p).__name__)
def test_every_rule_on_every_toy(problem, rule):
    try:
        spec = spec_of(problem, rule())
    except SpecError:
        pytest.skip("this rule has nothing to do on this problem")
    assert (fast(spec) is None) <= need(spec.rule, "clock") + need(spec.rule, "noise"), (
        "a step without clock and noise is a program"
    )
    one, other = (settled(spec, stride)[-1].state for stride in (1000, 1))
    assert apart(one, other) < 1e-12 and one.gradients == other.gradients and one.step == other.step == 60
    assert all(torch.equal(a, b) for a, b in zip(one.rule.values(), other.rule.values(), strict=True)) or need(
        spec.rule, "past"
    )


SETTINGS = {
    "momentum": {"update": Momentum(0.9, 0.01, True)},
    "decoupled": {"update": Momentum(0.9, 0.01, decoupled=True)},
    **{name: {"update": update()} for name, update in UPDATES.items()},
    "clip": {"clip": 0.01},
    "schedule": {"schedule": Cosine(), "warmup": 20, "radius": "with the rate"},
    "switches": {"then": (Switch(USAM(0.1), 20), Switch(ASAM(0.3), 41, restart=False)), "update": Adam()},
    "long": {"steps": 300, "every": 99},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize(
    "rule", [SAM(0.1), SSAM(SAM(0.1), shrink=True), GSAM(0.1), RandomDirection(0.1)], ids=lambda r: type(r).__name__
)
@pytest.mark.parametrize("problem", [Product((0.5, 2.0)), TwoCurvatures()], ids=lambda p: type(p).__name__)
def test_every_setting(problem, rule, settings):
    spec = spec_of(problem, rule, **settings)
    assert fast(spec)
    one, other = (settled(spec, stride) for stride in (40, 1))
    assert apart(one[-1].state, other[-1].state) < 1e-12 and one[-1].state.gradients == other[-1].state.gradients
    for a, b in zip((t.frame for t in one if t.frame), (t.frame for t in other if t.frame), strict=True):
        assert a.step == b.step and all(
            np.allclose(a.measures[k], b.measures[k], 1e-11, 1e-14, equal_nan=True) for k in a.measures
        )


def test_ticks_stop_at_measurements_and_switches():
    spec = spec_of(Product(), SAM(), steps=100, every=40, then=(Switch(SGD(), 55),))
    steps = [tick.state.step for tick in settled(spec, 30) if tick.frame is None]
    assert steps == [30, 40, 55, 80, 100]
    assert [tick.state.step for tick in train([spec]) if tick.frame is None] == list(range(1, 101))


@pytest.mark.parametrize("problem", [Product(), TwoCurvatures()], ids=lambda p: type(p).__name__)
def test_resumes_bit_for_bit(problem):
    spec = spec_of(problem, RandomDirection(0.1), update=Adam(), steps=90, every=40, then=(Switch(SAM(), 50),))
    ticks = settled(spec, 7)
    for i, tick in enumerate(ticks[:-1]):
        again = settled(spec, 7, tick.state)
        assert len(again) == len(ticks) - i - 1
        for one, other in zip(again, ticks[i + 1 :], strict=True):
            assert (
                one.state.step == other.state.step
                and one.state.gradients == other.state.gradients
                and torch.equal(one.state.theta, other.state.theta)
            )
            assert all(torch.equal(one.state.update[k], other.state.update[k]) for k in one.state.update)


def test_the_length_of_a_stride_changes_nothing():
    spec = spec_of(Beale(), SAM(), update=Momentum(0.9))
    assert len({tuple(settled(spec, stride)[-1].state.theta.tolist()) for stride in (2, 7, 1000)}) == 1


def test_ensembles_are_their_runs():
    spec = spec_of(TwoCurvatures(), SAM(0.1), update=Momentum(0.5), steps=150, every=150)
    specs = [spec, replace(spec, seed=1, rule=SAM(0.2)), replace(spec, lr=2 * LR, update=Momentum(0.8))]
    ticks = list(train(specs, stride=50))
    assert len(ticks) == 2 + 3
    alone = torch.stack([settled(one, 50)[-1].state.theta for one in specs])
    assert torch.equal(ticks[-1].state.theta, alone) and len(alone.unique(dim=0)) == 3
    *_, vmapped = train(specs)
    assert apart(ticks[-1].state, vmapped.state) < 1e-12 and ticks[-1].state.gradients == vmapped.state.gradients


HOW = ("sorts", "looks", "takes_out", "draws", "tells_the_time", "writes", "rounds", "integers")


@dataclass(frozen=True)
class Odd(Rule):
    """A rule that does something with the gradient that no program does; `how` says what."""

    how: str = choice("sorts", HOW, "How")

    def direction(self, step, memory):
        return getattr(self, self.how)(step), memory

    def sorts(self, step):
        return step.g.sort().values

    def looks(self, step):
        return step.g if step.g.sum() > 0 else 2 * step.g

    def takes_out(self, step):
        return step.g * float(step.g.detach().numpy()[0])

    def draws(self, step):
        return step.g + 0.01 * torch.randn_like(step.g)

    def tells_the_time(self, step):
        return step.g * (1 + step.clock.age % 2)

    def writes(self, step):
        return step.g[:1].mul_(2).expand(2)

    def rounds(self, step):
        return step.g.float().double()

    def integers(self, step):
        return step.g[step.g.argmax()] * step.g


@pytest.mark.parametrize("how", HOW)
def test_what_cannot_be_a_program_takes_the_ordinary_steps(how):
    spec = spec_of(Product(), Odd(how), steps=20, every=20)
    assert fast(spec_of(Product(), SGD())) and not fast(spec)
    states = []
    for stride in (1000, 1):
        torch.manual_seed(0)
        states.append(settled(spec, stride)[-1].state)
    assert (how == "draws" or torch.equal(states[0].theta, states[1].theta)) and states[0].step == 20


@dataclass(frozen=True)
class Corner(Product):
    """The sum of the coordinates' sizes, as roots: its gradient where one is 0 is NaN."""

    def value(self, theta):
        return (theta**2).sqrt().sum()


def test_where_python_refuses_a_step_is_taken_on_tensors():
    """1/0 raises in Python and is infinite in a tensor."""
    spec = spec_of(Corner((1.0, 4.0)), SGD(), lr=0.25, steps=10, every=10)
    assert fast(spec)
    one, other = (settled(spec, stride)[-1] for stride in (1000, 1))
    assert one.state.theta.isnan().tolist() == other.state.theta.isnan().tolist() == [True, False]
    assert one.state.theta[1] == other.state.theta[1] == 1.5 and one.state.gradients == other.state.gradients == 10


def test_divergence_ends_a_run_as_ever():
    spec = spec_of(Quadratic(), SGD(), lr=1.0, steps=2000, every=100)
    one, other = (settled(spec, stride)[-1].frame for stride in (1000, 1))
    assert one and other and one.step == other.step < 2000 and not math.isfinite(one.measures["train_loss"][0])


A, B = (
    torch.tensor([[0.5, -1.5, 2.0], [0.3, 0.0, -0.7]], dtype=torch.float64),
    torch.tensor([1.0, 2.0, -1.5], dtype=torch.float64),
)
FUNCTIONS = {
    "arithmetic": lambda a, b: torch.add(a, b, alpha=2) - torch.sub(a, b, alpha=3) * -b / 4 + torch.rsub(a, 2.0),
    "powers": lambda a, b: a**2 + a**3 - a**4 + a**1 + a**0 + b.abs() ** 1.5 + 0.9**b + b**-2,
    "roots": lambda a, b: a.abs().sqrt() + (b * b).rsqrt() + b.reciprocal(),
    "functions": lambda a, b: a.exp() + a.tanh() * b.sin() - a.cos(),
    "choices": lambda a, b: (
        torch.where(a > b, a, b * 2)
        + a.sign() * (a <= 0)
        + a.clamp(-1, 0.4)
        + a.clamp(min=0)
        + torch.maximum(a, b)
        - torch.minimum(a, b)
    ),
    "comparisons": lambda a, b: torch.where(a == 0, b, a) + (a != 0) * a + (a < b) * b + (a >= b) * a,
    "sums": lambda a, b: a.sum() + a.sum(0) * a.mean(1, keepdim=True) + a.sum((0, 1)) + a.mean() + a.mean(0),
    "products": lambda a, b: (a @ b) @ (a @ b) + a @ a.T @ a @ b,
    "norms": lambda a, b: a.norm() * b / b.norm() + a.norm(dim=0) + torch.linalg.vector_norm(a, dim=1, keepdim=True),
    "mixtures": lambda a, b: (
        torch.addcdiv(a, b, b.norm(), value=0.3)
        + torch.addcmul(a, b, b, value=2)
        + torch.lerp(a, a * b, 0.3)
        + torch.lerp(b, a, b.sum())
    ),
    "parts": lambda a, b: (
        torch.stack([a[0], a[:, 1:].sum(0).repeat_interleave(1).sum() * b, *a.unbind()]) + torch.cat([b[:1], b[1:]])
    ),
    "shapes": lambda a, b: (
        a.T.reshape(2, 3)
        + b.unsqueeze(0).expand(2, -1).squeeze()
        + a.view(3, 2).transpose(0, 1)
        + a[None].permute(1, 0, 2).squeeze(1)
    ),
    "constants": lambda a, b: (
        torch.ones_like(a) * a
        + torch.zeros_like(a)
        + torch.tensor([1.0, 2.0, 3.0], dtype=a.dtype) * b
        + a.detach().clone() * -0.0
    ),
    "gradients": lambda a, b: torch.func.grad(
        lambda t: (t[0, 1:] ** 2).sum() * t[1].norm() + (t * b.abs()).sqrt().mean()
    )(a.abs() + b.abs()),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_operations(f):
    """Each with itself on tensors, at another point than it was traced at, and at infinite numbers and NaN."""
    program = traced(f, (A, B), f(A, B))
    for a, b in ((A + 0.1, B - 0.3), (A * 3, B * 0.2)):
        assert np.allclose(program([*a.ravel().tolist(), *b.tolist()]), f(a, b).ravel(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("a, b", list(product((1.0, -1.0, math.inf, math.nan), repeat=2)))
def test_comparisons_keep_nan(a, b):
    def f(x):
        return torch.stack(
            [
                torch.maximum(x[0], x[1]),
                torch.minimum(x[0], x[1]),
                x[0].clamp(max=0.5),
                x[1].clamp(-0.5, 0.5),
                x[0].sign(),
                x[1].abs(),
            ]
        )

    x = torch.tensor([0.1, 0.2], dtype=torch.float64)
    assert np.array_equal(
        traced(f, (x,), f(x))([a, b]), f(torch.tensor([a, b], dtype=torch.float64)).numpy(), equal_nan=True
    )
