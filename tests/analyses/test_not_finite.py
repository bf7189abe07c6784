"""Surfaces of what is not finite: paths and checkpoints that are lost, walls, and the self-check on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.analyses.planes import PLANES, Coordinates, Eigenvectors, Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec, _recheck
from engine.data import Digits
from engine.models import MLP
from engine.problems import Beale, Classification, Quadratic
from engine.records import Run
from engine.rules import SAM, SGD
from engine.spec import SpecError
from engine.training.runs import RunSpec
from tests.drive import at_start, frames, record, returned, stages

BOWL = Quadratic((10.0, 3.0, 1.0, -2.0), (1.0, -2.0, 0.5, 0.25))


def test_self_check_of_what_is_not_finite():
    """Fails for cells that are NaN where the loss is not, wherever they are, and for a wrong accuracy; compares nothing
    where nothing is finite."""
    problem = Classification(Digits(train=300), MLP(width=6, depth=1))
    _, run = at_start(problem)
    surface = stages(SurfaceSpec(Random(), resolution=5), run)[-1]
    plane = returned(Random().build(problem, torch.as_tensor(run.path[0]), torch.as_tensor(run.path)))
    assert surface.check == returned(_recheck(surface, problem, plane)) < 1e-4

    def check(name: str, value: float, *cell: int) -> float:
        changed = getattr(surface, name).copy()
        changed[cell or ...] = value
        return returned(_recheck(replace(surface, **{name: changed}), problem, plane))

    assert check("loss", np.nan) == check("loss", np.inf) == check("loss", np.nan, 0, 1) == np.inf
    assert check("loss", 2.0, 2, 2) > 0.01 and check("accuracy", 0.9, 2, 2) > 0.1
    assert check("accuracy", np.nan, 2, 2) == np.inf
    bowl = RunSpec(BOWL, batch=0)
    wall = record(bowl, torch.tensor([[1e160, 0.0, 0.0, 0.0]], dtype=torch.float64))
    assert np.isnan(stages(SurfaceSpec(Coordinates(), resolution=5), wall)[-1].check)


def lost(rule, lr: float, every: int) -> tuple[RunSpec, Run]:
    """A run on Beale's function that leaves the finite numbers."""
    spec = RunSpec(Beale(), rule, lr=lr, steps=1000, every=every)
    return spec, record(spec, torch.cat([frame.theta for frame in frames(spec)]))


@pytest.mark.parametrize("plane", PLANES.values())
def test_a_path_that_leaves_the_finite_numbers(plane):
    """Plane, span and shares are of the points that are left, the others are counted and drawn nowhere."""
    for (spec, run), kept in ((lost(SAM(0.1), 0.05, 20), 1), (lost(SGD(), 0.5, 1), 2)):
        surface = stages(SurfaceSpec(plane(), checkpoint=0, resolution=9), run)[-1]
        only = record(spec, run.path[:kept])
        short = stages(SurfaceSpec(plane(), checkpoint=0, resolution=9), only)[-1]
        assert surface.left_out == len(run.path) - kept > 0 == short.left_out
        # to rounding: products of a longer path's matrix are added up in another order on some CPUs
        np.testing.assert_allclose(surface.loss, short.loss, rtol=1e-12)
        assert np.isfinite(surface.loss).all()
        assert surface.a[-1] == pytest.approx(short.a[-1], rel=1e-12) and short.a[-1] < 100 and surface.check < 1e-9
        assert surface.explained == pytest.approx(short.explained, rel=1e-12, nan_ok=True)
        for name in ("path_a", "path_b", "residual", "distance", "path_loss", "plane_loss"):
            values = getattr(surface, name)
            np.testing.assert_allclose(values[:kept], getattr(short, name), rtol=1e-12, atol=1e-12)
            assert np.isnan(values[kept:]).all()


@pytest.mark.parametrize("analysis", [SurfaceSpec(Coordinates()), SurfaceSpec(Eigenvectors()), SpectrumSpec()])
def test_a_checkpoint_that_is_lost_is_refused(analysis):
    """By one line that names it, whether it is NaN or at 1e78."""
    for (spec, run), said in ((lost(SAM(0.1), 0.05, 20), "is not finite"), (lost(SGD(), 0.5, 1), "is too far from")):
        with pytest.raises(SpecError, match=rf"^checkpoint: at \d \(step \d+\) the run {said}"):
            returned(analysis.compute([run], "cpu", None))


def test_a_walls_infinities_stay():
    """Cells whose loss overflows are kept as they are, and spoil no others."""
    # the path begins so far off that the default span reaches where the square overflows
    spec, run = at_start(replace(BOWL, begin=(1.0, 0.0, 0.0, 0.0)))
    surface = stages(SurfaceSpec(Coordinates(), span=1e6, resolution=5), run)[-1]
    assert np.isfinite(surface.loss).all()
    wall = record(spec, torch.tensor([[1e160, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]], dtype=torch.float64))
    high = stages(SurfaceSpec(Coordinates(), resolution=5), wall)[-1]
    assert np.isinf(high.loss).sum() == 24 and high.loss[2, 2] == 5.0
