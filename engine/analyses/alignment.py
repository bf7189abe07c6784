"""Alignment over time: how a run's gradients lie to the Hessian's top eigenvectors, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from engine.curvature import Hessian, ends
from engine.data import Examples
from engine.problems import parts
from engine.records import Alignment, Run
from engine.rules import need
from engine.seeds import generator
from engine.spec import digest, encode, knob
from engine.training.measure import full_batch, track, whole
from engine.training.runs import RunSpec


@dataclass(frozen=True)
class AlignmentSpec:
    """What to follow along a run."""

    k: int = knob(5, 1, 20, "Eigenvectors", "How many of the top eigenpairs are tracked.")
    stride: int = knob(1, 1, 1000, "Every", "Take every so many-th checkpoint.", log=True)

    def compute(self, spec: RunSpec, run: Run, device: str) -> Iterator[tuple[int, int, Alignment | None]]:
        """Yields (checkpoints done, in all, the record so far after each checkpoint)."""
        problem, data = spec.problem, spec.problem.load("train", device)
        n = problem.size()
        k = min(self.k, n)
        vectors = torch.randn(k, n, generator=generator(0, "alignment"), dtype=torch.float64).to(device, problem.dtype)
        rows, picked = [], range(0, len(run.path), self.stride)
        switches = np.array([phase.start for phase in spec.phases[1:]], int)
        for done, t in enumerate(picked):
            theta = torch.as_tensor(run.path[t], device=device)
            if not np.isfinite(run.path[t]).all():
                break
            hessian = Hessian(parts(problem, data), theta)
            for krylov in track(hessian, vectors, generator(0, "alignment", t), tol=1e-3):
                yield done, len(picked), None
            pairs = krylov.ritz(ends(k, 0, krylov.count))
            g, u = _directions(spec, hessian, theta, data, int(run.steps[t]))
            overlap = float(((pairs.vectors @ vectors.T) ** 2).sum()) / k if rows else float("nan")
            vectors = pairs.vectors
            rows.append(
                (
                    run.steps[t],
                    pairs.values,
                    pairs.residuals,
                    *_shares(vectors, g, u),
                    overlap,
                    *_edges(spec, run, t, float(g.norm())),
                )
            )
            yield (
                done + 1,
                len(picked),
                Alignment(encode(self), digest(spec), *map(np.array, zip(*rows, strict=True)), switches=switches),
            )


def _directions(
    spec: RunSpec, hessian: Hessian, theta: torch.Tensor, data: Examples, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The full-batch gradient g [n] and the rule's direction u [n]; NaN for a rule whose direction depends on steps
    that no checkpoint keeps."""
    rule = spec.rule_at(step)
    if need(rule, "past"):
        return hessian.gradient, torch.full_like(hessian.gradient, float("nan"))
    memory = rule.begin(theta, spec.problem.layout, generator(spec.seed, "rule", spec.phase(step)))
    return full_batch(spec, whole(spec, theta, data, step, torch.zeros_like(theta)), hessian, memory, step)


def _shares(vectors: torch.Tensor, g: torch.Tensor, u: torch.Tensor):
    """abs cos of g and of u with each vector [k], and the share of each one's squared norm in their span."""
    cosines = [((vectors @ d) / d.norm().clamp(min=1e-30)).abs().double().cpu().numpy() for d in (g, u)]
    return *cosines, *(float((c**2).sum()) for c in cosines)


def _edges(spec: RunSpec, run: Run, t: int, gradient_norm: float) -> tuple[float, float, float]:
    limit = float(run.measures["limit"][t])
    return gradient_norm, spec.rule_at(int(run.steps[t])).edge(limit, gradient_norm), limit
