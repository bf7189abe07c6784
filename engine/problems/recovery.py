"""Recovery from few measurements by a factored model: more parameters than measurements, so that zero loss is a
manifold."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from engine.data import Examples
from engine.models import Block
from engine.problems.abstract import Problem
from engine.seeds import generator
from engine.spec import SpecError, knob

HELD_OUT = 1000
"""Fresh measurements of the same object: half their mean squared residual is, but for chance, half the squared
distance from it."""


class Recovery(Problem):
    """Half the mean squared residual of linear measurements y = <a, truth> of an object that the parameters factor;
    float64, without noise or classes."""

    train: int
    draw: int
    dtype: ClassVar = torch.float64

    @abstractmethod
    def truth(self) -> Tensor:
        """The object that is measured: a vector [d] or a matrix [d, d]."""

    @abstractmethod
    def recovered(self, theta: Tensor) -> Tensor:
        """The object that theta [n] makes, of the shape of `truth`; differentiable."""

    @abstractmethod
    def minimizer(self) -> Tensor:
        """A theta [n] that makes the truth itself: its loss is 0 on the training and the held-out measurements
        alike."""

    def examples(self):
        return self.train

    def load(self, split, device="cpu", dtype=None):
        """Measurements x [N, *shape of the truth], their entries independent standard normals, and results y [N],
        which are no classes but numbers."""
        truth, count = self.truth(), self.train if split == "train" else HELD_OUT
        x = torch.randn(
            count, *truth.shape, generator=generator(self.draw, type(self).__name__, split), dtype=torch.float64
        )
        y = (x * truth).flatten(1).sum(1)
        return Examples(x.to(device, dtype or self.dtype), y.to(device, dtype or self.dtype))

    def losses(self, theta, x: Any, y: Any):
        return 0.5 * ((x * self.recovered(theta)).flatten(1).sum(1) - y) ** 2

    def loss(self, theta, x, y):
        return self.losses(theta, x, y).mean()

    def score(self, theta, x, y, moments=None):
        loss = self.loss(theta, x, y)
        return torch.stack([loss, torch.full_like(loss, float("nan"))])

    def widest(self):
        return self.truth().numel()


@dataclass(frozen=True)
class MatrixSensing(Recovery):
    """A positive semidefinite matrix X* of low rank from measurements <A_i, X*>, as X = U Uᵀ with a square U: L =
    1/(2m) Σ (<A_i, U Uᵀ> - y_i)².

    The symmetric setting of Li, Ma & Zhang 2018 (arXiv 1712.09203), whose small starts find X* by themselves. That
    flat minima do is shown by Ding, Drusvyatskiy, Fazel & Harchaoui 2024 (arXiv 2203.03756) for X = L Rᵀ, Gaussian
    measurements and a scaled trace. X* has `rank` eigenvalues 1, in random directions. U is [dimension, dimension].
    """

    train: int = knob(35, 1, 2000, "Measurements", "m, to train on; 1,000 more are held out.", log=True)
    dimension: int = knob(10, 2, 40, "Dimension", "d, the rows and columns of the matrix; there are d² parameters.")
    rank: int = knob(2, 1, 40, "Rank", "Of the matrix that is measured; at most its dimension.")
    scale: float = knob(
        1.0,
        1e-4,
        10.0,
        "Start's scale",
        "U starts with normal entries of this deviation over √d.",
        log=True,
        varies=False,
    )
    draw: int = knob(0, 0, 9999, "Draw", "Which random matrix and measurements.")

    def __post_init__(self):
        _at_most("rank", self.rank, self.dimension, "dimension")

    def blocks(self):
        return (Block("U", (self.dimension, self.dimension), "weight"),)

    def start(self, seed):
        return (
            self.scale
            / self.dimension**0.5
            * torch.randn(self.dimension**2, generator=generator(seed, "start"), dtype=self.dtype)
        )

    def recovered(self, theta):
        factor = theta.view(self.dimension, self.dimension)
        return factor @ factor.T

    def truth(self):
        return self.recovered(self.minimizer())

    def minimizer(self):
        random = torch.randn(
            self.dimension, self.rank, generator=generator(self.draw, "MatrixSensing", "truth"), dtype=torch.float64
        )
        return torch.nn.functional.pad(torch.linalg.qr(random)[0], (0, self.dimension - self.rank)).flatten()


@dataclass(frozen=True)
class DiagonalNet(Recovery):
    """Sparse regression by a diagonal linear network: beta = u ⊙ v, L = 1/(2n) Σ (<beta, x_i> - y_i)² (Woodworth et
    al. 2020, arXiv 2002.09277).

    Woodworth et al. write beta = w₊² - w₋², the same up to a rotation: u = w₊ + w₋, v = w₊ - w₋, and their start at
    w₊ = w₋ is u = scale, v = 0. Large starts fit with small norm, small ones sparsely. beta* has `sparsity` entries
    of 1/√sparsity and zeros elsewhere.
    """

    train: int = knob(
        20, 1, 5000, "Training examples", "n, with standard normal inputs; 1,000 more are held out.", log=True
    )
    dimension: int = knob(30, 1, 1000, "Dimension", "d, the length of beta; there are 2 d parameters.", log=True)
    sparsity: int = knob(3, 1, 1000, "Sparsity", "Entries of beta* that are not 0; at most its dimension.", log=True)
    scale: float = knob(
        1.0, 1e-4, 10.0, "Start's scale", "u starts with all entries at this, v at 0.", log=True, varies=False
    )
    draw: int = knob(0, 0, 9999, "Draw", "Which random inputs.")

    def __post_init__(self):
        _at_most("sparsity", self.sparsity, self.dimension, "dimension")

    def blocks(self):
        return (Block("u", (self.dimension,), "weight"), Block("v", (self.dimension,), "weight"))

    def start(self, seed):
        return torch.cat(
            [torch.full((self.dimension,), self.scale, dtype=self.dtype), torch.zeros(self.dimension, dtype=self.dtype)]
        )

    def recovered(self, theta):
        u, v = theta.view(2, self.dimension)
        return u * v

    def truth(self):
        return self.recovered(self.minimizer())

    def minimizer(self):
        root = torch.zeros(self.dimension, dtype=self.dtype)
        root[: self.sparsity] = self.sparsity**-0.25
        return torch.cat([root, root])


def _at_most(name: str, value: int, bound: int, which: str) -> None:
    if value > bound:
        raise SpecError(f"{name}: expected at most {bound}, the {which}, got {value}")


RECOVERIES = (MatrixSensing, DiagonalNet)
