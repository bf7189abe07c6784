"""Alignment over time: how a run's gradients lie to the Hessian's top eigenvectors, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.analyses.planes import usable
from engine.analyses.surface import one_run
from engine.curvature import Hessian, confirmed, ends, training_hessian
from engine.data import Examples
from engine.records import Alignment, Computing, Progress, Record, Run, meanwhile
from engine.rules import need
from engine.seeds import generator
from engine.spec import SpecError, decode, digest, encode, knob
from engine.training.measure import Directions, full_batch, track, whole
from engine.training.runs import RUNS, RunSpec


@dataclass(frozen=True)
class AlignmentSpec:
    """What to follow along a run."""

    k: int = knob(5, 1, 20, "Eigenvectors", "How many of the top eigenpairs are tracked.")
    stride: int = knob(1, 1, 1000, "Every", "Take every so many-th checkpoint.", log=True)

    def compute(self, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
        """Of a run: the eigenpairs and cosines, a checkpoint after the other; those that are not usable are left
        out."""
        run = one_run(inputs)
        spec: RunSpec = decode(RUNS, run.spec)
        problem, data = spec.problem, spec.problem.load("train", device)
        n = problem.size()
        k = min(self.k, n)
        vectors = torch.randn(k, n, generator=generator(0, "alignment"), dtype=torch.float64).to(device, problem.dtype)
        rows: list[dict[str, Any]] = []
        kept, wanted = usable(torch.as_tensor(run.path)), range(0, len(run.path), self.stride)
        picked = [t for t in wanted if kept[t]]
        if not picked:
            raise SpecError("checkpoint: the run has no measured point yet that is finite")

        def so_far() -> Alignment:
            columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
            switches = np.array([phase.start for phase in spec.phases[1:]], int)
            left_out = len(wanted) - len(picked)
            return Alignment(spec=encode(self), run=digest(spec), switches=switches, left_out=left_out, **columns)

        for done, t in enumerate(picked):
            theta = torch.as_tensor(run.path[t], device=device)
            hessian, breath = training_hessian(problem, theta), Progress(done, len(picked))
            for krylov in track(hessian, vectors, generator(0, "alignment", t), tol=1e-3):
                yield breath
            pairs = yield from meanwhile(confirmed(problem, theta, krylov.ritz(ends(k, 0, krylov.count))), breath)
            g, u, ascent_norm = _directions(spec, hessian, theta, data, int(run.steps[t]))
            overlap = float(((pairs.vectors @ vectors.T) ** 2).sum()) / k if rows else float("nan")
            vectors = pairs.vectors
            row = {"steps": run.steps[t], "values": pairs.values, "residuals": pairs.residuals, "overlap": overlap}
            rows.append(row | _shares(vectors, g, u) | _edges(spec, run, t, float(g.norm()), ascent_norm))
            yield Progress(done + 1, len(picked), so_far)
        return so_far()


def _directions(spec: RunSpec, hessian: Hessian, theta: torch.Tensor, data: Examples, step: int) -> Directions:
    """The full-batch gradient g [n] and the rule's direction u [n]; NaN for a rule whose direction depends on steps
    that no checkpoint keeps."""
    rule = spec.rule_at(step)
    if need(rule, "past"):
        return Directions(hessian.gradient, torch.full_like(hessian.gradient, float("nan")), float("nan"))
    memory = rule.begin(theta, spec.problem.layout, generator(spec.seed, "rule", spec.phase(step)))
    return full_batch(spec, whole(spec, theta, data, step, spec.update.begin(theta)), hessian, memory, step)


def _shares(vectors: torch.Tensor, g: torch.Tensor, u: torch.Tensor) -> dict[str, Any]:
    """abs cos of g and of u with each vector [k], and the share of each one's squared norm in their span."""
    found = {}
    for name, d in (("g", g), ("u", u)):
        cosines = ((vectors @ d) / d.norm().clamp(min=1e-30)).abs().double().cpu().numpy()
        found |= {f"cos_{name}": cosines, f"share_{name}": float((cosines**2).sum())}
    return found


def _edges(spec: RunSpec, run: Run, t: int, gradient_norm: float, ascent_norm: float) -> dict[str, float]:
    limit = float(run.measures["limit"][t])
    edge = spec.rule_at(int(run.steps[t])).edge(limit, gradient_norm, ascent_norm)
    return {"gradient_norm": gradient_norm, "edge": edge, "limit": limit}
