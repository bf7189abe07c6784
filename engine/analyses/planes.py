"""Planes: two directions through a checkpoint, chosen at random, from the path, from the curvature, or the
coordinates themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from engine.analyses.principal import principal
from engine.curvature import ends, extremes, training_hessian
from engine.models import NORMS, Block
from engine.problems import Problem
from engine.seeds import generator
from engine.spec import knob


class Plane(NamedTuple):
    """origin + a * first + b * second, with what the coordinates are called and what one unit of them means."""

    origin: Tensor  # [n]
    first: Tensor  # [n]
    second: Tensor  # [n]
    labels: tuple[str, str]
    unit: str

    def at(self, a: float, b: float) -> Tensor:
        """The point [n] with coordinates a, b; at (0, 0) it is the origin to the last bit."""
        return self.origin + a * self.first + b * self.second

    def coordinates(self, points: Tensor) -> Tensor:
        """[T, 2]: where points [T, n] fall when projected onto the plane (least squares, so the directions may be
        oblique)."""
        directions = torch.stack([self.first, self.second]).double()
        offsets = (points - self.origin).double()
        return offsets @ directions.T @ torch.linalg.pinv(directions @ directions.T)

    def project(self, points: Tensor) -> Tensor:
        """[T, n]: the points' projections onto the plane."""
        c = self.coordinates(points).to(points.dtype)
        return self.origin + c @ torch.stack([self.first, self.second])


FAR = 1000.0
"""How many times the length of its start a path may lead away before its points count as lost."""


def usable(path: Tensor) -> Tensor:
    """[T] of True and False: the points of a path [T, n] that a picture can be made of.

    They are finite, and no further from the first of them than FAR times its length (FAR itself, where that is below
    1). A run that diverges may leave points of any size before it leaves the finite numbers; in a picture that held
    them, all others would be one point.
    """
    points = path.cpu()  # which of them are left decides the shapes of what follows
    finite = points.isfinite().all(dim=1)
    if not finite.any():
        return finite.to(path.device)
    start = points[finite][0].double()
    near = (points.double() - start).norm(dim=1) <= FAR * start.norm().clamp(min=1)
    return (finite & near).to(path.device)


def rows(kept: Tensor) -> Tensor:
    """[m]: the positions of what is True in kept [T], on its device."""
    return kept.cpu().nonzero()[:, 0].to(kept.device)


class PlaneSpec(ABC):
    """How a plane is chosen."""

    reaches: ClassVar[bool] = True  # whether its units are such that the path's extent says how far to look

    @abstractmethod
    def build(self, problem: Problem, origin: Tensor, path: Tensor) -> Generator[None, None, Plane]:
        """The plane through origin [n], given the run's path [T, n]; yields between pieces of long work."""


@dataclass(frozen=True)
class Random(PlaneSpec):
    """Two Gaussian directions, each filter scaled to the norm of the model's own filter; biases and norms do not
    move (Li et al. 2018, sec. 4)."""

    draw: int = knob(0, 0, 9999, "Draw", "Which random pair of directions.")

    reaches: ClassVar = False

    def build(self, problem, origin, path):
        yield
        first, second = (self._direction(problem, origin, i) for i in (1, 2))
        return Plane(origin, first, second, ("random direction 1", "random direction 2"), "filter norms")

    def _direction(self, problem, origin, i):
        random = torch.randn(len(origin), generator=generator(self.draw, "direction", i), dtype=torch.float64)
        return filter_normalized(random.to(origin), origin, problem.layout)


@dataclass(frozen=True)
class PathPCA(PlaneSpec):
    """The two directions along which the path's usable points lie furthest from this checkpoint (Li et al. 2018)."""

    def build(self, problem, origin, path):
        offsets = (path[rows(usable(path))] - origin).double()
        directions = yield from principal(offsets)
        first, second = _orthonormal([*directions], generator(0, "complete"), len(origin))
        first, second = (d if (offsets[0] @ d) >= 0 else -d for d in (first, second))
        return Plane(
            origin, first.to(origin), second.to(origin), ("path direction 1", "path direction 2"), "parameter distance"
        )


@dataclass(frozen=True)
class Eigenvectors(PlaneSpec):
    """The training loss's two sharpest directions: the top eigenvectors of its Hessian at this checkpoint."""

    def build(self, problem, origin, path):
        hessian, random = training_hessian(problem, origin), generator(0, "plane")
        start = torch.randn(1, len(origin), generator=random, dtype=torch.float64).to(origin)
        for krylov in extremes(hessian, start, random, top=2, tol=1e-4):
            yield
        pairs = krylov.ritz(ends(2, 0, krylov.count))
        first, second = (v if v[v.abs().argmax()] > 0 else -v for v in pairs.vectors)
        return Plane(origin, first, second, ("eigenvector 1", "eigenvector 2"), "parameter distance")


@dataclass(frozen=True)
class Coordinates(PlaneSpec):
    """The first two coordinates of theta: for a toy landscape of two, the landscape itself."""

    def build(self, problem, origin, path):
        yield
        first, second = torch.eye(len(origin), dtype=origin.dtype, device=origin.device)[:2]
        return Plane(origin, first, second, ("x", "y"), "coordinate")


def filter_normalized(direction: Tensor, theta: Tensor, layout: Sequence[Block]) -> Tensor:
    """`direction` [n] with each filter (row of a weight) scaled to the norm of theta's; 0 on biases, on normalization
    layers (as in the code of Li et al. 2018) and on filters that are 0 themselves.

    A weight that is a list is one filter. A tensor that is not a network's (role "point") is scaled as one, to norm 1.
    """
    scaled = []
    for d, w, block in zip(
        direction.split([b.size for b in layout]), theta.split([b.size for b in layout]), layout, strict=True
    ):
        if block.role == "weight" and block.module not in NORMS:
            filters = block.shape[0] if len(block.shape) > 1 else 1
            d, w = d.view(filters, -1), w.view(filters, -1)
            d = d * (w.norm(dim=1, keepdim=True) / d.norm(dim=1, keepdim=True).clamp(min=1e-30))
        else:
            d = d / d.norm() if block.role == "point" else torch.zeros_like(d)
        scaled.append(d.reshape(-1))
    return torch.cat(scaled)


def _orthonormal(vectors: list[Tensor], random: torch.Generator, n: int) -> list[Tensor]:
    """The vectors, with more random ones, made orthonormal: two of them."""
    basis: list[Tensor] = []
    for v in [*vectors, *torch.randn(2, n, generator=random, dtype=torch.float64).to(vectors[0])]:
        for b in basis:
            v = v - (v @ b) * b
        if v.norm() > 1e-8 and len(basis) < 2:
            basis.append(v / v.norm())
    return basis


def default_plane(problem: Problem) -> PlaneSpec:
    """The plane that shows most: the coordinates of a toy, the path of a network."""
    return PathPCA() if problem.examples() else Coordinates()


PLANES = {cls.__name__: cls for cls in (Random, PathPCA, Eigenvectors, Coordinates)}
