"""Surfaces: the loss and accuracy over a plane through a checkpoint, coarse first and then refined, the checkpoint
exactly in the centre cell."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.analyses.planes import PLANES, PathPCA, Plane, PlaneSpec, rows, usable
from engine.data import Examples
from engine.machine import CORES, settle
from engine.problems import Problem, evaluate
from engine.records import Computing, JointSurface, Progress, Record, RecordError, Run, Surface, meanwhile
from engine.spec import SpecError, choice, decode, digest, encode, knob, pick
from engine.training.runs import RUNS, RunSpec


@dataclass(frozen=True)
class SurfaceSpec:
    """What to draw of a run's landscape."""

    plane: PlaneSpec = pick(PathPCA(), lambda: PLANES, "Plane")
    checkpoint: int = knob(
        -1, -1, 100_000, "Checkpoint", "Which measured point of the path is the centre, counted from 0; -1 is the last."
    )
    span: float = knob(
        0.0,
        0.0,
        1e6,
        "Span",
        "Centre to edge, in units of the directions; 0 fits the path (1 for random directions).",
        log=True,
    )
    resolution: int = knob(51, 3, 401, "Resolution", "Points along each side.", log=True)
    split: str = choice("train", ("train", "test"), "Examples", "Training or held-out examples.")

    def compute(self, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
        """Of a run: its surface, a level of the grid after the other; what `before` has of it is not done again."""
        run = one_run(inputs)
        spec: RunSpec = decode(RUNS, run.spec)
        problem, row = spec.problem, checkpoint_row(run, self.checkpoint)
        if problem.size() < 2:
            raise SpecError("plane: needs two parameters, and this problem has one")
        path = torch.as_tensor(run.path, device=device)
        examples = problem.load(self.split, device)
        total = self.resolution**2 + 2 * len(path)
        plane = yield from meanwhile(self.plane.build(problem, path[row], path), Progress(0, total))
        surface = yield from self._frame(spec, run, row, plane, path, examples)
        return (yield from fill(resumed(surface, before), problem, plane, examples, 2 * len(path)))

    def _frame(
        self, spec: RunSpec, run: Run, row: int, plane: Plane, path: Tensor, examples: Examples
    ) -> Generator[Progress, None, Surface]:
        """All of the record but the values on the grid; NaN for the points of the path that are not usable."""
        kept = usable(path)
        left = rows(kept)
        path = torch.where(kept[:, None], path, torch.nan)
        coordinates = plane.coordinates(path)
        projected = plane.project(path)
        residual, distance = (path - projected).double().norm(dim=1), (path - plane.origin).double().norm(dim=1)
        span = self.span or _reach(self.plane, coordinates[left])
        whole = float((distance[left] ** 2).sum())
        both = torch.cat([path, projected])
        of_both = yield from losses(spec.problem, both, examples, len(both) + self.resolution**2)
        first, second = plane.first.double(), plane.second.double()
        return Surface(
            spec=encode(self),
            run=digest(spec),
            checkpoint=row,
            split=self.split,
            labels=plane.labels,
            unit=plane.unit,
            norms=(float(first.norm()), float(second.norm())),
            cosine=float(first @ second / (first.norm() * second.norm()).clamp(min=1e-30)),
            steps=run.steps,
            path_a=coordinates[:, 0].cpu().numpy(),
            path_b=coordinates[:, 1].cpu().numpy(),
            residual=residual.cpu().numpy(),
            distance=distance.cpu().numpy(),
            path_loss=of_both[: len(path)],
            plane_loss=of_both[len(path) :],
            explained=1 - float((residual[left] ** 2).sum()) / whole if whole > 0 else float("nan"),
            check=float("nan"),
            left_out=int((~kept).sum()),
            **blank(span, self.resolution),
        )


def axis(span: float, resolution: int) -> np.ndarray:
    """Coordinates [resolution] from -span, equally spaced, with exactly 0 at resolution // 2; an even grid stops one
    step short of +span."""
    half = resolution // 2
    return (np.arange(resolution) - half) * (span / half)


def blank(span: float, resolution: int) -> dict[str, Any]:
    """What a surface has of its grid before anything is computed: the axes, and NaN in every cell."""
    cells = np.full((resolution, resolution), np.nan)
    return {
        "a": axis(span, resolution),
        "b": axis(span, resolution),
        "loss": cells,
        "accuracy": cells.copy(),
        "stride": 0,
    }


def levels(resolution: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """(stride, cells new at it): the sub-grids of stride 8, 4, 2, 1 through the centre, each without the cells of
    those before it."""
    half, known = resolution // 2, set()
    for stride in (8, 4, 2, 1):
        line = [i for i in range(resolution) if (i - half) % stride == 0]
        cells = [(i, j) for i in line for j in line if (i, j) not in known]
        if len(line) > 2 or stride == 1:
            known.update(cells)
            yield stride, sorted(cells)


def scores(problem: Problem, points: Callable[[int], Tensor], count: int, examples: Examples) -> Iterator[np.ndarray]:
    """[m, 2] loss and accuracy at points 0..count-1, in order, m at a time.

    On the CPU each point is one thread's work, with one torch thread each: measured faster than batching. On an
    accelerator the points of a batch go through the model together under vmap.
    """
    settle()
    if examples.x is not None and examples.x.device.type != "cpu":
        if problem.mixes:  # its statistics are the training set's, and nothing may be drawn at random under vmap
            problem.load("train", str(examples.x.device), examples.x.dtype)
        together = torch.vmap(lambda theta: evaluate(problem, theta, examples))
        for first in range(0, count, 64):
            yield together(torch.stack([points(i) for i in range(first, min(first + 64, count))])).cpu().numpy()
        return
    with ThreadPoolExecutor(CORES) as pool:
        begun = None
        for first in range(0, count, 4 * CORES):
            batch = range(first, min(first + 4 * CORES, count))
            begun, before = pool.map(lambda i: evaluate(problem, points(i), examples).tolist(), batch), begun
            if before:  # the threads have the next batch already, so none waits for the slowest
                yield np.array(list(before))
        if begun:
            yield np.array(list(begun))


Grid = TypeVar("Grid", Surface, JointSurface)


def resumed(surface: Grid, before: Record | None) -> Grid:
    """The surface with the cells that an earlier attempt has left, if it was one of the same paths on the same plane,
    which another version may have chosen otherwise."""
    if not isinstance(before, Surface | JointSurface) or before.labels != surface.labels:
        return surface
    if not all(np.array_equal(getattr(before, name), getattr(surface, name)) for name in ("steps", "a", "b")):
        return surface
    return replace(surface, loss=before.loss, accuracy=before.accuracy, stride=before.stride)


def fill(
    surface: Grid, problem: Problem, plane: Plane, examples: Examples, before: int
) -> Generator[Progress, None, Grid]:
    """The surface with every cell computed, from those levels on that it lacks; it is complete when it is returned.
    `before` is how many points of paths have been evaluated before it."""
    a, b, total, done = surface.a, surface.b, before + surface.loss.size, before

    def so_far() -> Grid:
        return surface

    for stride, cells in levels(len(a)):
        if 0 < surface.stride <= stride:
            done += len(cells)
            continue
        loss, accuracy = surface.loss.copy(), surface.accuracy.copy()

        def point(k: int, cells: Sequence[tuple[int, int]] = cells) -> Tensor:
            return plane.at(a[cells[k][1]], b[cells[k][0]])

        level = 0
        for values in scores(problem, point, len(cells), examples):
            rows, columns = zip(*cells[level : level + len(values)], strict=True)
            loss[rows, columns], accuracy[rows, columns] = values.T
            level += len(values)
            yield Progress(done + level, total)
        done += level
        surface = replace(surface, loss=loss, accuracy=accuracy, stride=stride)
        yield Progress(done, total, so_far)
    check = yield from meanwhile(_recheck(surface, problem, plane), Progress(total, total))
    return replace(surface, check=check)


def _recheck(surface: Surface | JointSurface, problem: Problem, plane: Plane) -> Generator[None, None, float]:
    """The largest deviation of a few cells, recomputed in double precision with all examples at once; NaN where none
    could be compared. Yields between the cells.

    They are the centre, four others, and some of those that are not finite, if any are.
    """
    examples = problem.load(surface.split, str(plane.origin.device), torch.float64)
    exact = plane._replace(origin=plane.origin.double(), first=plane.first.double(), second=plane.second.double())
    n, share = len(surface.a), 1 / max(len(examples), 1)
    spots = [(n // 2, n // 2), (0, 0), (0, n - 1), (n - 1, n // 3), (n // 3, n // 2 + 1)]
    blank = [*zip(*(places.tolist() for places in np.nonzero(~np.isfinite(surface.loss))), strict=True)]
    found = []
    for i, j in spots + blank[:: 1 + len(blank) // len(spots)]:
        yield
        true = evaluate(problem, exact.at(surface.a[j], surface.b[i]), examples, len(examples)).tolist()
        found.append(_deviation((surface.loss[i, j], surface.accuracy[i, j]), true, share))
    return max((off for off in found if not np.isnan(off)), default=float("nan"))


def _deviation(cell: Sequence[float], true: Sequence[float], share: float) -> float:
    """How far a cell's loss and accuracy are from the true ones: the loss relatively, the accuracy by what is more
    than one example's share, whose two best classes may be as good as equal.

    Infinite where one of the two is not finite and the other is; NaN where both losses are not.
    """
    if not np.isfinite(cell[0]) and not np.isfinite(true[0]):
        return float("nan")
    if list(np.isfinite(cell)) != list(np.isfinite(true)):
        return float("inf")
    off = abs(cell[0] - true[0]) / max(abs(true[0]), 1e-6)
    return max(off, abs(cell[1] - true[1]) - share) if np.isfinite(true[1]) else off


def losses(problem: Problem, points: Tensor, examples: Examples, total: int) -> Generator[Progress, None, np.ndarray]:
    """[T]: the loss at each of the points [T, n]; NaN where one is not finite. They are the first of `total`."""
    found, finite, done = np.full(len(points), np.nan), rows(points.isfinite().all(dim=1)).tolist(), 0
    for values in scores(problem, lambda i: points[finite[i]], len(finite), examples):
        found[finite[done : done + len(values)]] = values[:, 0]
        done += len(values)
        yield Progress(done, total)
    return found


def _reach(plane: PlaneSpec, coordinates: Tensor) -> float:
    """The span that shows all of a path's points [T, 2]."""
    furthest = float(coordinates.abs().max())
    return 1.15 * furthest if furthest > 0 and plane.reaches else 1.0


def checkpoint_row(run: Run, checkpoint: int) -> int:
    """The row of the run's path that a spec's checkpoint means; SpecError where there is none, or none that is
    usable."""
    if not len(run.path):
        raise SpecError("checkpoint: the run has no measured point yet")
    if checkpoint >= len(run.path):
        raise SpecError(f"checkpoint: expected at most {len(run.path) - 1}, the run's last, got {checkpoint}")
    row, kept = checkpoint % len(run.path), usable(torch.as_tensor(run.path)).numpy()
    if not kept[row]:
        lost = "is too far from its start" if np.isfinite(run.path[row]).all() else "is not finite"
        least = f"; the last that can be shown is {kept.nonzero()[0][-1]}" if kept.any() else ""
        raise SpecError(f"checkpoint: at {row} (step {run.steps[row]}) the run {lost}{least}")
    return row


def one_run(inputs: Sequence[Record]) -> Run:
    """The run that something is computed of."""
    (run,) = inputs
    if not isinstance(run, Run):
        raise RecordError(f"run: expected a Run, got a {type(run).__name__}")
    return run
