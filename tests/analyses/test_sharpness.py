"""Sharpness in three senses, against closed forms on quadratics and against a grid of all directions on a function
of few coordinates."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import qmc

from engine.analyses import sharpness
from engine.data import Digits
from engine.experiments import theory
from engine.models import MLP
from engine.problems import Classification, Quadratic, TwoCurvatures, parts

RHO = 0.1
EIGENVALUES = (5.0, 3.0, 1.0, 0.0, -2.0)
SPECTRA = [(4.0, 1.0), (3.0, 3.0, 0.5), (2.0,) * 6, EIGENVALUES]
TURN = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def turned(eigenvalues) -> tuple[list, torch.Tensor]:
    """A quadratic around 0 whose axes lie askew, in two summands that are not its terms, and its Hessian."""
    n = len(eigenvalues)
    turn = TURN[:n, :n] if n == 5 else torch.linalg.qr(torch.randn(n, n, generator=random(1), dtype=torch.float64))[0]
    hessian = turn @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ turn.T
    other = torch.randn(n, n, generator=random(2), dtype=torch.float64)
    return [lambda t: t @ (hessian / 2 - other) @ t, lambda t: t @ other @ t], hessian


def found(losses, theta, rho=RHO) -> sharpness.Ascent:
    return sharpness.worst(losses, theta, rho, sharpness.candidates(losses, theta, random()))


@pytest.mark.parametrize("eigenvalues", SPECTRA, ids=str)
def test_at_a_minimum_or_saddle_of_a_quadratic(eigenvalues):
    """At rest the gradient is 0: the worst direction is the top eigenvector, the average over directions is the
    trace, and there is no way up the gradient."""
    losses, _ = turned(eigenvalues)
    rest = torch.zeros(len(eigenvalues), dtype=torch.float64)
    worst = found(losses, rest)
    assert worst.rise == pytest.approx(theory.worst_sharpness(RHO, max(eigenvalues)), rel=1e-3) and float(
        worst.direction.norm()
    ) == pytest.approx(1)
    average = sharpness.averaged(losses, rest, RHO, random(), 600)
    assert average.mean == pytest.approx(
        theory.average_sharpness(RHO, sum(eigenvalues), len(eigenvalues)), abs=4 * average.error + 1e-12
    )
    assert math.isnan(sharpness.ascended(losses, rest, RHO))


@pytest.mark.parametrize("eigenvalues", SPECTRA, ids=str)
def test_anywhere_on_a_quadratic(eigenvalues):
    """Up the gradient and on average there are closed forms at any point; the worst rise solves a trust-region
    problem, here by its secular equation."""
    losses, hessian = turned(eigenvalues)
    point = torch.linspace(-0.2, 0.3, len(eigenvalues), dtype=torch.float64)
    g = hessian @ point
    along = float(g @ hessian @ g / (g @ g))
    assert sharpness.ascended(losses, point, RHO) == pytest.approx(
        theory.ascent_sharpness(RHO, float(g.norm()), along), rel=1e-9
    )
    average = sharpness.averaged(losses, point, RHO, random(), 600)
    assert average.mean == pytest.approx(
        theory.average_sharpness(RHO, sum(eigenvalues), len(eigenvalues)), abs=4 * average.error + 1e-12
    )
    assert found(losses, point).rise == pytest.approx(secular(g.numpy(), hessian.numpy(), RHO), rel=1e-3)


def secular(g: np.ndarray, hessian: np.ndarray, rho: float) -> float:
    """The largest g'v + v'Hv/2 with norm(v) = rho: (mu - H) v = g with mu above the largest eigenvalue, by bisection
    (More & Sorensen 1983)."""
    values, axes = np.linalg.eigh(hessian)
    g = axes.T @ g
    low, high = values[-1] + 1e-12, values[-1] + np.linalg.norm(g) / rho + 1
    for _ in range(200):
        mu = (low + high) / 2
        low, high = (mu, high) if np.linalg.norm(g / (mu - values)) > rho else (low, mu)
    v = g / (mu - values)
    return float(g @ v + v @ (values * v) / 2)


@pytest.mark.parametrize(
    "theta", [(0.5, 0.5, 0.1, 0.1), (0.0, 0.0, -0.01, 0.0), (1.0, 1.0, 0.0, 0.03), (0.8, 0.14, 0.0, 0.0)]
)
@pytest.mark.parametrize("rho", [0.01, 0.3])
def test_against_many_directions(theta, rho):
    """On the 4-dimensional toy, 2^16 evenly spread directions: none rises more than the worst found, and their mean
    is the average."""
    problem, theta = TwoCurvatures(), torch.tensor(theta, dtype=torch.float64)
    losses = parts(problem, problem.load("train"), 1)
    z = torch.erfinv(torch.tensor(2 * qmc.Sobol(4, rng=0).random_base2(16) - 1).clamp(-1 + 1e-12, 1 - 1e-12))
    around = theta + rho * z / z.norm(dim=1, keepdim=True)
    rises = torch.vmap(partial(problem.loss, x=None, y=None))(around) - problem.loss(theta, None, None)
    worst, average = found(losses, theta, rho), sharpness.averaged(losses, theta, rho, random(), 600)
    assert float(rises.max()) <= worst.rise * (1 + 1e-6) and worst.rise <= 1.02 * float(rises.max())
    assert average.mean == pytest.approx(float(rises.mean()), abs=4 * average.error)


def test_an_ascent_never_falls_and_more_starts_never_lower_it():
    problem = Classification(Digits(train=40), MLP(6, 1, "tanh"), "squared error")
    losses, theta = parts(problem, problem.load("train"), 16), problem.start(0)
    starts = sharpness.candidates(losses, theta, random())
    rises = [sharpness.worst(losses, theta, RHO, starts, limit).rise for limit in (1, 2, 4, 8, 16, 40)]
    assert rises == sorted(rises) and rises[-1] > rises[0]
    each = [sharpness.worst(losses, theta, RHO, [start]).rise for start in starts]
    assert rises[-1] == max(each) and rises[-1] >= sharpness.ascended(losses, theta, RHO)
    assert sharpness.worst(losses, theta, RHO, starts).steps <= 4 * sharpness.LIMIT


def test_on_top_of_a_hill_nothing_rises():
    losses, _ = turned((-1.0, -2.0))
    assert found(losses, torch.zeros(2, dtype=torch.float64)).rise == 0.0


def test_the_limits_of_the_three_notions():
    """At a minimum on the plane of the toy, over rho², as rho goes to 0: the top eigenvalue over 2, and the trace
    over 2 n; up the gradient from close by, what lies between, the smaller eigenvalue over 2 at least."""
    problem, rho = TwoCurvatures(), 1e-3
    losses = parts(problem, problem.load("train"))
    rest = torch.tensor([0.5, 0.5, 0.0, 0.0], dtype=torch.float64)
    large, small = 2 * (0.25 + 1.5 + 8), 2 * (1 + 0.25 + 1)
    assert found(losses, rest, rho).rise / rho**2 == pytest.approx(theory.worst_sharpness(1, large), rel=1e-3)
    average = sharpness.averaged(losses, rest, rho, random(), 600)
    assert average.mean / rho**2 == pytest.approx(
        theory.average_sharpness(1, large + small, 4), abs=4 * average.error / rho**2
    )
    close = [rest + 1e-7 * torch.tensor([0, 0, math.cos(a), math.sin(a)]) for a in np.linspace(0, math.pi / 2, 19)]
    up = [sharpness.ascended(losses, point, rho) / rho**2 for point in close]
    assert (
        up[0] == pytest.approx(large / 2, rel=1e-3)
        and up[-1] == pytest.approx(small / 2, rel=1e-3)
        and up == sorted(up, reverse=True)
    )


def test_the_same_numbers_again():
    losses, _ = turned(EIGENVALUES)
    point = torch.ones(5, dtype=torch.float64)
    assert sharpness.averaged(losses, point, RHO, random(3), 10) == sharpness.averaged(
        losses, point, RHO, random(3), 10
    )
    assert found(losses, point).rise == found(losses, point).rise and torch.equal(
        point, torch.ones(5, dtype=torch.float64)
    )


def test_one_parameter():
    losses = parts(Quadratic((4.0,), (1.0,)), Quadratic((4.0,), (1.0,)).load("train"))
    assert found(losses, torch.tensor([0.5], dtype=torch.float64)).rise == pytest.approx(2 * (0.6**2 - 0.5**2))
