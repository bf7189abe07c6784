"""Measuring a run: losses, norms, the top eigenpair, and the rule's direction, all on the whole training or held-out
set."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from engine.curvature import Hessian, Product, confirmed, ends, extremes
from engine.data import Examples
from engine.problems import Problem, chunk_of, evaluate, parts
from engine.records import meanwhile
from engine.rules import Memory, Step, need
from engine.seeds import generator
from engine.training.runs import MEASURES, RunSpec
from engine.training.state import State
from engine.training.updates import moved

T = TypeVar("T")


def measure(
    spec: RunSpec, state: State, data: Examples, held_out: Examples, breath: T
) -> Generator[T, None, tuple[dict[str, float], Tensor]]:
    """All of MEASURES of one run, and its top eigenvector [n] as now tracked. Yields `breath` between products."""
    problem, t, top = spec.problem, state.step, state.top
    row = dict.fromkeys(MEASURES, math.nan) | _settings(spec, t) | _scores(problem, state.theta, data, held_out)
    hessian = Hessian(parts(problem, data), state.theta)
    step = whole(spec, state.theta, data, t, state.update)
    g, u, ascent_norm = full_batch(spec, step, hessian, state.rule, t)
    row |= {"gradients": state.gradients, "gradient_norm": g.norm().item(), "direction_norm": u.norm().item()}
    row["edge"] = spec.rule_at(t).edge(row["limit"], row["gradient_norm"], ascent_norm)
    if spec.curvature and torch.isfinite(g).all():
        try:
            for krylov in track(hessian, top[None], generator(spec.seed, "track", t), tol=1e-3):
                yield breath
            found = krylov.ritz(ends(1, 0, krylov.count))
            pairs = yield from meanwhile(confirmed(problem, state.theta, found), breath)
        except FloatingPointError:  # the Hessian is not finite here
            return row, top
        top = pairs.vectors[0]
        row |= {"sharpness": pairs.values[0], "sharpness_residual": pairs.residuals[0]}
        row |= {"cos_g": cosine(g, top), "cos_u": cosine(u, top)}
    return row, top


def _settings(spec: RunSpec, step: int) -> dict[str, float]:
    """What is in force at a step."""
    lr = spec.lr * spec.factor(step)
    return {"lr": lr, "limit": spec.update.limit(lr), "phase": float(spec.phase(step))}


def _scores(problem: Problem, theta: Tensor, data: Examples, held_out: Examples) -> dict[str, float]:
    """Loss and accuracy over both sets; of a held-out set without examples, none."""
    scores = {}
    for name, examples in (("train", data), ("test", held_out)):
        if name == "train" or len(examples):
            scores[f"{name}_loss"], scores[f"{name}_accuracy"] = evaluate(problem, theta, examples).tolist()
    return scores


def whole(spec: RunSpec, theta: Tensor, data: Examples, step: int, buffers: Memory) -> Step:
    """The step that the run would take from theta [n], with its update's buffers, and with the whole training set for
    this batch and the next."""
    factor = spec.factor(step)
    noise = noise_at(spec, step, theta) if need(spec.rule_at(step), "noise") else None
    chunk = len(data) if spec.problem.mixes else chunk_of(spec.problem, data)
    return Step(
        spec.problem,
        theta,
        *data,
        lr=spec.lr * factor,
        factor=factor,
        clock=spec.clock(step),
        velocity=buffers["m"],
        move=lambda d: moved(spec.update, spec.clip, theta, d, buffers, spec.lr * factor)[0],
        noise=noise,
        chunk=chunk,
    )


def noise_at(spec: RunSpec, step: int, like: Tensor) -> Tensor:
    """The standard normal numbers [n] that a noisy rule uses at a step."""
    return torch.randn(like.shape[-1], generator=generator(spec.seed, "noise", step), dtype=like.dtype).to(like)


class Directions(NamedTuple):
    """The full-batch gradient, the direction that the rule makes of full-batch gradients, and the length of that
    direction before the rule rescales it, if it does."""

    g: Tensor  # [n]
    u: Tensor  # [n]
    ascent_norm: float


def full_batch(spec: RunSpec, step: Step, hessian: Hessian, memory: Memory, t: int) -> Directions:
    """The directions at step number t, given as `whole` makes it; `hessian` has computed the gradient there."""
    step.known = hessian.gradient
    rule = spec.rule_at(t)
    u, _ = rule.ascent(step, memory)
    return Directions(step.g, rule.rescaled(step, u), u.norm().item())


def track(product: Product, last: Tensor, random: torch.Generator, tol: float):
    """`extremes` for the eigenvectors last [k, n] after theta has moved: starts from them and from one random vector,
    so that an eigenvalue that has risen past them is seen."""
    fresh = torch.randn(last.shape[1], generator=random, dtype=torch.float64).to(last)
    return extremes(product, torch.cat([last, fresh[None]]), random, top=len(last), tol=tol, limit=100, look=8)


def cosine(a: Tensor, b: Tensor) -> float:
    """abs cos of the angle between two vectors [n]; 0 where one is 0."""
    return float((a @ b).abs() / (a.norm() * b.norm()).clamp(min=1e-30))
