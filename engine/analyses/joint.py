"""Joint surfaces: the loss over one plane through several runs of one problem, every run's path on it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.analyses.planes import Plane, usable
from engine.analyses.principal import principal
from engine.analyses.surface import blank, fill, losses, resumed
from engine.curvature import confirmed, ends, extremes, training_hessian
from engine.data import Examples
from engine.problems import Problem
from engine.records import Computing, JointSurface, Progress, Record, RecordError, Run, meanwhile
from engine.seeds import generator
from engine.spec import SpecError, choice, decode, encode, knob, word
from engine.training.runs import RUNS, RunSpec

FEWEST, MOST = 2, 6
ROWS = 200
"""Points of a path that its plane is made for, at most, evenly spread."""


FLAT = 1e-5
"""Three points are on a line where the third lies closer to it than this share of its distance: single precision."""


class Path(NamedTuple):
    """The usable part of a run's path."""

    run: Run
    steps: np.ndarray  # [T]
    points: Tensor  # [T, n], all finite


@dataclass(frozen=True)
class JointSpec:
    """One landscape under several runs of one problem."""

    runs: str = word(
        "", "([0-9a-f]{16}(,[0-9a-f]{16}){0,5})?", 17 * MOST - 1, "Runs", "Digests of two to six runs of one problem."
    )
    plane: str = choice(
        "paths",
        ("paths", "ends"),
        "Plane",
        "paths: where all paths together lie furthest, by their principal components; ends: through three runs' ends.",
    )
    span: float = knob(0.0, 0.0, 1e6, "Span", "Centre to edge, in parameter distance; 0 fits the paths.", log=True)
    resolution: int = knob(51, 3, 401, "Resolution", "Points along each side.", log=True)
    split: str = choice("train", ("train", "test"), "Examples", "Training or held-out examples.")

    def __post_init__(self):
        names = self.names
        if len(set(names)) < len(names):
            raise SpecError("runs: expected different runs")
        if names and self.plane == "ends" and len(names) < 3:
            raise SpecError(f"plane: three end points need three runs, got {len(names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The runs' digests."""
        return tuple(filter(None, self.runs.split(",")))

    def needs(self, of: str) -> tuple[str, ...]:
        """The runs."""
        if len(self.names) < FEWEST:
            raise SpecError(f"runs: expected {FEWEST} to {MOST} digests of runs, got {len(self.names)}")
        return self.names

    def compute(self, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
        """Of runs of one problem: the sharpness of their ends, then the surface, a level after the other."""
        specs, paths = _of_one_problem(inputs, device)
        problem = specs[0].problem
        of_paths = 2 * sum(len(path.points) for path in paths)
        start, sharpness = Progress(0, of_paths + self.resolution**2), []
        for path in paths:
            sharpness.append((yield from meanwhile(_sharpness(problem, path.points[-1]), start)))
        through = _through_ends if self.plane == "ends" else _through_paths
        plane = yield from meanwhile(through(paths), start)
        examples = problem.load(self.split, device)
        surface = yield from self._frame(specs, paths, plane, np.array(sharpness), examples)
        return (yield from fill(resumed(surface, before), problem, plane, examples, of_paths))

    def _frame(
        self,
        specs: Sequence[RunSpec],
        paths: Sequence[Path],
        plane: Plane,
        sharpness: np.ndarray,
        examples: Examples,
    ) -> Generator[Progress, None, JointSurface]:
        """All of the record but the values on the grid; `sharpness` [R, 2] is of the ends, with residuals."""
        along = yield from _along(specs[0].problem, paths, plane, examples, self.resolution**2)
        reach = max(float(np.abs(along[side]).max()) for side in ("path_a", "path_b"))
        return JointSurface(
            spec=encode(self),
            runs=self.names,
            run_specs=tuple(encode(spec) for spec in specs),
            split=self.split,
            labels=plane.labels,
            unit=plane.unit,
            end_sharpness=sharpness[:, 0],
            end_residual=sharpness[:, 1],
            left_out=sum(len(path.run.steps) - len(path.points) for path in paths),
            **blank(self.span or 1.15 * reach or 1.0, self.resolution),
            **along,
        )


def _along(
    problem: Problem, paths: Sequence[Path], plane: Plane, examples: Examples, cells: int
) -> Generator[Progress, None, dict[str, Any]]:
    """What the record has of the paths: of their points [P] in turn, and of each of the runs [R]."""
    points = torch.cat([path.points for path in paths])
    projected, coordinates = plane.project(points), plane.coordinates(points)
    residual = (points - projected).double().norm(dim=1).cpu().numpy()
    distance = (points - plane.origin).double().norm(dim=1).cpu().numpy()
    starts = np.cumsum([0, *(len(path.steps) for path in paths)])
    rows = [slice(*pair) for pair in pairwise(starts.tolist())]
    both = torch.cat([points, projected])
    path_loss, plane_loss = np.split((yield from losses(problem, both, examples, len(both) + cells)), 2)
    return {
        "starts": starts,
        "steps": np.concatenate([path.steps for path in paths]),
        "path_a": coordinates[:, 0].cpu().numpy(),
        "path_b": coordinates[:, 1].cpu().numpy(),
        "residual": residual,
        "path_loss": path_loss,
        "plane_loss": plane_loss,
        "explained": np.array([1 - (residual[r] ** 2).sum() / max((distance[r] ** 2).sum(), 1e-300) for r in rows]),
        "end_loss": np.array([path_loss[r][-1] for r in rows]),
    }


def _of_one_problem(inputs: Sequence[Record], device: str) -> tuple[list[RunSpec], list[Path]]:
    """The specs of the runs and the usable parts of their paths; SpecError where they cannot share a plane."""
    specs, paths = [], []
    for record in inputs:
        if not isinstance(record, Run):
            raise RecordError(f"runs: expected Runs, got a {type(record).__name__}")
        spec: RunSpec = decode(RUNS, record.spec)
        if specs and spec.problem != specs[0].problem:
            raise SpecError("runs: expected runs of one problem: data, model and loss must be the same")
        kept = usable(torch.as_tensor(record.path)).numpy()
        if not kept.any():
            raise SpecError("runs: one of them has no measured point that is finite")
        specs.append(spec)
        paths.append(Path(record, record.steps[kept], torch.as_tensor(record.path[kept], device=device)))
    if specs[0].problem.size() < 2:
        raise SpecError("runs: a plane needs two parameters, and this problem has one")
    return specs, paths


def _sharpness(problem: Problem, theta: Tensor) -> Generator[None, None, tuple[float, float]]:
    """The largest eigenvalue of the training loss's Hessian at theta [n], and its residual."""
    hessian = training_hessian(problem, theta)
    random = generator(0, "joint")
    start = torch.randn(1, len(theta), generator=random, dtype=torch.float64).to(theta)
    for krylov in extremes(hessian, start, random, top=1, tol=1e-3):
        yield
    pairs = yield from confirmed(problem, theta, krylov.ritz(ends(1, 0, krylov.count)))
    return float(pairs.values[0]), float(pairs.residuals[0])


def _through_paths(paths: Sequence[Path]) -> Generator[None, None, Plane]:
    """The plane of the paths' common principal components, every path weighing the same; its origin is in the middle
    of what they cover, and the first path starts on the positive side of both directions. Of a landscape of two
    coordinates these are the plane's own."""
    if paths[0].points.shape[1] == 2:
        axes = torch.eye(2, dtype=torch.float64, device=paths[0].points.device)
        return _centred(paths, 0 * axes[0], axes, ("x", "y"))._replace(unit="coordinate")
    kept = [path.points[_spread(len(path.points))].double() for path in paths]
    middle = torch.stack([points.mean(dim=0) for points in kept]).mean(dim=0)
    offsets = torch.cat([(points - middle) / len(points) ** 0.5 for points in kept])
    directions = yield from principal(offsets)
    labels = ("common direction 1", "common direction 2")
    plane = _centred(paths, middle, _two(directions, len(middle)), labels)
    first, second = (1 if start >= 0 else -1 for start in plane.coordinates(paths[0].points[:1])[0])
    return plane._replace(first=first * plane.first, second=second * plane.second)


def _through_ends(paths: Sequence[Path]) -> Generator[None, None, Plane]:
    """The plane through the ends of the first three runs."""
    yield
    first, second, third = (path.points[-1].double() for path in paths[:3])
    across = second - first
    across = across / across.norm()
    up = (third - first) - ((third - first) @ across) * across
    if not float(up.norm()) > FLAT * float((third - first).norm()):
        raise SpecError("plane: the three end points lie on a line")
    labels = ("from end 1 to end 2", "across, towards end 3")
    return _centred(paths, first, torch.stack([across, up / up.norm()]), labels)


def _centred(paths: Sequence[Path], origin: Tensor, directions: Tensor, labels: tuple[str, str]) -> Plane:
    """The plane along directions [2, n], orthonormal, its origin moved within it to the middle of the paths."""
    points = torch.cat([path.points for path in paths])
    coordinates = (points.double() - origin) @ directions.T
    middle = (coordinates.min(dim=0).values + coordinates.max(dim=0).values) / 2
    first, second = directions.to(points)
    return Plane((origin + middle @ directions).to(points), first, second, labels, "parameter distance")


def _two(directions: Tensor, n: int) -> Tensor:
    """The first two of orthonormal directions [m, n]; where there is one only, with another across it."""
    if len(directions) > 1:
        return directions[:2]
    other = torch.randn(n, generator=generator(0, "complete"), dtype=torch.float64).to(directions)
    other = other - (other @ directions[0]) * directions[0]
    return torch.stack([directions[0], other / other.norm()])


def _spread(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, ROWS)).round().astype(int))
