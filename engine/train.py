"""Training: the one loop, for one run with plain autograd or for an ensemble under vmap, from the same text of rule and update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from engine.curvature import Hessian, Product, ends, extremes
from engine.data import Examples
from engine.machine import settle
from engine.problem import PROBLEMS, Classification, Problem, evaluate, parts
from engine.rules import RULES, SAM, Gradient, Memory, Rule
from engine.schedules import SCHEDULES, Constant, Schedule
from engine.seeds import generator
from engine.spec import SpecError, flag, knob, knob_of, pick
from engine.updates import UPDATES, Momentum, Update


@dataclass(frozen=True)
class RunSpec:
    """All that determines a run."""

    problem: Problem = pick(Classification(), lambda: PROBLEMS, "Problem")
    rule: Rule = pick(SAM(), lambda: RULES, "Rule", "Which gradient a step descends.")
    update: Update = pick(Momentum(), lambda: UPDATES, "Update", "What is done with that gradient.")
    lr: float = knob(0.1, 1e-6, 100.0, "Learning rate", log=True)
    schedule: Schedule = pick(Constant(), lambda: SCHEDULES, "Schedule", "The learning rate over the run.")
    batch: int = knob(64, 0, 5000, "Batch size", "0 is the full training set. Each epoch is shuffled anew and its incomplete last batch left out.", log=True)
    steps: int = knob(1000, 1, 1_000_000, "Steps", log=True)
    seed: int = knob(0, 0, 2**31 - 1, "Seed", "Decides the initial weights and the order of the batches.")
    every: int = knob(25, 1, 1_000_000, "Measure every", "Steps between measurements; theta is kept at each.", log=True)
    curvature: bool = flag(True, "Track curvature", "Follow the Hessian's top eigenpair at each measurement.")

    def __post_init__(self):
        n = self.problem.examples()
        if self.batch > n > 0:
            raise SpecError(f"batch: expected at most {n}, the number of training examples, or 0 for all of them, got {self.batch}")
        if self.steps > MOST_FRAMES * self.every:
            raise SpecError(f"every: {self.steps} steps measured every {self.every} are more than {MOST_FRAMES} measurements; measure less often")


MOST_FRAMES = 2000
RUNS = {"RunSpec": RunSpec}

MEASURES = {
    "train_loss": "Training loss",
    "train_accuracy": "Training accuracy",
    "test_loss": "Held-out loss",
    "test_accuracy": "Held-out accuracy",
    "gradient_norm": "norm of the full-batch gradient g",
    "direction_norm": "norm of the rule's full-batch direction u",
    "sharpness": "largest eigenvalue of the training loss's Hessian",
    "sharpness_residual": "norm(H v - lambda v)",
    "cos_g": "abs cos of g with the top eigenvector",
    "cos_u": "abs cos of u with the top eigenvector",
    "edge": "the rule's edge of stability",
    "limit": "plain gradient descent's edge under the same update",
    "lr": "learning rate",
}
"""What a frame measures, always on the whole training or held-out set, at w and not at the perturbed point."""


class Frame(NamedTuple):
    """Measurements of R runs after `step` steps: theta [R, n] and, by name, arrays [R]."""

    step: int
    theta: Tensor
    measures: dict[str, np.ndarray]


class State(NamedTuple):
    """Where training goes on from: tensors of one run, or with a leading run axis."""

    step: int
    measured: int  # the last step that was measured
    theta: Tensor
    rule: Memory
    update: Memory
    top: Tensor  # the top eigenvector as last tracked


class Tick(NamedTuple):
    """One breath of the loop: the state, and a frame where one was just measured."""

    state: State
    frame: Frame | None


def train(specs: Sequence[RunSpec], device: str = "cpu", state: State | None = None) -> Iterator[Tick]:
    """Trains one run, or an ensemble of runs that differ in their seed, learning rate, schedule and the numbers of rule and update.

    Yields after every step and, with a frame, after every measurement: whoever drives it decides when to pause, and stops it
    by leaving. A `state` from an earlier tick resumes there, bit for bit. Ends early once every run's loss has left the finite numbers.
    """
    settle()
    spec, problem = specs[0], specs[0].problem
    _check(specs)
    data = problem.load("train", device)
    held_out = problem.load("test", device)
    advance = _single(spec, data, device) if len(specs) == 1 else _ensemble(specs, data, device)
    state = state or _begin(specs, device)
    while True:
        if state.measured != state.step and (state.step % spec.every == 0 or state.step == spec.steps):
            measured = []
            for r, one in enumerate(specs):
                measured.append((yield from _measure(one, _member(state, r, len(specs)), data, held_out, Tick(state, None))))
            rows, tops = zip(*measured, strict=True)
            state = state._replace(measured=state.step, top=tops[0] if len(specs) == 1 else torch.stack(tops))
            frame = Frame(state.step, state.theta.view(len(specs), -1), {k: np.array([row[k] for row in rows]) for k in MEASURES})
            yield Tick(state, frame)
            if diverged(frame).all():
                return
        if state.step == spec.steps:
            return
        state = advance(state)
        yield Tick(state, None)


def diverged(frame: Frame) -> np.ndarray:
    """[R]: which runs' losses are NaN or infinite."""
    return ~np.isfinite(frame.measures["train_loss"])


def _check(specs: Sequence[RunSpec]) -> None:
    first = specs[0]
    for other in specs[1:]:
        for name in ("problem", "batch", "steps", "every", "curvature"):
            if getattr(other, name) != getattr(first, name):
                raise SpecError(f"{name}: the runs of an ensemble must share it")
        for name in ("rule", "update"):
            a, b = getattr(first, name), getattr(other, name)
            if replace(b, **_floats(a)) != a if type(a) is type(b) else True:
                raise SpecError(f"{name}: the runs of an ensemble may differ in its numbers only")


def _begin(specs: Sequence[RunSpec], device: str) -> State:
    states = []
    for spec in specs:
        theta = spec.problem.start(spec.seed).to(device)
        top = torch.randn(len(theta), generator=generator(spec.seed, "top"), dtype=torch.float64).to(theta)
        states.append(State(0, -1, theta, spec.rule.begin(theta), spec.update.begin(theta), top))
    if len(states) == 1:
        return states[0]
    stack = partial(tree_map, lambda *leaves: torch.stack(leaves))
    return State(0, -1, *(stack(*(s[i] for s in states)) for i in range(2, len(State._fields))))


def _single(spec: RunSpec, data: Examples, device: str):
    batches = Batches(spec, device)

    def advance(state: State) -> State:
        x, y = batches.at(state.step, data)
        lr = spec.lr * spec.schedule.factor(state.step, spec.steps)
        gradient = partial(plain_gradient, spec.problem, x, y)
        theta, rule, update = _step(spec.rule, spec.update, gradient, state.theta, state.rule, state.update, lr)
        return state._replace(step=state.step + 1, theta=theta, rule=rule, update=update)

    return advance


def _ensemble(specs: Sequence[RunSpec], data: Examples, device: str):
    spec = specs[0]
    batches = [Batches(s, device) for s in specs]
    stack = partial(torch.tensor, dtype=spec.problem.dtype, device=device)
    rule_floats, update_floats = (
        {k: stack([_floats(getattr(s, part))[k] for s in specs]) for k in _floats(getattr(spec, part))} for part in ("rule", "update")
    )

    def one(rule_values, update_values, theta, rule, update, lr, x, y):
        gradient = torch.func.grad(lambda t: spec.problem.loss(t, x, y))
        return _step(replace(spec.rule, **rule_values), replace(spec.update, **update_values), gradient, theta, rule, update, lr)

    whole = batches[0].whole
    each = torch.vmap(one, in_dims=(0, 0, 0, 0, 0, 0, None, None) if whole else 0)

    def advance(state: State) -> State:
        x, y = data if whole else map(torch.stack, zip(*(b.at(state.step, data) for b in batches), strict=True))
        lr = stack([s.lr * s.schedule.factor(state.step, s.steps) for s in specs])
        theta, rule, update = each(rule_floats, update_floats, state.theta, state.rule, state.update, lr, x, y)
        return state._replace(step=state.step + 1, theta=theta, rule=rule, update=update)

    return advance


def _step(rule: Rule, update: Update, gradient: Gradient, theta: Tensor, rule_memory: Memory, update_memory: Memory, lr):
    d, rule_memory = rule.direction(gradient, theta, rule_memory)
    theta, update_memory = update.apply(theta, d, update_memory, lr)
    return theta, rule_memory, update_memory


def plain_gradient(problem: Problem, x: Tensor | None, y: Tensor | None, theta: Tensor) -> Tensor:
    """The gradient [n] of the mean loss over a batch."""
    theta = theta.detach().requires_grad_()
    return torch.autograd.grad(problem.loss(theta, x, y), theta)[0]


def _floats(part: Any) -> dict[str, float]:
    """The real-valued fields of a rule or update: those that may differ within an ensemble."""
    return {f.name: getattr(part, f.name) for f in fields(part) if knob_of(f).kind == "number"}


class Batches:
    """Which examples each step sees: every epoch a new permutation, cut in batches; a pure function of seed and step."""

    def __init__(self, spec: RunSpec, device: str):
        self.seed, self.device, self.n = spec.seed, device, spec.problem.examples()
        self.size = min(spec.batch, self.n) or self.n  # a toy has no examples, whatever its batch
        self.whole = self.size == self.n
        self.epoch, self.order = -1, torch.empty(0, dtype=torch.int64)

    def at(self, step: int, data: Examples) -> Examples:
        """The batch of one step."""
        if self.whole:
            return data
        epoch, position = divmod(step, self.n // self.size)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, torch.randperm(self.n, generator=generator(self.seed, "batches", epoch)).to(self.device)
        picked = self.order[position * self.size : (position + 1) * self.size]
        return Examples(data.x.index_select(0, picked), data.y.index_select(0, picked))


def _member(state: State, r: int, runs: int) -> State:
    return state if runs == 1 else State(state.step, state.measured, state.theta[r], {k: v[r] for k, v in state.rule.items()}, {}, state.top[r])


def _measure(spec: RunSpec, state: State, data: Examples, held_out: Examples, breath: Tick):
    """All MEASURES of one run, and its top eigenvector; yields a breath between products."""
    problem, theta = spec.problem, state.theta
    lr = spec.lr * spec.schedule.factor(min(state.step, spec.steps - 1), spec.steps)
    row = dict.fromkeys(MEASURES, float("nan")) | {"lr": lr, "limit": spec.update.limit(lr)}
    row["train_loss"], row["train_accuracy"] = evaluate(problem, theta, data).tolist()
    row["test_loss"], row["test_accuracy"] = evaluate(problem, theta, held_out).tolist() if len(held_out) else (float("nan"),) * 2
    hessian = Hessian(parts(problem, data), theta)
    g, u = full_batch(spec, hessian, theta, state.rule)
    row["gradient_norm"], row["direction_norm"] = g.norm().item(), u.norm().item()
    row["edge"] = spec.rule.edge(row["limit"], row["gradient_norm"])
    top = state.top
    if spec.curvature and torch.isfinite(g).all():
        random = generator(spec.seed, "track", state.step)
        try:
            for krylov in track(hessian, top[None], random, tol=1e-3):
                yield breath
            pairs = krylov.ritz(ends(1, 0, krylov.count))
            top = pairs.vectors[0]
            row |= {"sharpness": pairs.values[0], "sharpness_residual": pairs.residuals[0]}
            row |= {"cos_g": cosine(g, top), "cos_u": cosine(u, top)}
        except FloatingPointError:
            pass
    return row, top


def full_batch(spec: RunSpec, hessian: Hessian, theta: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """The full-batch gradient g at theta, and the direction u that the rule makes of full-batch gradients."""
    g = hessian.gradient

    def gradient(t: Tensor) -> Tensor:
        if t is theta:
            return g
        t = t.detach().requires_grad_()
        return reduce(torch.add, (torch.autograd.grad(loss(t), t)[0] for loss in hessian.losses))

    return g, spec.rule.direction(gradient, theta, memory)[0]


def track(product: Product, last: Tensor, random: torch.Generator, tol: float):
    """`extremes` for the eigenvectors last [k, n] after theta has moved: starts from them and from one random vector, so that
    an eigenvalue that has risen past them is seen."""
    fresh = torch.randn(last.shape[1], generator=random, dtype=torch.float64).to(last)
    return extremes(product, torch.cat([last, fresh[None]]), random, top=len(last), tol=tol, limit=100, look=8)


def cosine(a: Tensor, b: Tensor) -> float:
    """abs cos of the angle between two vectors; 0 where one is 0."""
    return float((a @ b).abs() / (a.norm() * b.norm()).clamp(min=1e-30))
