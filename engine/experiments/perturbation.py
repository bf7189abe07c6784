"""What is measured of a run with masked layers: how long its rule's perturbation is and what it moves, and how sharp
the training loss is."""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.curvature import extremes, training_hessian
from engine.models import NORMS
from engine.rules import plain
from engine.seeds import generator
from engine.training.measure import whole
from engine.training.runs import RunSpec


def anatomy(spec: RunSpec, theta: torch.Tensor) -> dict[str, float]:
    """What a rule's perturbation is at theta [n] with the whole training set: the length in normalization layers
    over ρ, and the share of parameters moved."""
    points: list[torch.Tensor] = []

    def recorded(f, point):
        points.append(point)
        return plain(f, point)

    at = replace(
        whole(spec, theta, spec.problem.load("train", str(theta.device)), 0, spec.update.begin(theta)),
        differentiate=recorded,
    )
    spec.rule.direction(at, spec.rule.begin(theta, spec.problem.layout, generator(spec.seed, "rule", 0)))
    moved = points[-1] - theta
    norms = torch.cat([torch.full((block.size,), block.module in NORMS) for block in spec.problem.layout]).to(
        theta.device
    )
    return {
        "length": float(moved[norms].double().norm()) / getattr(spec.rule, "rho", 1),
        "moved": float((moved != 0).double().mean()),
    }


def lam_max(spec: RunSpec, theta: torch.Tensor) -> float:
    """The largest eigenvalue of the training loss's Hessian at theta [n], to about 1%."""
    random = generator(spec.seed, "top")
    begin = torch.randn(1, len(theta), generator=random, dtype=torch.float64).to(theta)
    *_, krylov = extremes(
        training_hessian(spec.problem, theta),
        begin,
        random,
        top=1,
        tol=1e-2,
        look=0,
    )
    return float(krylov.ritz([0]).values[0])
