"""Recovery problems against NumPy: their losses and gradients, a manifold of zero loss, and held-out measurements
that know the truth."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.figures import words
from engine.problems import PROBLEMS, DiagonalNet, MatrixSensing, Toy, TwoCurvatures, evaluate, parts
from engine.rules import SAM
from engine.spec import SpecError, describe
from engine.training.loop import train
from engine.training.runs import RunSpec
from tests import oracles

SMALL = [MatrixSensing(7, 4, 2), MatrixSensing(35), DiagonalNet(6, 9, 2), DiagonalNet()]
each = pytest.mark.parametrize("problem", SMALL, ids=repr)


def numpy_of(problem, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses [N] and the gradient [n] of their mean, by the papers' formulas, one measurement at a time."""
    d, losses, slope = problem.dimension, [], np.zeros_like(theta)
    for a, b in zip(x, y, strict=True):
        if isinstance(problem, MatrixSensing):
            u = theta.reshape(d, d)
            residual = np.trace(a.T @ u @ u.T) - b
            slope += (residual * (a + a.T) @ u).ravel() / len(x)
        else:
            u, v = theta[:d], theta[d:]
            residual = sum(a[i] * u[i] * v[i] for i in range(d)) - b
            slope += residual * np.concatenate([a * v, a * u]) / len(x)
        losses.append(residual**2 / 2)
    return np.array(losses), slope


def somewhere(problem) -> torch.Tensor:
    return problem.start(3) + 0.1 * torch.randn(
        problem.size(), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )


@each
def test_losses_and_gradients(problem):
    theta, (x, y) = somewhere(problem), problem.load("train")
    losses, slope = numpy_of(problem, theta.numpy(), x.numpy(), y.numpy())
    assert np.allclose(problem.losses(theta, x, y), losses, rtol=1e-12) and float(
        problem.loss(theta, x, y)
    ) == pytest.approx(losses.mean(), rel=1e-12)
    ours = torch.func.grad(lambda t: problem.loss(t, x, y))(theta)
    assert np.allclose(ours, slope, rtol=1e-10, atol=1e-13)
    leaf = theta.clone().requires_grad_()
    problem.loss(leaf, x, y).backward()
    assert leaf.grad is not None and torch.allclose(leaf.grad, ours, rtol=1e-12)
    many = torch.stack([theta, theta + 0.1, problem.start(0)])
    assert torch.allclose(
        torch.vmap(lambda t: problem.losses(t, x, y))(many), torch.stack([problem.losses(t, x, y) for t in many])
    )
    single = problem.load("train", dtype=torch.float32)
    assert problem.loss(theta.float(), *single).dtype == torch.float32 and float(
        problem.loss(theta.float(), *single)
    ) == pytest.approx(losses.mean(), rel=1e-4)


@each
def test_sums_over_examples_and_no_accuracy(problem):
    theta, examples = somewhere(problem), problem.load("train")
    loss, accuracy = evaluate(problem, theta, examples, 4).tolist()
    assert loss == pytest.approx(float(problem.loss(theta, *examples)), rel=1e-12) and math.isnan(accuracy)
    assert sum(float(part(theta)) for part in parts(problem, examples, 4)) == pytest.approx(loss, rel=1e-12)
    assert (
        len(examples) == problem.examples() == problem.train
        and sum(b.size for b in problem.layout) == len(theta) == problem.size()
    )
    assert (
        {b.role for b in problem.layout} == {"weight"}
        and not problem.mixes
        and problem.moments(theta, examples.x) is None
    )
    assert problem.widest() == examples.x[0].numel()


@each
def test_zero_loss_is_a_manifold(problem):
    """The minimizer, the points that its symmetry makes of it, and the flat directions of the Hessian there: at
    least one for each parameter too many."""
    truth, d, (x, y) = problem.minimizer(), problem.dimension, problem.load("train")
    if isinstance(problem, MatrixSensing):
        turned = (
            truth.view(d, d)
            @ torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
        ).flatten()
        assert sorted(torch.linalg.eigvalsh(problem.truth()).tolist()) == pytest.approx(
            [0] * (d - problem.rank) + [1] * problem.rank, abs=1e-12
        )
    else:
        turned = torch.cat([3 * truth[:d], truth[d:] / 3])
        assert problem.truth().norm() == pytest.approx(1) and int((problem.truth() != 0).sum()) == problem.sparsity
    for theta in (truth, turned):
        assert all(float(problem.loss(theta, *problem.load(split))) < 1e-25 for split in ("train", "test"))
        eigenvalues = torch.linalg.eigvalsh(oracles.hessian(lambda t: problem.loss(t, x, y), theta))
        assert eigenvalues[0] > -1e-12 and int((eigenvalues < 1e-10).sum()) >= problem.size() - problem.train > 0
    assert (truth - turned).norm() > 0.5


@pytest.mark.parametrize("problem, lr", [(MatrixSensing(), 0.03), (DiagonalNet(), 0.1)], ids=["sensing", "diagonal"])
def test_descent_reaches_zero_loss_and_not_the_truth(problem, lr):
    """From the usual start: every training measurement is met, and the held-out ones are not."""
    theta, (x, y) = problem.start(0), problem.load("train")
    slope = torch.func.grad(lambda t: problem.loss(t, x, y))
    for _ in range(3000):
        theta = theta - lr * slope(theta)
    assert float(problem.loss(theta, x, y)) < 1e-4 and float(problem.loss(theta, *problem.load("test"))) > 0.1


@each
def test_held_out_measurements_are_fresh_and_know_the_distance(problem):
    """Half the mean squared residual of many is half the squared distance from the truth, within 5 standard errors
    of the mean of squared normals."""
    theta, (x, y), train = somewhere(problem), problem.load("test"), problem.load("train")
    distance = float((problem.recovered(theta) - problem.truth()).square().sum())
    assert len(x) == 1000 and float(problem.loss(theta, x, y)) == pytest.approx(
        distance / 2, rel=5 * math.sqrt(2 / 1000)
    )
    assert not {row.numpy().tobytes() for row in x} & {row.numpy().tobytes() for row in train.x}
    assert torch.equal(problem.load("train").x, train.x) and not torch.equal(
        replace(problem, draw=1).load("train").x, train.x
    )
    assert abs(float(x.mean())) < 0.05 and float(x.std()) == pytest.approx(1, abs=0.05)


def test_starts():
    sensing, diagonal = MatrixSensing(scale=0.5), DiagonalNet(scale=0.5)
    assert torch.equal(sensing.start(1), sensing.start(1)) and not torch.equal(sensing.start(1), sensing.start(2))
    assert float(sensing.start(0).std()) * math.sqrt(10) == pytest.approx(0.5, rel=0.2) and torch.equal(
        MatrixSensing().start(0), 2 * sensing.start(0)
    )
    assert diagonal.start(0).tolist() == [0.5] * 30 + [0.0] * 30


@pytest.mark.parametrize("cls, field", [(MatrixSensing, "rank"), (DiagonalNet, "sparsity")])
def test_more_than_the_dimension(cls, field):
    with pytest.raises(SpecError, match=rf"^{field}: expected at most 5, the dimension, got 6"):
        cls(dimension=5, **{field: 6})


@pytest.mark.parametrize("problem", [MatrixSensing(), DiagonalNet()], ids=["sensing", "diagonal"])
def test_runs_with_batches_of_one_measure_both_losses(problem):
    spec = RunSpec(problem, SAM(0.05), lr=0.005, batch=1, steps=40, every=20)
    *_, last = (tick.frame for tick in train([spec]) if tick.frame)
    measures = {name: float(values[0]) for name, values in last.measures.items()}
    assert measures["train_loss"] == pytest.approx(float(problem.loss(last.theta[0], *problem.load("train"))))
    assert measures["test_loss"] == pytest.approx(float(problem.loss(last.theta[0], *problem.load("test"))))
    assert (
        measures["sharpness"] > 0 and math.isnan(measures["train_accuracy"]) and math.isnan(measures["test_accuracy"])
    )
    with pytest.raises(SpecError, match=r"^batch: "):
        RunSpec(problem, batch=64)


@pytest.mark.parametrize("name", PROBLEMS)
def test_words_tell_functions_from_regressions_from_classifications(name):
    problem = PROBLEMS[name]()
    spec = describe(RunSpec(problem, batch=0))
    assert words.has_data(spec) == (not isinstance(problem, Toy | TwoCurvatures)) and words.has_classes(spec) == (
        name == "Classification"
    )
    assert (
        words.has_batches(spec)
        == (not isinstance(problem, Toy))
        == bool(problem.examples())
        == ("full batch" in words.run(spec))
    )
    assert (f"{problem.examples():,} training examples" in words.data(spec)) == words.has_data(spec)


def two_curvatures(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two terms' losses, the gradient of their mean and its Hessian, by hand."""
    a, b, c, d = theta
    first, second = a**2 + 6 * b**2 + 8, 4 * (1 - a) ** 2 + (1 - b) ** 2 + 1
    f, s = np.array([2 * a, 12 * b]), np.array([-8 * (1 - a), -2 * (1 - b)])
    hessian = np.diag([2 * c**2 + 8 * d**2, 12 * c**2 + 2 * d**2, 2 * first, 2 * second])
    hessian[:2, 2], hessian[:2, 3] = 2 * f * c, 2 * s * d
    gradient = np.array([*(f * c**2 + s * d**2), 2 * first * c, 2 * second * d])
    return (
        np.array([2 * first * c**2, 2 * second * d**2]),
        gradient,
        hessian + np.triu(hessian, 1).T,
    )


@pytest.mark.parametrize("theta", [(0.5, 0.5, 0.1, 0.1), (-1.0, 2.0, 0.3, -0.2), (0.0, 1.0, 0.0, 0.5)])
@pytest.mark.parametrize("radius", [0.0, 0.3])
def test_two_curvatures(theta, radius):
    """The mean of two terms, and with an ascent radius the loss uphill from there, whose gradient is u + radius/‖g‖
    H (I - hh') u with h = g/‖g‖."""
    problem, w = TwoCurvatures(theta, radius), np.array(theta)
    _, gradient, hessian = two_curvatures(w)
    unit = gradient / np.linalg.norm(gradient)
    losses, u, _ = two_curvatures(w + radius * unit)
    slope = u + radius / np.linalg.norm(gradient) * hessian @ (u - unit * (unit @ u))
    x, y = problem.load("train")
    point = torch.tensor(theta, dtype=torch.float64)
    assert torch.equal(problem.start(3), point) and problem.examples() == len(x) == 2 and len(problem.load("test")) == 0
    assert np.allclose(problem.losses(point, x, y), losses, rtol=1e-12) and np.allclose(
        problem.losses(point, None, None), losses, rtol=1e-12
    )
    assert [float(problem.loss(point, x[i : i + 1], y[i : i + 1])) for i in (0, 1)] == pytest.approx(losses, rel=1e-12)
    assert np.allclose(torch.func.grad(lambda t: problem.loss(t, x, y))(point), slope, rtol=1e-10, atol=1e-13)
    leaf = point.clone().requires_grad_()
    problem.loss(leaf, x, y).backward()
    assert leaf.grad is not None and np.allclose(leaf.grad, slope, rtol=1e-10, atol=1e-13)
    assert float(evaluate(problem, point, problem.load("train"))[0]) == pytest.approx(losses.mean(), rel=1e-12)
    if radius == 0:
        assert np.allclose(oracles.hessian(lambda t: problem.loss(t, x, y), point), hessian, rtol=1e-10, atol=1e-13)


def test_a_start_of_another_length():
    with pytest.raises(SpecError, match=r"^begin: expected 4 numbers, got 3"):
        TwoCurvatures((1.0, 2.0, 3.0))


def test_a_batch_of_one_takes_one_term():
    """Every other step moves x3 and the rest x4: no step of plain descent sees both."""
    run = [
        tick.frame
        for tick in train([RunSpec(TwoCurvatures(), SAM(0.0), lr=0.01, batch=1, steps=8, every=1, curvature=False)])
        if tick.frame
    ]
    moved = np.diff(np.array([frame.theta[0, 2:].tolist() for frame in run]), axis=0) != 0
    assert (moved.sum(1) == 1).all() and moved.sum(0).tolist() == [4, 4]
