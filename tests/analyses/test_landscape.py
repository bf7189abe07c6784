"""Surfaces: every cell where it says it is, the checkpoint in the centre to the last bit, coarse levels that are
part of the final one."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from engine.analyses.planes import PLANES, Coordinates, Plane, PlaneSpec, Random
from engine.analyses.surface import SurfaceSpec, axis, checkpoint_row, levels
from engine.data import Digits, Moons
from engine.models import CNN, MLP
from engine.problems import Beale, Classification, Quadratic, evaluate
from engine.records import Run, Surface
from engine.rules import SGD
from engine.spec import SpecError, digest, encode
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from tests import oracles
from tests.drive import Double, at_start, computed, last, record, returned, stages

LAMBDAS = (10.0, 3.0, 1.0, -2.0)
BOWL = Quadratic(LAMBDAS, (1.0, -2.0, 0.5, 0.25))


@dataclass(frozen=True)
class Oblique(PlaneSpec):
    """Two directions of different lengths at 45 degrees."""

    def build(self, problem, origin, path):
        yield
        first, second = torch.zeros(2, len(origin), dtype=origin.dtype)
        first[0], second[0], second[1] = 2.0, 0.5, 0.5
        return Plane(origin, first, second, ("long", "slanted"), "test")


@pytest.mark.parametrize("resolution", [3, 4, 10, 25, 26, 50, 51])
@pytest.mark.parametrize("plane", [Oblique(), Coordinates(), Random()], ids=repr)
def test_quadratic_row_by_row(plane, resolution):
    """Row i is b[i], column j is a[j]: each against f at origin + a first + b second, on odd and even grids."""
    _, run = at_start(BOWL)
    surface = stages(SurfaceSpec(plane, span=1.5, resolution=resolution), run)[-1]
    built = last_plane(plane, run)
    for i in range(resolution):
        points = (
            built.origin.numpy()[None] + surface.a[:, None] * built.first.numpy() + surface.b[i] * built.second.numpy()
        )
        assert np.allclose(surface.loss[i], 0.5 * (np.array(LAMBDAS) * points**2).sum(1), rtol=1e-12, atol=1e-13), (
            f"row {i}"
        )
    assert surface.loss.shape == (resolution, resolution) and surface.stride == 1 and np.isnan(surface.accuracy).all()
    assert surface.norms == pytest.approx((float(built.first.norm()), float(built.second.norm())))
    assert surface.cosine == pytest.approx(float(built.first @ built.second) / np.prod(surface.norms), abs=1e-12)
    assert surface.check < 1e-12


def last_plane(plane, run) -> Plane:
    path = torch.as_tensor(run.path)
    return returned(plane.build(BOWL, path[-1], path))


@pytest.mark.parametrize("resolution", range(3, 60))
def test_axis(resolution):
    a = axis(1.7, resolution)
    assert len(a) == resolution and a[resolution // 2] == 0.0 and a[0] == pytest.approx(-1.7)
    assert np.allclose(np.diff(a), a[1] - a[0]) and a[-1] == pytest.approx(
        1.7 if resolution % 2 else 1.7 - (a[1] - a[0])
    )


@pytest.mark.parametrize("resolution", range(3, 60))
def test_levels_cover_every_cell_once(resolution):
    seen, strides = [], []
    for stride, cells in levels(resolution):
        strides.append(stride)
        seen += cells
        line = [i for i in range(resolution) if (i - resolution // 2) % stride == 0]
        assert sorted(seen) == [(i, j) for i in line for j in line] and (resolution // 2, resolution // 2) in seen
    assert (
        len(seen) == len(set(seen)) == resolution**2 and strides == sorted(strides, reverse=True) and strides[-1] == 1
    )


NETWORKS = {
    "mlp": (Classification(Digits(train=300), MLP(width=6, depth=1)), lambda: oracles.mlp(64, 10, 6, 1, "relu")),
    "cnn": (
        Classification(Digits(train=300), CNN(width=3, depth=2), "squared error"),
        lambda: oracles.cnn(1, 8, 10, 3, 2, "relu"),
    ),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with one short run of each network."""
    store = Store(tmp_path_factory.mktemp("trained"))
    specs = {
        name: RunSpec(problem, SGD(), lr=0.05, steps=40, every=5, batch=50, curvature=False)
        for name, (problem, _) in NETWORKS.items()
    }
    for spec in specs.values():
        last(perform(store, Work(spec)))
    return store, specs


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("resolution", [8, 9])
@pytest.mark.parametrize("name", NETWORKS)
def test_network_cells_against_a_module(trained, name, resolution, split):
    """Every cell's loss and accuracy, from the recorded directions alone, by a float64 module on the right examples."""
    store, specs = trained
    problem, net = NETWORKS[name]
    run = store.run(digest(specs[name]))
    surface = stages(SurfaceSpec(Random(3), span=0.8, resolution=resolution, split=split), run)[-1]
    path = torch.as_tensor(run.path)
    plane = returned(Random(3).build(problem, path[-1], path))
    x, y = problem.load(split, dtype=torch.float64)
    loss = oracles.criterion(problem.objective)
    for i, b in enumerate(surface.b):
        for j, a in enumerate(surface.a):
            module = oracles.filled(net(), plane.origin.double() + a * plane.first.double() + b * plane.second.double())
            with torch.no_grad():
                assert surface.loss[i, j] == pytest.approx(float(loss(module(x), y)), rel=2e-5)
                assert abs(surface.accuracy[i, j] - float((module(x).argmax(1) == y).double().mean())) <= 1.01 / len(y)
    assert 0 <= surface.check < 1e-4


@pytest.mark.parametrize("resolution", [9, 26])
@pytest.mark.parametrize("plane", PLANES.values())
@pytest.mark.parametrize("checkpoint", [-1, 0, 4])
def test_centre_is_the_checkpoint_to_the_last_bit(trained, plane, resolution, checkpoint):
    store, specs = trained
    run, problem = store.run(digest(specs["mlp"])), NETWORKS["mlp"][0]
    surface = computed(SurfaceSpec(plane(), checkpoint, resolution=resolution), run)
    row = len(run.path) - 1 if checkpoint < 0 else checkpoint
    loss, accuracy = evaluate(problem, torch.as_tensor(run.path[row]), problem.load("train")).tolist()
    centre = resolution // 2
    assert surface.checkpoint == row and surface.a[centre] == surface.b[centre] == 0
    assert surface.loss[centre, centre] == loss == surface.path_loss[row] == run.measures["train_loss"][row]
    assert surface.accuracy[centre, centre] == accuracy == run.measures["train_accuracy"][row]
    assert (surface.path_a[row], surface.path_b[row], surface.residual[row]) == (0, 0, 0)


@pytest.mark.parametrize("resolution", [17, 30, 51])
def test_coarse_levels_are_part_of_the_final_one(resolution):
    _, run = at_start(BOWL)
    parts = stages(SurfaceSpec(Oblique(), span=1.0, resolution=resolution), run)
    assert len(parts) >= 3 and [p.stride for p in parts] == sorted((p.stride for p in parts), reverse=True)
    for part in parts:
        line = [i for i in range(resolution) if (i - resolution // 2) % part.stride == 0]
        known = np.isfinite(part.loss)
        assert known.sum() == len(line) ** 2 and known[np.ix_(line, line)].all()
        assert np.array_equal(part.loss[known], parts[-1].loss[known])
        assert np.isnan(part.check) == (part.stride > 1)


def test_cancelling_leaves_what_was_done(trained):
    """Closed after its first level, a surface can be loaded with the rest NaN; the next one is whole."""
    store, specs = trained
    run, spec = digest(specs["mlp"]), SurfaceSpec(Random(9), resolution=33)
    task = perform(store, Work(spec, run))
    while not next(task).saved:
        pass
    task.close()  # type: ignore[attr-defined]  # a generator
    partial = store.find(f"{run}/{digest(spec)}")
    assert isinstance(partial, Surface) and partial.stride > 1 and 0 < np.isfinite(partial.loss).sum() < 33**2
    progress = list(perform(store, Work(spec, run)))
    assert progress[-1].status == "finished" and progress[-1].done == progress[-1].total == 33**2 + 2 * len(
        partial.steps
    )
    assert [p.done for p in progress] == sorted(p.done for p in progress)
    whole = store.find(f"{run}/{digest(spec)}")
    assert isinstance(whole, Surface) and np.isfinite(whole.loss).all()
    known = np.isfinite(partial.loss)
    assert np.array_equal(whole.loss[known], partial.loss[known])


@pytest.mark.parametrize("plane", [*(cls() for cls in PLANES.values()), Oblique()], ids=repr)
def test_path_on_the_plane(plane):
    """Coordinates, residual distances, losses on and off the plane, and explained variance, against NumPy's least
    squares."""
    random = torch.Generator().manual_seed(0)
    path = BOWL.start(0) + torch.randn(15, 4, generator=random, dtype=torch.float64).cumsum(0)
    spec = RunSpec(BOWL, batch=0)
    surface = stages(SurfaceSpec(plane, checkpoint=9, resolution=5), record(spec, path))[-1]
    built = returned(plane.build(BOWL, path[9], path))
    origin, first, second = (t.numpy() for t in built[:3])
    coordinates, residual = oracles.projected(path.numpy(), origin, first, second)
    assert np.allclose(np.stack([surface.path_a, surface.path_b], 1), coordinates, atol=1e-9) and np.allclose(
        surface.residual, residual, atol=1e-7
    )
    distance = np.linalg.norm(path.numpy() - origin, axis=1)
    assert np.allclose(surface.distance, distance) and surface.explained == pytest.approx(
        1 - (residual**2).sum() / (distance**2).sum()
    )
    on = origin + coordinates @ np.stack([first, second])
    for losses, points in ((surface.path_loss, path.numpy()), (surface.plane_loss, on)):
        assert np.allclose(losses, 0.5 * (np.array(LAMBDAS) * points**2).sum(1))


@pytest.mark.parametrize("plane", PLANES.values())
def test_default_span_shows_the_path(plane):
    path = BOWL.start(0) + torch.arange(12.0, dtype=torch.float64).view(3, 4)
    spec = RunSpec(BOWL, batch=0)
    surface = stages(SurfaceSpec(plane(), resolution=9), record(spec, path))[-1]
    reach = max(np.abs(surface.path_a).max(), np.abs(surface.path_b).max())
    assert surface.a[-1] == pytest.approx(1.0 if plane is Random else 1.15 * reach)
    assert stages(SurfaceSpec(plane(), span=0.3, resolution=9), record(spec, path))[-1].a[-1] == pytest.approx(0.3)


def test_two_splits_differ():
    _, run = at_start(Double(Moons(train=40, noise=0.3), MLP(width=4)))
    a, b = (stages(SurfaceSpec(Random(), split=split, resolution=5), run)[-1] for split in ("train", "test"))
    assert not np.allclose(a.loss, b.loss)


def test_refusals():
    spec, run = at_start(Beale())
    with pytest.raises(SpecError, match=r"^checkpoint: "):
        checkpoint_row(run, 1)
    with pytest.raises(SpecError, match=r"^checkpoint: "):
        checkpoint_row(Run(spec=encode(spec), status="running"), -1)
    with pytest.raises(SpecError, match=r"^plane: "):
        stages(SurfaceSpec(Coordinates()), at_start(Quadratic((1.0,), (1.0,)))[1])
    assert checkpoint_row(run, -1) == checkpoint_row(run, 0) == 0
