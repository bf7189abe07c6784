"""Sketches: the paths of runs that are still training on a plane of what there is of them, before their joint surface
can be computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from engine.analyses.joint import FEWEST, JointSpec
from engine.analyses.planes import usable
from engine.analyses.surface import blank, losses
from engine.problems import Problem
from engine.records import JointSurface, Progress, Run
from engine.spec import decode, encode, fingerprint
from engine.training.runs import RUNS, RunSpec

ROWS = 60
"""Points of a path that its plane is made for, at most: a look at what grows is to cost little."""
RESOLUTION = 25
"""Points along each side of a toy's surface."""
MOST = 64e6
"""Bytes of paths that are looked at again and again."""


def sketch(runs: Sequence[Run]) -> JointSurface | None:
    """The paths so far of runs of one problem on the plane of their common principal components, each weighing the
    same, as the joint surface has it for whole paths; with its surface for a toy landscape, else without.

    Sharpness and losses are those that the runs have measured. None where there is no plane yet.
    """
    kept = [_finite(run) for run in runs]
    paths = [run.path[rows].astype(np.float64) for run, rows in zip(runs, kept, strict=True)]
    if len(runs) < FEWEST or not all(map(len, paths)) or paths[0].shape[1] < 2:
        return None
    origin, directions = plane(paths)
    points = np.concatenate(paths)
    places = (points - origin) @ directions.T
    problem: Problem = decode(RUNS, runs[0].spec).problem
    made = JointSurface(
        spec=encode(JointSpec(",".join(fingerprint(run.spec) for run in runs), resolution=RESOLUTION)),
        status="running",
        runs=tuple(fingerprint(run.spec) for run in runs),
        run_specs=tuple(run.spec for run in runs),
        split="train",
        **_named(origin),
        left_out=sum(len(run.path) - len(rows) for run, rows in zip(runs, kept, strict=True)),
        **blank(1.15 * float(np.abs(places).max()) or 1.0, RESOLUTION),
        **_along(runs, kept, points - origin, places),
    )
    return made if problem.examples() else _coloured(made, problem, origin, directions)


def _named(origin: np.ndarray) -> dict[str, Any]:
    """What the record calls the axes of a plane through origin [n]."""
    if len(origin) == 2:
        return {"labels": ("x", "y"), "unit": "coordinate"}
    return {"labels": ("common direction 1 so far", "common direction 2 so far"), "unit": "parameter distance"}


def fits(specs: Sequence[RunSpec], measured: Sequence[int]) -> bool:
    """Whether so many points of each run's path are few enough to be looked at while they grow."""
    return sum(s.problem.size() * s.problem.dtype.itemsize * m for s, m in zip(specs, measured, strict=True)) < MOST


def plane(paths: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The origin [n] and two orthonormal directions [2, n] of the plane of paths [T, n]: in the middle of them, and
    with the first one's start on the positive side of both; along the coordinates where there are two."""
    if paths[0].shape[1] == 2:
        points = np.concatenate(paths)
        return (points.min(axis=0) + points.max(axis=0)) / 2, np.eye(2)
    few = [path[np.unique(np.linspace(0, len(path) - 1, min(len(path), ROWS)).round().astype(int))] for path in paths]
    middle = np.mean([path.mean(axis=0) for path in few], axis=0)
    offsets = np.concatenate([(path - middle) / len(path) ** 0.5 for path in few])
    directions = _two(offsets)
    places = (np.concatenate(paths) - middle) @ directions.T
    centre = (places.min(axis=0) + places.max(axis=0)) / 2
    side = np.where((paths[0][0] - middle) @ directions.T - centre < 0, -1.0, 1.0)
    return middle + centre @ directions, directions * side[:, None]


def _two(offsets: np.ndarray) -> np.ndarray:
    """[2, n]: the first two right singular vectors of offsets [P, n], by way of the P x P products, which are few;
    where the points lie on a line, with a direction across it."""
    squares, left = np.linalg.eigh(offsets @ offsets.T)
    found = [offsets.T @ left[:, -k] for k in (1, 2)]
    found = [v / np.linalg.norm(v) for v, s in zip(found, squares[:-3:-1], strict=False) if s > 1e-20 * squares[-1] > 0]
    n = offsets.shape[1]
    for axis in np.eye(2, n) if n > 2 else np.eye(n):
        across = axis - sum(((axis @ v) * v for v in found), np.zeros(n))
        if len(found) < 2 and np.linalg.norm(across) > 0.1:
            found.append(across / np.linalg.norm(across))
    second = found[1] - (found[1] @ found[0]) * found[0]
    return np.stack([found[0], second / np.linalg.norm(second)])


def _finite(run: Run) -> np.ndarray:
    """The rows [T'] of a run's path that a picture can be made of."""
    return np.flatnonzero(usable(torch.as_tensor(run.path)).numpy())


def _along(runs: Sequence[Run], kept: Sequence[np.ndarray], offsets: np.ndarray, places: np.ndarray) -> dict[str, Any]:
    """What the record has of the paths' points [P], `offsets` [P, n] from the origin and `places` [P, 2] on the
    plane, and of the runs [R]."""
    starts = np.cumsum([0, *map(len, kept)])
    whole, held = (offsets**2).sum(axis=1), (places**2).sum(axis=1)
    both = list(zip(runs, kept, strict=True))

    def of(name: str) -> np.ndarray:
        return np.concatenate([run.measures[name][rows] for run, rows in both])

    ends = starts[1:] - 1
    return {
        "starts": starts,
        "steps": np.concatenate([run.steps[rows] for run, rows in both]),
        "path_a": places[:, 0],
        "path_b": places[:, 1],
        "residual": np.sqrt(np.maximum(whole - held, 0)),
        "path_loss": of("train_loss"),
        "plane_loss": np.full(len(places), np.nan),
        "explained": np.array([held[i:j].sum() / max(whole[i:j].sum(), 1e-300) for i, j in pairwise(starts)]),
        "end_loss": of("train_loss")[ends],
        "end_sharpness": of("sharpness")[ends],
        "end_residual": of("sharpness_residual")[ends],
    }


def _coloured(made: JointSurface, problem: Problem, origin: np.ndarray, directions: np.ndarray) -> JointSurface:
    """The sketch with the loss in every cell."""
    b, a = np.meshgrid(made.b, made.a, indexing="ij")
    points = torch.as_tensor(origin + np.stack([a.ravel(), b.ravel()], axis=1) @ directions).to(problem.dtype)
    values = _end(losses(problem, points, problem.load("train", "cpu"), len(points)))
    return replace(made, loss=values.reshape(a.shape), stride=1)


def _end(computing: Generator[Progress, None, np.ndarray]) -> np.ndarray:
    """What a computation returns."""

    def values() -> Generator[Progress, None, None]:
        found.append((yield from computing))

    found: list[np.ndarray] = []
    deque(values(), maxlen=0)
    return found[0]
