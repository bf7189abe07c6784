"""Curvature against dense matrices in double precision: products, both ends of hard spectra, warm starts,
quadrature."""

import numpy as np
import pytest
import torch

from engine.curvature import KEEP, Hessian, Krylov, dense, ends, extremes, signs, training_hessian
from engine.curvature import hessian as hessians
from engine.data import Digits, Moons
from engine.models import CNN, MLP
from engine.problems import Classification, parts
from engine.seeds import generator
from engine.training.measure import cosine, track
from tests import oracles
from tests.drive import Double, last

MOONS = Double(Moons(train=100), MLP(width=4, depth=2, activation="tanh"))
NETWORKS = {
    "moons": (MOONS, lambda: oracles.mlp(2, 2, 4, 2, "tanh")),
    "squared": (
        Double(Moons(train=100), MLP(width=4, depth=1, activation="softplus"), "squared error"),
        lambda: oracles.mlp(2, 2, 4, 1, "softplus"),
    ),
    "digits": (
        Double(Digits(train=100), MLP(width=4, depth=1, activation="gelu")),
        lambda: oracles.mlp(64, 10, 4, 1, "gelu"),
    ),
    "cnn": (Double(Digits(train=100), CNN(width=3, depth=2)), lambda: oracles.cnn(1, 8, 10, 3, 2, "relu")),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network_products(name):
    """Products and gradient equal the dense ones of a module, for 1 to 15 chunks (more than are kept) and an uneven
    last one."""
    problem, net = NETWORKS[name]
    theta = problem.start(0) + 0.05
    value = oracles.loss_of(oracles.filled(net(), theta), oracles.criterion(problem.objective), *problem.load("train"))
    matrix, slope = oracles.hessian(value, theta), torch.func.grad(value)(theta)
    vectors = torch.randn(3, len(theta), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for chunk in (7, 26, 34, 99, 100):
        hessian = Hessian(parts(problem, problem.load("train"), chunk), theta)
        assert (hessian.kept is None) == (-(-100 // chunk) > KEEP)
        for v in vectors:
            assert float((hessian(v) - matrix @ v).norm() / (matrix @ v).norm()) < 1e-10, chunk
        assert torch.allclose(hessian.gradient, slope, rtol=1e-9, atol=1e-12), chunk
    whole = last(dense(hessian, len(theta), theta))[1]
    assert np.allclose(whole, matrix.numpy(), atol=1e-10 * float(matrix.abs().max()))


A = torch.arange(9.0, dtype=torch.float64).view(3, 3) / 9
WEIGHT = torch.arange(10.0, dtype=torch.float64).requires_grad_()
LOSSES = {
    "tied": lambda t: torch.tanh(t[:9].view(3, 3) @ torch.tanh(t[:9].view(3, 3) @ A)).square().sum() + t[9] * t[0],
    "unused": lambda t: (t[2:5] ** 4).sum() * t[3],
    "linear": lambda t: t @ torch.arange(10.0, dtype=torch.float64),
    "linear in a weight": lambda t: t @ WEIGHT,
    "half linear": lambda t: t[:5].sum() + (t[5] * t[6]) ** 2,
    "constant": lambda t: torch.tensor(2.0, dtype=torch.float64),
    "relu": lambda t: torch.relu(t).square().sum(),
    "indefinite": lambda t: t[0] * t[1] - t[2] ** 2,
}


@pytest.mark.parametrize("pieces", [1, 2, KEEP + 1])
@pytest.mark.parametrize("name", LOSSES)
def test_odd_losses(name, pieces):
    """Tied weights, parameters that are not used, linear and constant losses, alone and as parts of a sum."""
    loss = LOSSES[name]
    theta = torch.linspace(-1, 1.3, 10, dtype=torch.float64)
    others = [LOSSES["linear"], LOSSES["constant"], LOSSES["unused"], LOSSES["tied"]][: pieces - 1]
    hessian = Hessian([loss, *others], theta)

    def value(t):
        return sum((f(t) for f in others), loss(t)) + 0 * t.sum()

    matrix = oracles.hessian(value, theta)
    for v in torch.eye(10, dtype=torch.float64):
        assert torch.allclose(hessian(v), matrix @ v, atol=1e-12)
    assert torch.allclose(hessian.gradient, torch.func.grad(value)(theta), atol=1e-12)


@pytest.mark.parametrize("chunk", [100, 7])
def test_the_callers_tensors_are_left_alone(chunk):
    theta = MOONS.start(0).requires_grad_()
    theta.grad = torch.full_like(theta, 7.0)
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    weight.grad = torch.full_like(weight, 5.0)
    before, v = theta.detach().clone(), torch.ones(len(theta), dtype=torch.float64)
    hessian = Hessian([*parts(MOONS, MOONS.load("train"), chunk), lambda t: (t[:3] * weight).square().sum()], theta)
    last(extremes(hessian, torch.stack([v, 2 * v]), generator(0, "x"), 2))
    with torch.no_grad():
        hessian(v)
    Hessian(parts(MOONS, MOONS.load("train"), chunk), before)
    assert not before.requires_grad
    assert theta.requires_grad and weight.requires_grad and torch.equal(theta.detach(), before)
    assert bool((theta.grad == 7).all()) and bool((weight.grad == 5).all()) and bool((v == 1).all())
    product = hessian(v)
    with torch.no_grad():
        theta.zero_()  # and what the caller does to them later changes no product
    assert torch.equal(hessian(v), product)


def test_products_do_not_accumulate():
    hessian, v = (
        Hessian(parts(MOONS, MOONS.load("train"), 40), MOONS.start(0)),
        torch.ones(MOONS.size(), dtype=torch.float64),
    )
    assert all(torch.equal(hessian(v), hessian(v)) for _ in range(3))


def found(eigenvalues, top, bottom=0, seed=0, starts=1, dtype=torch.float64, **options):
    """Eigenpairs of a matrix with these eigenvalues, the matrix, and the true values at both ends."""
    matrix, random = oracles.symmetric(eigenvalues, seed), generator(seed, "test")
    begin = torch.randn(starts, len(eigenvalues), generator=random, dtype=torch.float64).to(dtype)
    krylov = last(extremes(lambda v: matrix.to(dtype) @ v, begin, random, top, bottom, **options))
    ordered = np.sort(np.array(eigenvalues))[::-1]
    return krylov.ritz(ends(top, bottom, krylov.count)), matrix, ordered[ends(top, bottom, len(ordered))], krylov


def bulk(count, low=0.0, high=1.0):
    return list(np.random.default_rng(5).uniform(low, high, count))


SPECTRA = {
    "repeated": ([10, 10, 10, 9, *bulk(296)], 5, 0),
    "repeated, both ends": ([10, 10, 10, 9, -7, -7, *bulk(294)], 4, 3),
    "eight times": ([10] * 8 + bulk(292), 8, 0),
    "repeated near the bulk": ([1.05, 1.05, *bulk(298)], 2, 0),
    "repeated at the bulk": ([1.0, 1.0, *bulk(298, 0, 0.99)], 2, 0),
    "thrice": ([1.2, 1.2, 1.2, *bulk(297)], 3, 2),
    "large negative": ([3, 2, 1.5, -50, *bulk(296, -1)], 3, 0),
    "several large negative": ([1.0, 0.9, -100, -100, -99.9, *bulk(295, -1, 0)], 2, 3),
    "all negative": (bulk(200, -3, -1), 2, 2),
    "clustered": ([10, 9.999, 9.998, 9.99, *bulk(296)], 4, 0),
    "tightly clustered": ([10, 9.9999, 9.9998, *bulk(297)], 3, 0),
    "low rank": ([5, 4, 3, *[0] * 297], 5, 2),
    "zero": ([0.0] * 100, 3, 2),
    "identity": ([1.0] * 100, 3, 2),
    "powers": ([10.0**-i for i in range(100)], 5, 0),
    "tiny": (list(1e-9 * np.array([5, 3, *bulk(98)])), 2, 0),
    "huge": (list(1e9 * np.array([5, 3, *bulk(98)])), 2, 0),
    "one": ([2.5], 1, 0),
    "one of none": ([0.0], 3, 2),
    "two": ([3.0, -4.0], 2, 2),
    "fewer than asked": ([3.0, 1.0, -4.0], 5, 5),
}


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 2e-6), (torch.float32, 1e-5)], ids=["float64", "float32"])
@pytest.mark.parametrize("name", SPECTRA)
def test_ends_of_hard_spectra(name, dtype, tolerance):
    """Repeated as often as they occur, by algebraic value and not by size, with true residuals, for several random
    starts."""
    eigenvalues, top, bottom = SPECTRA[name]
    scale = max(map(abs, eigenvalues)) or 1.0
    for seed in range(3):
        pairs, matrix, true, krylov = found([float(v) for v in eigenvalues], top, bottom, seed, dtype=dtype)
        assert len(pairs.values) == len(true) and np.abs(pairs.values - true).max() < tolerance * scale
        k = min(top, len(eigenvalues))
        assert (np.diff(pairs.values[:k]) <= 0).all()
        vectors = pairs.vectors.double()
        residuals = (vectors @ matrix - torch.as_tensor(pairs.values)[:, None] * vectors).norm(dim=1).numpy()
        assert np.abs(residuals - pairs.residuals).max() < tolerance * scale, "a residual is not what it says"
        assert pairs.residuals.max() <= 2e-5 * scale
        first = vectors[:k]
        assert torch.allclose(first @ first.T, torch.eye(k, dtype=torch.float64), atol=1e-5)
        assert krylov.count <= len(eigenvalues)


def test_the_limit_stops_and_the_residuals_say_so():
    pairs, _, _, krylov = found(bulk(300), 5, limit=12)
    assert krylov.count == 12 and (pairs.residuals > 1e-3).any()
    nearest = np.abs(np.array(bulk(300))[None] - pairs.values[:, None]).min(1)
    assert (nearest <= pairs.residuals + 1e-12).all()


@pytest.mark.parametrize(
    "starts",
    [torch.zeros(2, 30), torch.ones(3, 30), torch.full((1, 30), float("nan")), torch.eye(30)[:1]],
    ids=["zero", "dependent", "nan", "eigenvector"],
)
def test_poor_start_vectors(starts):
    matrix = torch.diag(torch.arange(30.0, dtype=torch.float64))
    krylov = last(extremes(lambda v: matrix @ v, starts.double(), generator(0, "poor"), 3, 1))
    assert np.allclose(krylov.ritz(ends(3, 1, krylov.count)).values, [29, 28, 27, 0], atol=1e-4)


def test_a_hessian_that_is_not_finite():
    with pytest.raises(FloatingPointError):
        last(extremes(lambda v: v * float("inf"), torch.ones(1, 5), generator(0, "x"), 1))


@pytest.mark.parametrize(
    "risen, rest, least", [(2.0, 0.5, 10), (2.0, 0.9, 10), (1.1, 0.5, 10), (1.1, 0.9, 9), (1.02, 0.5, 9)]
)
def test_tracking_sees_what_rose_past(risen, rest, least):
    """Warm-started exactly on the second eigenvector, with no part in the first, out of 600 parameters; two
    rotations, ten draws."""
    seen, matrices = 0, [oracles.symmetric([risen, 1.0, *bulk(598, -0.1, rest)], rotation) for rotation in (0, 1)]
    second = [torch.linalg.eigh(matrix)[1][:, -2][None] for matrix in matrices]
    for seed in range(10):
        matrix, tracked = matrices[seed % 2], second[seed % 2]
        krylov = last(track(lambda v, m=matrix: m @ v, tracked, generator(seed, "rise"), tol=1e-3))
        seen += abs(krylov.ritz([0]).values[0] - risen) < 2e-3 * risen
        assert krylov.count <= 100
    assert seen >= least


def test_tracking_a_moving_matrix_is_cheap_and_right():
    """A warm start needs fewer products than a cold one, and its answer is the same."""
    a, b = (oracles.symmetric([9.0, 7.0, 6.0, *bulk(397)], seed) for seed in (0, 1))
    vectors, spent, cold = torch.randn(3, 400, generator=torch.Generator().manual_seed(0), dtype=torch.float64), [], []
    for step in range(5):
        matrix = a + 0.002 * step * b
        krylov = last(track(lambda v, m=matrix: m @ v, vectors, generator(step, "move"), tol=1e-3))
        other = last(
            extremes(
                lambda v, m=matrix: m @ v, torch.ones(1, 400, dtype=torch.float64), generator(step, "cold"), 3, tol=1e-3
            )
        )
        vectors = krylov.ritz([0, 1, 2]).vectors
        assert np.allclose(krylov.ritz([0, 1, 2]).values, torch.linalg.eigvalsh(matrix).flip(0)[:3].numpy(), rtol=1e-4)
        spent.append(krylov.count)
        cold.append(other.count)
    assert max(spent[1:]) <= spent[0] and sum(spent[1:]) <= sum(cold[1:])


def test_float32_network_against_dense_float64():
    """Top five of the digits MLP to 1e-5, as the benchmark asks."""
    problem = Classification(Digits(), MLP(width=12, depth=1, activation="tanh"))
    theta = problem.start(0)
    matrix = oracles.hessian(
        oracles.loss_of(
            oracles.filled(oracles.mlp(64, 10, 12, 1, "tanh"), theta.double()),
            oracles.criterion("cross-entropy"),
            *problem.load("train", dtype=torch.float64),
        ),
        theta,
    )
    true = torch.linalg.eigvalsh(matrix).flip(0).numpy()
    start = torch.randn(1, len(theta), generator=torch.Generator().manual_seed(0))
    krylov = last(extremes(Hessian(parts(problem, problem.load("train")), theta), start, generator(0, "net"), 5, 3))
    pairs = krylov.ritz(ends(5, 3, krylov.count))
    assert np.abs(pairs.values[:5] / true[:5] - 1).max() < 1e-5
    assert np.abs(pairs.values[5:] - true[-3:]).max() < 1e-5 * true[0]


def test_krylov_invariants():
    """The basis is orthonormal, the images are the products, the projected matrix is V'HV, at every size and after
    probes."""
    matrix = oracles.symmetric([5, 5, 5, *bulk(27)], 3)
    krylov = Krylov(lambda v: matrix @ v, torch.ones(2, 30, dtype=torch.float64), generator(0, "k"))
    while not krylov.full:
        assert torch.allclose(krylov.basis @ krylov.basis.T, torch.eye(krylov.count, dtype=torch.float64), atol=1e-10)
        assert torch.allclose(krylov.images, krylov.basis @ matrix, atol=1e-10)
        assert np.allclose(krylov.projected, (krylov.basis @ matrix @ krylov.basis.T).numpy(), atol=1e-10)
        (krylov.probe if krylov.count % 7 == 0 else krylov.grow)()
    assert np.allclose(np.linalg.eigvalsh(krylov.projected), np.sort([5, 5, 5, *bulk(27)]), atol=1e-10)


def test_quadrature_integrates_polynomials():
    """m nodes integrate v'H^p v exactly up to p = 2m - 1 (Golub & Meurant), and no further."""
    matrix, v = oracles.symmetric(bulk(40, -1), 1), torch.ones(40, dtype=torch.float64) / 40**0.5
    krylov = Krylov(lambda x: matrix @ x, v[None], generator(0, "q"))
    while krylov.count < 6:
        krylov.grow()
    nodes, weights = krylov.quadrature()
    assert weights.sum() == pytest.approx(1, abs=1e-12) and (weights >= 0).all()
    errors = [abs((weights * nodes**p).sum() - float(v @ torch.linalg.matrix_power(matrix, p) @ v)) for p in range(15)]
    assert max(errors[:12]) < 1e-12 < 1e-8 < errors[12]


def test_signs_and_cosine():
    z = signs(4000, generator(0, "s"), torch.zeros(1))
    assert set(z.tolist()) == {-1.0, 1.0} and abs(float(z.mean())) < 5 / 4000**0.5 and z.dtype == torch.float32
    assert cosine(torch.tensor([3.0, 4.0]), torch.tensor([-3.0, -4.0])) == pytest.approx(1)
    assert cosine(torch.tensor([1.0, 0.0]), torch.zeros(2)) == 0


def test_shared_among_threads(monkeypatch):
    """A training loss that two threads share has the Hessian and the gradient of the whole, and every time the same
    bits."""
    problem = Classification(Digits(train=101), MLP(width=6))
    theta, v = problem.start(0).double(), torch.randn(problem.size(), dtype=torch.float64)
    whole = training_hessian(problem, theta)
    monkeypatch.setattr(hessians, "WORTH", 0)
    shared = [training_hessian(problem, theta) for _ in range(2)]
    assert (len(whole.losses), len(shared[0].losses)) == (1, 2)
    torch.testing.assert_close(shared[0](v), whole(v))
    torch.testing.assert_close(shared[0].gradient, whole.gradient)
    assert torch.equal(shared[0](v), shared[1](v))
