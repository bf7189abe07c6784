"""Planes: directions, units and projections against NumPy, for networks and toys."""

import numpy as np
import pytest
import torch

from engine.analyses.planes import (
    PLANES,
    Coordinates,
    Eigenvectors,
    PathPCA,
    Plane,
    Random,
    default_plane,
    filter_normalized,
)
from engine.data import Digits, Moons
from engine.models import CNN, MLP, NORMS, Block, ResNet, ViT, unflatten
from engine.problems import Beale, Classification, Quadratic
from engine.seeds import generator
from tests import oracles
from tests.drive import Double, returned

NETWORK = Double(Moons(train=60), MLP(width=5, depth=2, activation="tanh"))
CONVOLUTIONS = Classification(Digits(train=50), CNN(width=4, depth=2))
NORMALIZED = {
    **{f"mlp-{n}": Classification(Moons(train=60), MLP(5, 2, norm=n)) for n in ("batch", "layer")},
    **{f"cnn-{n}": Classification(Digits(train=50), CNN(4, 2, norm=n)) for n in ("batch", "group")},
    "resnet": Classification(Digits(train=50), ResNet(2)),
    "vit": Classification(Digits(train=50), ViT(2, 8, 1, 2)),
}


def walk(problem, steps=12, seed=0):
    """A random walk [T, n] that starts at the problem's start."""
    theta = problem.start(0)
    noise = torch.randn(steps, len(theta), generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(theta)
    return torch.cat([theta[None], theta + 0.1 * noise.cumsum(0)])


@pytest.mark.parametrize("cls", PLANES.values())
@pytest.mark.parametrize(
    "problem",
    [NETWORK, CONVOLUTIONS, Beale(), Quadratic((3.0, 2.0, 1.0), (1.0, 2.0, 3.0))],
    ids=lambda p: type(p).__name__,
)
def test_every_plane(cls, problem):
    """Unit directions, finite, reproducible, not parallel; the origin is (0, 0) to the last bit, and coordinates
    invert `at`."""
    path = walk(problem)
    plane, again = returned(cls().build(problem, path[-1], path)), returned(cls().build(problem, path[-1], path))
    assert all(torch.equal(a, b) for a, b in zip(plane[:3], again[:3], strict=True))
    assert torch.equal(plane.at(0.0, 0.0), path[-1]) and len(set(plane.labels)) == 2 and plane.unit
    first, second = plane.first.double(), plane.second.double()
    assert (
        first.isfinite().all()
        and second.isfinite().all()
        and abs(first @ second) < 0.999 * first.norm() * second.norm()
    )
    if cls is not Random:
        assert (
            float(first.norm()) == pytest.approx(1, abs=1e-5)
            and float(second.norm()) == pytest.approx(1, abs=1e-5)
            and abs(first @ second) < 1e-4
        )
    spots = torch.tensor([[0.5, -0.25], [-1.0, 2.0]], dtype=torch.float64)
    points = torch.stack([plane.at(*map(float, s)) for s in spots])
    assert torch.allclose(plane.coordinates(points), spots, atol=1e-4)
    assert torch.allclose(plane.project(points), points, atol=1e-4)


@pytest.mark.parametrize("oblique", [False, True])
def test_projection_is_least_squares(oblique):
    random = np.random.default_rng(0)
    origin, first, second, points = (torch.as_tensor(random.standard_normal(s)) for s in (40, 40, 40, (9, 40)))
    second = second + 3 * first if oblique else second - (second @ first) / (first @ first) * first
    plane = Plane(origin, first, second, ("a", "b"), "unit")
    coordinates, distance = oracles.projected(points.numpy(), origin.numpy(), first.numpy(), second.numpy())
    assert np.allclose(plane.coordinates(points).numpy(), coordinates, rtol=1e-9)
    assert np.allclose((points - plane.project(points)).norm(dim=1).numpy(), distance, rtol=1e-9)


@pytest.mark.parametrize("problem", [NETWORK, CONVOLUTIONS], ids=["mlp", "cnn"])
def test_filter_normalization(problem):
    """Each filter of a direction has the norm of the model's own filter, keeps its random direction, and biases do
    not move (Li et al. 2018)."""
    theta = problem.start(0) + 0.01
    raw = torch.randn(len(theta), generator=torch.Generator().manual_seed(0), dtype=theta.dtype)
    scaled = filter_normalized(raw, theta, problem.layout)
    for block, d, z, w in zip(
        problem.layout, *(unflatten(t, problem.layout) for t in (scaled, raw, theta)), strict=True
    ):
        if block.role == "bias":
            assert not d.any()
            continue
        for i in range(block.shape[0]):
            assert np.linalg.norm(d[i].numpy()) == pytest.approx(np.linalg.norm(w[i].numpy()), rel=1e-5)
            assert np.allclose(d[i] / d[i].norm(), z[i] / z[i].norm(), atol=1e-6)


@pytest.mark.parametrize("problem", NORMALIZED.values(), ids=NORMALIZED)
def test_filter_normalization_leaves_normalization_layers_alone(problem):
    """Scales and shifts do not move, each other filter moves by its own norm, and the plane is finite and not flat."""
    theta = problem.start(0)
    plane = returned(Random().build(problem, theta, theta[None]))
    for block, d, w in zip(
        problem.layout, unflatten(plane.first, problem.layout), unflatten(theta, problem.layout), strict=True
    ):
        if block.role == "bias" or block.module in NORMS:
            assert not d.any()
        else:
            assert (
                np.allclose(d.flatten(1).norm(dim=1), w.flatten(1).norm(dim=1), rtol=1e-5)
                and w.flatten(1).norm(dim=1).all()
            )
    assert any(b.module in NORMS and b.role == "weight" for b in problem.layout)
    assert plane.first.isfinite().all() and float(plane.first @ plane.second) < 0.5 * float(
        plane.first.norm() * plane.second.norm()
    )


def test_a_weight_that_is_a_list_is_one_filter():
    layout = (Block("u", (6,), "weight"), Block("v", (3,), "weight"))
    theta, raw = torch.arange(1.0, 10.0), torch.tensor([1.0, -2, 1, 4, -1, 6, 2, 8, -1])
    for d, z, w in zip(
        *(unflatten(t, layout) for t in (filter_normalized(raw, theta, layout), raw, theta)), strict=True
    ):
        assert np.allclose(d, z / np.linalg.norm(z) * np.linalg.norm(w), rtol=1e-6)


def test_random_planes_are_gaussian_and_differ():
    problem = Classification(Digits(train=50), MLP(width=100, depth=2))
    theta = problem.start(0)
    planes = [returned(Random(draw).build(problem, theta, theta[None])) for draw in range(5)]
    directions = [d.double() / d.double().norm() for p in planes for d in (p.first, p.second)]
    cosines = [abs(float(a @ b)) for i, a in enumerate(directions) for b in directions[:i]]
    assert max(cosines) < 6 / len(theta) ** 0.5
    part = unflatten(planes[0].first, problem.layout)[0]
    standard = (part / part.norm(dim=1, keepdim=True) * part.shape[1] ** 0.5).flatten()
    assert abs(float(standard.mean())) < 0.05 and abs(float((standard**4).mean()) - 3 * 64 / 66) < 0.15


def test_path_plane_is_the_pca_about_the_checkpoint():
    path = walk(NETWORK, 30)
    plane = returned(PathPCA().build(NETWORK, path[-1], path))
    _, values, rows = np.linalg.svd((path - path[-1]).numpy(), full_matrices=False)
    assert np.allclose(np.abs(rows[:2] @ torch.stack([plane.first, plane.second]).numpy().T), np.eye(2), atol=1e-9)
    assert ((plane.coordinates(path).numpy() ** 2).sum(0)) == pytest.approx(values[:2] ** 2)
    assert (plane.coordinates(path)[0] >= 0).all()


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_path_plane_of_a_short_path(rows):
    path = walk(NETWORK)[:rows]
    plane = returned(PathPCA().build(NETWORK, path[-1], path))
    assert (
        float(plane.first.norm()) == pytest.approx(1)
        and float(plane.second.norm()) == pytest.approx(1)
        and abs(plane.first @ plane.second) < 1e-9
    )
    assert float((path - plane.project(path)).norm()) < 1e-9


def test_eigenvector_plane_against_the_dense_hessian():
    theta = NETWORK.start(1)
    plane = returned(Eigenvectors().build(NETWORK, theta, theta[None]))
    value = oracles.loss_of(
        oracles.filled(oracles.mlp(2, 2, 5, 2, "tanh"), theta),
        oracles.criterion("cross-entropy"),
        *NETWORK.load("train"),
    )
    vectors = torch.linalg.eigh(oracles.hessian(value, theta))[1].flip(1)[:, :2].T
    assert abs(plane.first @ vectors[0]) > 0.9999 and abs(plane.second @ vectors[1]) > 0.999


def test_coordinates_and_defaults():
    point = torch.tensor([2.0, 3.0], dtype=torch.float64)
    plane = returned(Coordinates().build(Beale(), point, point[None]))
    assert plane.at(0.5, -1.0).tolist() == [2.5, 2.0]
    assert isinstance(default_plane(Beale()), Coordinates) and isinstance(default_plane(NETWORK), PathPCA)


def test_filters_that_are_zero_do_not_move():
    layout, theta = CONVOLUTIONS.layout, CONVOLUTIONS.start(0)
    unflatten(theta, layout)[0][1].zero_()
    direction = filter_normalized(torch.randn(len(theta), generator=generator(0, "z")), theta, layout)
    assert (
        direction.isfinite().all()
        and not unflatten(direction, layout)[0][1].any()
        and unflatten(direction, layout)[0][0].any()
    )
    nothing = filter_normalized(torch.zeros(len(theta)), theta, layout)
    assert nothing.isfinite().all() and not nothing.any()
