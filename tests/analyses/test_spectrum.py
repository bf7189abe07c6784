"""Spectra against dense matrices: both ends, the density and the trace within their stated errors, edge cases of
size."""

import numpy as np
import pytest
import torch

from engine.analyses.spectrum import EXACT, SpectrumSpec
from engine.curvature import Hessian
from engine.data import Digits, Moons
from engine.figures.density import density, exact_density
from engine.models import MLP
from engine.problems import Beale, Classification, Quadratic
from engine.records import Spectrum
from tests import oracles
from tests.drive import Double, at_start, computed, computing, record

NETWORK = Double(Moons(train=60), MLP(width=6, depth=2, activation="tanh"))
VALUES = tuple(
    np.round(np.concatenate([[25.0, 12.0, 12.0, -3.0], np.random.default_rng(0).uniform(-0.5, 1, 60)]), 6).tolist()
)
DIAGONAL = Quadratic(VALUES, (0.1,) * 64)


def spectrum(problem, **settings) -> Spectrum:
    _spec, run = at_start(problem)
    return computed(SpectrumSpec(**settings), run)


def true_matrix(problem=NETWORK) -> torch.Tensor:
    net = oracles.filled(oracles.mlp(2, 2, 6, 2, "tanh"), problem.start(0))
    return oracles.hessian(
        oracles.loss_of(net, oracles.criterion("cross-entropy"), *problem.load("train")), problem.start(0)
    )


def test_network_against_the_dense_hessian():
    true = torch.linalg.eigvalsh(true_matrix()).numpy()
    s = spectrum(NETWORK, top=6, bottom=4)
    assert np.allclose(s.exact, true, atol=1e-10) and s.size == len(true) == NETWORK.size()
    assert (
        np.abs(s.top - true[::-1][:6]).max() < 1e-5 * true[-1] and np.abs(s.bottom - true[:4]).max() < 1e-5 * true[-1]
    )
    assert (np.diff(s.top) <= 0).all() and (np.diff(s.bottom) >= 0).all()
    assert (
        len(s.top_residuals) == 6
        and len(s.bottom_residuals) == 4
        and max(s.top_residuals.max(), s.bottom_residuals.max()) <= 1e-4 * true[-1]
    )
    value = oracles.loss_of(
        oracles.filled(oracles.mlp(2, 2, 6, 2, "tanh"), NETWORK.start(0)),
        oracles.criterion("cross-entropy"),
        *NETWORK.load("train"),
    )
    assert s.gradient_norm == pytest.approx(float(torch.func.grad(value)(NETWORK.start(0)).norm()))


def test_network_in_single_precision():
    problem = Classification(Digits(train=300), MLP(width=8, depth=1))
    s = spectrum(problem)
    net = oracles.filled(oracles.mlp(64, 10, 8, 1, "relu"), problem.start(0).double())
    true = torch.linalg.eigvalsh(
        oracles.hessian(
            oracles.loss_of(net, oracles.criterion("cross-entropy"), *problem.load("train", dtype=torch.float64)),
            problem.start(0),
        )
    ).numpy()
    assert np.abs(s.top - true[::-1][:5]).max() < 1e-5 * true[-1] and np.abs(s.exact - true).max() < 1e-5 * true[-1]


def test_diagonal():
    """Each sign vector gives a diagonal matrix's trace exactly; repeated eigenvalues come as often as they are, by
    value and not by size."""
    s = spectrum(DIAGONAL)
    ordered = np.sort(VALUES)
    assert s.trace == pytest.approx(sum(VALUES), rel=1e-10) and s.trace_error < 1e-9
    assert s.top == pytest.approx(ordered[::-1][:5], abs=3e-4) and s.bottom == pytest.approx(ordered[:3], abs=3e-4)
    assert np.allclose(s.exact, ordered, atol=1e-12)
    assert np.allclose(s.weights.sum(1), 1) and s.nodes.shape == s.weights.shape == (8, 64)


@pytest.mark.parametrize(
    "values",
    [(10.0,) * 5 + (1.0,) * 5, (10.0,) * 4 + (1.0,) * 60, (10.0, 10.0, 10.0, 9.0, *VALUES[4:]), (3.0,) * 12],
    ids=len,
)
def test_repeated_eigenvalues(values):
    for seed in range(3):
        s = spectrum(Quadratic(values, (0.1,) * len(values)), seed=seed, exact=False, probes=0)
        assert s.top == pytest.approx(sorted(values, reverse=True)[:5], abs=1e-4) and s.bottom == pytest.approx(
            sorted(values)[:3], abs=1e-4
        )


def test_trace_lies_within_its_standard_error():
    """Over 40 seeds the deviations divided by the stated errors are a Student's t: of mean 0 and variance 11/9 for
    12 probes."""
    matrix = true_matrix()
    settings = {"top": 1, "bottom": 0, "probes": 12, "depth": 12, "exact": False}
    each = [spectrum(NETWORK, **settings, seed=seed) for seed in range(40)]
    t = np.array([(s.trace - float(matrix.trace())) / s.trace_error for s in each])
    assert abs(t.mean()) < 4 * np.sqrt(11 / 9 / 40) and 0.5 < t.var() / (11 / 9) < 2.0
    off = matrix - torch.diag(matrix.diagonal())
    expected = float((2 * (off**2).sum() / 12).sqrt())  # the variance of z'Hz for signs z is 2 sum_{i != j} H_ij^2
    assert np.mean([s.trace_error**2 for s in each]) ** 0.5 == pytest.approx(expected, rel=0.15)


def test_density_lies_within_its_standard_error():
    """Against the density of all eigenvalues, pooled over 12 seeds of 20 probes; and the stated errors are the
    seeds' true spread."""
    true, width = torch.linalg.eigvalsh(true_matrix()).numpy(), 0.1
    grid = np.linspace(-0.3, 0.8, 12)
    exact = exact_density(true, grid, width)
    assert np.allclose(
        exact, [np.mean(np.exp(-((g - true) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))) for g in grid]
    )
    settings = {"top": 1, "bottom": 0, "probes": 20, "depth": 24, "exact": False}
    means, errors = np.array(
        [density(spectrum(NETWORK, **settings, seed=seed), grid, width) for seed in range(12)]
    ).transpose(1, 0, 2)
    there = exact > 0.1
    stated = np.sqrt((errors**2).mean(0))[there]
    assert there.sum() >= 8 and np.abs((means.mean(0) - exact)[there] / (stated / np.sqrt(12))).max() < 4
    assert 0.6 < np.sqrt(((means - exact)[:, there] ** 2 / stated**2).mean()) < 1.5
    assert (stated < 0.25 * exact.max()).all()


def test_density_integrates_to_one():
    s = spectrum(NETWORK)
    grid = np.linspace(s.nodes.min() - 1, s.nodes.max() + 1, 4000)
    assert np.trapezoid(density(s, grid, 0.05)[0], grid) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(exact_density(s.exact, grid, 0.05), grid) == pytest.approx(1, abs=1e-3)
    assert np.isnan(density(spectrum(NETWORK, probes=1), grid, 0.05)[1]).all()


@pytest.mark.parametrize("problem", [Beale(), Quadratic((4.0,), (1.0,)), Quadratic((0.0, 0.0), (1.0, 1.0))], ids=repr)
@pytest.mark.parametrize("top, bottom, probes", [(5, 3, 8), (1, 0, 1), (50, 50, 2), (1, 1, 0)])
def test_fewer_parameters_than_asked_for(problem, top, bottom, probes):
    s = spectrum(problem, top=top, bottom=bottom, probes=probes)
    true = torch.linalg.eigvalsh(oracles.hessian(problem.value, problem.start(0))).numpy()
    assert (
        s.top == pytest.approx(true[::-1][:top], abs=1e-9)
        and s.bottom == pytest.approx(true[:bottom], abs=1e-9)
        and s.exact == pytest.approx(true, abs=1e-9)
    )
    assert np.isnan(s.trace) == (probes == 0) and np.isnan(s.trace_error) == (probes < 2)


def test_large_models_have_no_exact_spectrum():
    big = Classification(Digits(train=20), MLP(width=40))
    assert big.size() > EXACT
    s = spectrum(big, depth=8, probes=2)
    assert not len(s.exact) and len(s.top) == 5
    assert not len(spectrum(NETWORK, exact=False).exact)


def test_same_spec_same_spectrum_and_probes_by_seed():
    a, b, other = (spectrum(NETWORK, probes=3, seed=seed) for seed in (0, 0, 1))
    assert all(
        np.array_equal(getattr(a, k), getattr(b, k)) for k in ("top", "bottom", "nodes", "weights", "trace", "exact")
    )
    assert other.trace != a.trace and np.allclose(other.top, a.top, atol=1e-4)


def test_the_checkpoint_asked_for():
    spec, _ = at_start(NETWORK)
    path = torch.stack([NETWORK.start(seed) for seed in range(3)])
    tops = {i: computed(SpectrumSpec(checkpoint=i, probes=1), record(spec, path)).top[0] for i in (0, 1, 2, -1)}
    assert tops[2] == tops[-1] and len(set(tops.values())) == 3
    assert tops[0] == pytest.approx(float(torch.linalg.eigvalsh(true_matrix())[-1]), rel=1e-5)


def test_progress_counts_up_to_its_total():
    for problem in (NETWORK, DIAGONAL, Beale()):
        _spec, run = at_start(problem)
        steps = [(p.done, p.total) for p in computing(SpectrumSpec(), run)]
        assert (
            [d for d, _ in steps] == sorted(d for d, _ in steps)
            and len({t for _, t in steps}) == 1
            and steps[-1][0] == steps[-1][1]
        )


def test_products_are_counted(monkeypatch):
    asked, original = [], Hessian.__call__
    monkeypatch.setattr(Hessian, "__call__", lambda self, v: asked.append(1) or original(self, v))
    assert spectrum(NETWORK, probes=2, depth=10).products == len(asked)
