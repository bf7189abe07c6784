"""Toy landscapes: functions whose theta is a point of the picture."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from engine.data import Examples
from engine.models import Block
from engine.problems.abstract import Problem
from engine.spec import SpecError, knob, series


class Toy(Problem):
    """A function of a few coordinates, in float64: no data, no batches, and the surface is exact."""

    begin: tuple[float, ...]
    dtype: ClassVar = torch.float64

    @abstractmethod
    def value(self, theta: Tensor) -> Tensor:
        """f(theta), a differentiable scalar."""

    def blocks(self):
        return (Block("theta", (len(self.begin),), "point"),)

    def start(self, seed):
        return torch.tensor(self.begin, dtype=self.dtype)

    def examples(self):
        return 0

    def widest(self):
        return len(self.begin)

    def load(self, split, device="cpu", dtype=None):
        return Examples(None, None)

    def loss(self, theta, x, y):
        return self.value(theta)

    def losses(self, theta, x, y):
        return self.value(theta)[None]

    def score(self, theta, x, y, moments=None):
        value = self.value(theta)
        return torch.stack([value, torch.full_like(value, float("nan"))])


@dataclass(frozen=True)
class Quadratic(Toy):
    """f = 1/2 sum_i lambda_i theta_i^2: every threshold of SAM theory is known here in closed form."""

    eigenvalues: tuple[float, ...] = series(
        (10.0, 1.0), -1000, 1000, 64, "Eigenvalues", "The curvature along each coordinate."
    )
    begin: tuple[float, ...] = series(
        (1.0, 1.0), -100, 100, 64, "Start", "The first theta: one number for each eigenvalue."
    )

    def __post_init__(self):
        if len(self.begin) != len(self.eigenvalues):
            raise SpecError(
                f"begin: expected {len(self.eigenvalues)} numbers, one for each eigenvalue, got {len(self.begin)}"
            )

    def value(self, theta):
        return 0.5 * (torch.tensor(self.eigenvalues, dtype=self.dtype).to(theta) * theta * theta).sum()


@dataclass(frozen=True)
class Product(Toy):
    """l(xy) with l(u) = sqrt(1+u^2)-1: a valley of minima {x=0} whose sharpness is y^2 (Ahn, Bubeck, Chewi, Lee,
    Suarez & Zhang 2022; Dai, Ahn & Sra 2023)."""

    begin: tuple[float, ...] = series((3.0, 10.0), -100, 100, 2, "Start", "The first x and y.")

    def __post_init__(self):
        _planar(self.begin)

    def value(self, theta):
        x, y = theta.unbind()
        return (1 + (x * y) ** 2).sqrt() - 1


@dataclass(frozen=True)
class Saddle(Toy):
    """x^2/2 - y^2/2 + y^4/4: a saddle at the origin between the minima (0, -1) and (0, 1)."""

    begin: tuple[float, ...] = series((1.0, 0.01), -100, 100, 2, "Start", "The first x and y.")

    def __post_init__(self):
        _planar(self.begin)

    def value(self, theta):
        x, y = theta.unbind()
        return x**2 / 2 - y**2 / 2 + y**4 / 4


@dataclass(frozen=True)
class Beale(Toy):
    """Beale's function: flat plateaus, steep walls, a saddle at (0, 1) and the minimum (3, 0.5) (Beale 1958)."""

    begin: tuple[float, ...] = series((1.0, 1.5), -100, 100, 2, "Start", "The first x and y.")

    def __post_init__(self):
        _planar(self.begin)

    def value(self, theta):
        x, y = theta.unbind()
        return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


@dataclass(frozen=True)
class TwoCurvatures(Problem):
    """F1(x1, x2) x3^2 + F2(x1, x2) x4^2 (Wen, Ma & Li 2023, arXiv 2211.05729, fig. 1): a plane of minima, with the
    curvatures 2 F1 and 2 F2 across it.

    F1 = x1^2 + 6 x2^2 + 8 is least at (0, 0), F2 = 4 (1 - x1)^2 + (1 - x2)^2 + 1 at (1, 1), their sum at (4/5, 1/7).
    The function is the mean of two examples' losses, 2 F1 x3^2 and 2 F2 x4^2, of which a batch of 1 takes one. There
    are no held-out examples.
    """

    begin: tuple[float, ...] = series((0.5, 0.5, 0.1, 0.1), -100, 100, 4, "Start", "The first x1, x2, x3 and x4.")
    ascent: float = knob(
        0.0,
        0.0,
        10.0,
        "Ascent radius",
        "Where it is not 0, the loss is L(w + radius g/‖g‖), with its full derivative.",
        log=True,
    )

    dtype: ClassVar = torch.float64

    def __post_init__(self):
        if len(self.begin) != 4:
            raise SpecError(f"begin: expected 4 numbers, got {len(self.begin)}")

    def blocks(self):
        return (Block("theta", (4,), "point"),)

    def start(self, seed):
        return torch.tensor(self.begin, dtype=self.dtype)

    def examples(self):
        return 2

    def widest(self):
        return 4

    def load(self, split, device="cpu", dtype=None):
        if split != "train":
            return Examples(None, None)
        return Examples(
            torch.eye(2, dtype=dtype or self.dtype, device=device),
            torch.zeros(2, dtype=dtype or self.dtype, device=device),
        )

    def loss(self, theta, x, y):
        return self.losses(theta, x, y).mean()

    def losses(self, theta, x, y):
        """Of the terms that the rows of x [N, 2] pick, or of both. With an ascent, they are taken where the mean's
        gradient leads."""
        if self.ascent:
            g = torch.func.grad(lambda t: _terms(t).mean())(theta)
            theta = theta + self.ascent * g / (g @ g).sqrt()
        terms = _terms(theta)
        return terms if x is None else x @ terms

    def score(self, theta, x, y, moments=None):
        loss = self.loss(theta, x, y)
        return torch.stack([loss, torch.full_like(loss, float("nan"))])


def _terms(theta: Tensor) -> Tensor:
    """2 F1 x3^2 and 2 F2 x4^2."""
    a, b, c, d = theta.unbind()
    return torch.stack([2 * (a**2 + 6 * b**2 + 8) * c**2, 2 * (4 * (1 - a) ** 2 + (1 - b) ** 2 + 1) * d**2])


def _planar(begin):
    if len(begin) != 2:
        raise SpecError(f"begin: expected 2 numbers, x and y, got {len(begin)}")


TOYS = (Quadratic, Product, Saddle, Beale, TwoCurvatures)
