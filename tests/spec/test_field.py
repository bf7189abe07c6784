"""The measured defects of the field's tools, each as a test that this engine passes; the tool and its defect are in
each docstring."""

import numpy as np
import pytest
import torch

from engine.analyses.planes import Coordinates, Random, filter_normalized
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec, axis
from engine.curvature import Hessian, ends, extremes
from engine.data import Digits, Moons
from engine.figures.density import density
from engine.models import CNN, MLP, unflatten
from engine.problems import Classification, Quadratic, parts
from engine.rules import SAM, SGD, LookSAM, MomentumSAM, Step
from engine.seeds import generator
from engine.spec import digest
from engine.training.loop import train
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from tests import oracles
from tests.drive import Double, at_start, frames, last, record, returned

DEEP = Classification(Digits(train=100), MLP(width=30, depth=2))
CONVOLUTIONS = Classification(Digits(train=60), CNN(width=4, depth=2))
TILTED = Quadratic((10.0, 1.0), (0.3, -1.0))


def surface(problem, spec):
    _run_spec, run = at_start(problem)
    return returned(spec.compute([run], "cpu", None))


def directions(problem, draw=0):
    theta = problem.start(0)
    plane = returned(Random(draw).build(problem, theta, theta[None]))
    return plane.first, plane.second


def eigenvalues(problem, top, bottom=0):
    theta = problem.start(0)
    start = torch.randn(1, len(theta), generator=generator(0, "field"), dtype=torch.float64).to(theta)
    krylov = last(
        extremes(Hessian(parts(problem, problem.load("train")), theta), start, generator(0, "more"), top, bottom)
    )
    return krylov.ritz(ends(top, bottom, krylov.count)).values


@pytest.mark.parametrize("resolution", [10, 11])
def test_rows_are_straight(resolution):
    """loss-landscapes 3.0.6 walks the grid in zig-zag: every odd row is shifted by one step."""
    s = surface(TILTED, SurfaceSpec(Coordinates(), span=1.0, resolution=resolution))
    for i, b in enumerate(s.b):
        assert np.allclose(s.loss[i], 5 * (0.3 + s.a) ** 2 + 0.5 * (b - 1) ** 2, rtol=1e-12), i


@pytest.mark.parametrize("resolution", [25, 26, 51])
def test_the_model_is_on_the_grid(resolution):
    """loss-landscapes: with 25 or 51 steps the trained model lies 0.71 steps off the grid."""
    s = surface(DEEP, SurfaceSpec(Random(), resolution=resolution))
    assert (
        s.a[resolution // 2] == s.b[resolution // 2] == 0 and s.loss[resolution // 2, resolution // 2] == s.path_loss[0]
    )


def test_a_larger_span_shows_more():
    """loss-landscapes: `distance` is inverted."""
    assert all(axis(span, 11)[-1] == pytest.approx(span) for span in (0.1, 1.0, 30.0))
    near, far = (
        surface(TILTED, SurfaceSpec(Coordinates(), span=span, resolution=5)).loss.max() for span in (0.1, 10.0)
    )
    assert far > 100 * near


def test_random_directions_are_gaussian():
    """loss-landscapes: "random" is uniform on [0, 1], so that planes of different seeds have cosine 0.76."""
    each = [d for draw in range(4) for d in directions(DEEP, draw)]
    cosines = [abs(float(a @ b / a.norm() / b.norm())) for i, a in enumerate(each) for b in each[:i]]
    assert max(cosines) < 6 / DEEP.size() ** 0.5
    assert all(0.45 < float((d[d != 0] > 0).double().mean()) < 0.55 for d in each)


def test_one_dimensional_tensors_are_not_normalized_twice():
    """loss-landscapes normalizes a bias by filter and once more as a whole: here it does not move at all, and a
    weight has exactly its filters' norms."""
    theta = DEEP.start(0) + 0.1
    d = filter_normalized(torch.randn(len(theta), generator=generator(0, "d")), theta, DEEP.layout)
    for block, part, weight in zip(DEEP.layout, unflatten(d, DEEP.layout), unflatten(theta, DEEP.layout), strict=True):
        assert not part.any() if len(block.shape) == 1 else torch.allclose(part.norm(dim=1), weight.norm(dim=1))


def test_filters_of_norm_zero():
    """loss-landscapes divides by zero on a fresh net with normalization layers; loss-landscape-3d has NaN on 110 of
    121 points."""
    run_spec, run = at_start(CONVOLUTIONS)
    theta = CONVOLUTIONS.start(0)
    unflatten(theta, CONVOLUTIONS.layout)[0][:2] = 0
    zeroed = record(run_spec, theta[None])
    s = returned(SurfaceSpec(Random(), resolution=11).compute([zeroed], "cpu", None))
    assert np.isfinite(s.loss).all() and np.isfinite(s.norms).all() and run.path.shape == zeroed.path.shape


def test_the_callers_weights_stay():
    """loss-landscapes moves the caller's weights and leaves requires_grad False."""
    theta = DEEP.start(0).requires_grad_()
    before = theta.detach().clone()
    returned(Random().build(DEEP, theta.detach(), theta.detach()[None]))
    run_spec = RunSpec(DEEP, batch=0)
    run = record(run_spec, before[None])
    path = run.path.copy()
    for spec in (SurfaceSpec(Random(), resolution=5), SpectrumSpec(probes=1, depth=4, exact=False)):
        returned(spec.compute([run], "cpu", None))
    assert theta.requires_grad and torch.equal(theta.detach(), before) and np.array_equal(run.path, path)
    x, y = DEEP.load("train")
    again = DEEP.load("train")
    assert torch.equal(x, again.x) and torch.equal(y, again.y)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: this machine has none")
def test_a_gpu_gives_the_same(store):
    """loss-landscapes fails on a GPU (its issue 1, open since 2019)."""
    _run_spec, run = at_start(DEEP)
    for spec in (SurfaceSpec(Random(), resolution=9), SpectrumSpec(probes=2, depth=8)):
        cpu, gpu = (returned(spec.compute([run], device, None)) for device in ("cpu", "cuda:0"))
        for name in ("loss", "accuracy", "top", "trace"):
            if hasattr(cpu, name):
                assert np.allclose(getattr(cpu, name), getattr(gpu, name), rtol=1e-3, atol=1e-5)
    assert last(perform(store, Work(RunSpec(DEEP, steps=20, every=10)), "cuda:0")).status == "finished"


def test_identical_calls_agree():
    """Landscaper 1.3.1 adds random noise to the highest cell, so that two identical calls differ."""
    for spec in (SurfaceSpec(Random(3), resolution=9), SpectrumSpec(probes=2, depth=8, exact=False)):
        a, b = (surface(DEEP, spec) for _ in range(2))
        assert all(
            np.array_equal(getattr(a, k), getattr(b, k), equal_nan=True)
            for k in ("loss", "accuracy", "check", "top", "nodes")
            if hasattr(a, k)
        )


def test_cells_that_are_not_finite_stay_so():
    """Landscaper replaces NaN cells by the mean."""
    wall = Quadratic((1000.0, -1000.0), (1.0, 1.0))
    run_spec = RunSpec(wall, batch=0)
    run = record(run_spec, torch.tensor([[1e160, 1e160], [1.0, 1.0]], dtype=torch.float64))
    s = returned(SurfaceSpec(Coordinates(), span=1e200, resolution=5).compute([run], "cpu", None))
    corners = s.loss[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.isnan(corners).all() and np.isinf(s.loss[2, [0, 1, 3, 4]]).all() and s.loss[2, 2] == 0


def test_three_eigenvalues_are_three():
    """LossLandscape's top three come out as one value three times."""
    assert eigenvalues(Quadratic((9.0, 7.0, 4.0, *[0.1] * 20), (1.0,) * 23), 3) == pytest.approx([9, 7, 4], rel=1e-6)
    values = eigenvalues(DEEP, 3)
    assert len(set(np.round(values, 3))) == 3


def test_a_large_negative_eigenvalue_does_not_displace_the_top():
    """PyHessian and Landscaper rank by magnitude, the latter unsorted."""
    values = eigenvalues(Quadratic((3.0, -50.0, 2.0, 1.0, *np.linspace(-1, 0.5, 40).tolist()), (1.0,) * 44), 3, 2)
    assert values == pytest.approx([3, 2, 1, -1, -50], abs=1e-3)
    assert (np.diff(values) <= 0).all()


def test_the_callers_gradient_stays():
    """PyHessian wipes the caller's .grad."""
    theta = DEEP.start(0).requires_grad_()
    theta.grad = torch.ones_like(theta)
    hessian = Hessian(parts(DEEP, DEEP.load("train")), theta)
    hessian(torch.ones(len(theta)))
    _ = Step(DEEP, theta, *DEEP.load("train")).g
    assert bool((theta.grad == 1).all())


def test_the_density_works():
    """PyHessian's density fails from PyPI on current torch."""
    s = surface(DEEP, SpectrumSpec(probes=4, depth=20, exact=False))
    grid = np.linspace(s.nodes.min() - 0.5, s.nodes.max() + 0.5, 2000)
    mean, error = density(s, grid, 0.1)
    assert np.trapezoid(mean, grid) == pytest.approx(1, abs=1e-2) and np.isfinite(error).all() and (mean >= 0).all()


@pytest.mark.parametrize("chunk", [64, 60, 33, 9])
def test_an_uneven_last_batch_weighs_what_it_should(chunk):
    """hessian-eigenthings: an uneven last batch gives a product 7.8% off."""
    problem = Double(Moons(train=65), MLP(width=6, activation="tanh"))
    theta, v = problem.start(0), torch.ones(problem.size(), dtype=torch.float64)
    whole = (
        oracles.hessian(
            oracles.loss_of(
                oracles.filled(oracles.mlp(2, 2, 6, 2, "tanh"), theta),
                oracles.criterion("cross-entropy"),
                *problem.load("train"),
            ),
            theta,
        )
        @ v
    )
    product = Hessian(parts(problem, problem.load("train"), chunk), theta)(v)
    assert float((product - whole).norm() / whole.norm()) < 1e-12


def test_the_defaults_are_converged():
    """hessian-eigenthings' defaults are 1 to 12% off."""
    problem = Classification(Digits(train=300), MLP(width=8, depth=1))
    net = oracles.filled(oracles.mlp(64, 10, 8, 1, "relu"), problem.start(0).double())
    true = torch.linalg.eigvalsh(
        oracles.hessian(
            oracles.loss_of(net, oracles.criterion("cross-entropy"), *problem.load("train", dtype=torch.float64)),
            problem.start(0),
        )
    )
    s = surface(problem, SpectrumSpec())
    assert s.top == pytest.approx(true.flip(0)[:5].numpy(), rel=1e-5)


def test_no_state_is_updated_by_a_step(store):
    """Module-based SAM updates BatchNorm's statistics twice a step: here the loss is a function of theta and the
    batch, and of nothing else."""
    spec = RunSpec(DEEP, SAM(0.1), steps=30, every=10, batch=20)
    theta, data = DEEP.start(3), DEEP.load("train")
    before = DEEP.loss(theta, *data)
    last(perform(store, Work(spec)))
    assert torch.equal(DEEP.loss(theta, *data), before)
    run = store.run(digest(spec))
    for row, loss in zip(run.path, run.measures["train_loss"], strict=True):
        assert float(DEEP.loss(torch.as_tensor(row), *data)) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(
    "rule, cost", [(SGD(), 1), (SAM(), 2), (LookSAM(k=5), 1.2), (LookSAM(k=10), 1.1), (MomentumSAM(), 1)], ids=repr
)
def test_a_step_costs_as_many_gradients_as_it_says(rule, cost, monkeypatch):
    """LookSAM through step(closure) saves nothing: gradients are counted where they are made, in the loop itself."""
    made, original = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: made.append(1) or original(*a, **k))
    before, tick = [], None
    for tick in train([RunSpec(DEEP, rule, steps=10, every=10, batch=20, curvature=False)]):
        before = made.copy() if tick.state.step == 0 else before  # those of the first measurement
        if tick.state.step == 10 and tick.frame is None:
            break
    assert len(made) - len(before) == round(10 * cost) == round(tick.state.gradients)


def test_the_path_says_how_far_it_lies_from_its_plane():
    """Elsewhere the path on a PCA plane does not match the loss under it: here the loss at each point and at its
    projection stand side by side."""
    run_spec = RunSpec(DEEP, SGD(), steps=60, every=5, batch=20, curvature=False)
    path = torch.cat([f.theta for f in frames(run_spec)])
    s = returned(SurfaceSpec(resolution=5).compute([record(run_spec, path)], "cpu", None))
    assert 0 < s.explained < 1 and (s.residual[:-1] > 0).all() and s.residual[-1] == 0
    assert not np.allclose(s.path_loss[:-1], s.plane_loss[:-1]) and s.path_loss[-1] == s.plane_loss[-1]
