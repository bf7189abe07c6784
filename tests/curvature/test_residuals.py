"""Residuals against dense spectra in double precision, for networks that compute in single precision."""

import numpy as np
import torch

from engine.curvature import Hessian, confirmed, dense, ends, extremes
from engine.data import Digits, Moons
from engine.models import CNN, MLP, ViT
from engine.problems import Beale, Classification, parts
from engine.seeds import generator
from tests.drive import last, returned

POINTS, IMAGES = Moons(train=80), Digits(train=60)
STEEP = {
    "tanh": (Classification(POINTS, MLP(8, 3, "tanh")), 8, 0),
    "gelu": (Classification(POINTS, MLP(10, 3, "gelu")), 8, 0),
    "relu": (Classification(POINTS, MLP(10, 3, "relu")), 3, 1),
}
"""Networks of large weights, where products in single precision are off by more than they say; a factor and a seed."""
GENTLE = {
    "batchnorm": (Classification(IMAGES, CNN(3, 1, norm="batch"), "squared error"), 1, 0),
    "attention": (Classification(IMAGES, ViT(4, 4, 1, 2)), 1, 0),
}


def found(problem, theta):
    """The three largest and two smallest eigenpairs, as converged as its precision allows."""
    hessian = Hessian(parts(problem, problem.load("train")), theta)
    start = torch.randn(1, len(theta), generator=torch.Generator().manual_seed(0)).to(theta)
    krylov = last(extremes(hessian, start, generator(0, "residual"), 3, 2, tol=1e-9, limit=120))
    return krylov.ritz(ends(3, 2, krylov.count))


def test_a_true_eigenvalue_lies_within():
    """Where products in single precision say that nothing is left, what they were off by is in the residual."""
    for name, (problem, factor, seed) in (STEEP | GENTLE).items():
        theta = problem.start(seed) * factor
        pairs = found(problem, theta)
        bounds = returned(confirmed(problem, theta, pairs)).residuals
        double = Hessian(parts(problem, problem.load("train", dtype=torch.float64)), theta.double())
        matrix = last(dense(double, len(theta), theta.double()))[1]
        true = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        off = np.abs(pairs.values[:, None] - true).min(axis=1)
        assert (off <= bounds).all(), name
        assert bounds.max() < 1e-4 * np.abs(pairs.values).max(), "a bound that says little"
        assert name in GENTLE or (off > 5 * pairs.residuals).any(), "these products are off by more than they say"


def test_double_precision_needs_no_second_product():
    """What is in double precision already is bounded by its own residual and the rounding of doubles."""
    problem = Beale()
    theta = problem.start(0)
    pairs = found(problem, theta)
    bounds = returned(confirmed(problem, theta, pairs)).residuals
    assert (bounds > pairs.residuals).all() and np.allclose(bounds, pairs.residuals, atol=1e-12 * pairs.values.max())
