"""BatchNorm without running averages: by the batch in a step, by the whole training set anywhere else, whichever
examples are looked at."""

import pytest
import torch
from torch import nn

from engine.analyses.planes import Random
from engine.analyses.surface import SurfaceSpec
from engine.curvature import Hessian, dense
from engine.data import Examples
from engine.models import CNN, MLP, Collect, Given, GraphNet, ResNet, by_batch
from engine.problems import Classification, evaluate, parts
from engine.rules import SAM, SGD
from engine.training.runs import RunSpec
from tests import oracles, twins
from tests.drive import Double, at_start, computed, final, frames, last, returned
from tests.family import networks
from tests.samples import DIGITS, MOONS, Networks

NETS = {
    "mlp": (MOONS, MLP(5, 2, norm="batch"), lambda: twins.normalized_mlp(2, 2, 5, 2, "batch")),
    "cnn": (DIGITS, CNN(3, 2, norm="batch"), lambda: twins.normalized_cnn(1, 8, 10, 3, 2, "batch")),
    "resnet": (DIGITS, ResNet(2), lambda: twins.resnet(1, 10, 2, 1, "batch")),
    "graph": (Networks(), GraphNet(4, 2), lambda: twins.gin(2, 2, 4, 2, False, "batch")),
}


@pytest.fixture(params=NETS)
def case(request):
    """A problem in double precision, a point of no symmetry, and the twin at that point."""
    data, model, net = NETS[request.param]
    problem = Double(data, model)
    theta = problem.start(0) + 0.1 * torch.randn(
        problem.size(), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    return problem, theta, oracles.filled(net(), theta)


def scored(net, x, y) -> list[float]:
    """Loss and accuracy of a module as it is."""
    with torch.no_grad():
        return [float(oracles.criterion("cross-entropy")(net(x), y)), float((net(x).argmax(1) == y).double().mean())]


def test_examples_mix_where_a_problem_says_so():
    """Which is judged by the losses themselves: whether an example's changes with the examples beside it."""
    found = {}
    for name, (data, model) in {**networks(), "MLP-linear": (MOONS, MLP(depth=0, norm="batch"))}.items():
        problem = Double(data, model)
        theta, (x, y) = problem.start(0), problem.load("train")
        beside, alone = problem.losses(theta, x[:8], y[:8])[:4], problem.losses(theta, x[:4], y[:4])
        found[name] = problem.mixes
        assert problem.mixes == (not torch.allclose(beside, alone, rtol=1e-9)), name
    assert {name for name in found if found[name]} == {name for name in found if name.endswith("-batch")} != set()


@pytest.mark.parametrize("chunk", [None, 1, 7, 1000])
@pytest.mark.parametrize("split", ["train", "test"])
def test_evaluation_goes_by_the_training_set(case, split, chunk):
    """In any pieces: a module in evaluation mode whose running statistics are the whole training set's."""
    problem, theta, net = case
    x, y = problem.load(split)
    with twins.whole_set(net, problem.load("train").x) as fixed:
        assert evaluate(problem, theta, Examples(x, y), chunk).tolist() == pytest.approx(scored(fixed, x, y), rel=1e-9)
        some = Examples(x[3:12], y[3:12])
        assert evaluate(problem, theta, some, chunk).tolist() == pytest.approx(scored(fixed, *some), rel=1e-9)
        one = Examples(x[:1], y[:1])
        assert evaluate(problem, theta, one, chunk).tolist() == pytest.approx(scored(fixed, *one), rel=1e-9)


def test_evaluation_in_many_points_at_once(case):
    """As a GPU draws surfaces: under vmap, on both splits."""
    problem, theta, _ = case
    thetas = theta * torch.tensor([[1.0], [0.7], [-1.2]], dtype=torch.float64)
    for split in ("train", "test"):
        examples = problem.load(split)
        alone = torch.stack([evaluate(problem, t, examples) for t in thetas])
        assert torch.allclose(torch.vmap(lambda t, e=examples: evaluate(problem, t, e))(thetas), alone, rtol=1e-9)


def test_what_was_collected_is_the_batch(case):
    """Collect computes what `by_batch` does, and Given with it again the same; the moments are the means and the
    biased variances."""
    problem, theta, net = case
    x, _ = problem.load("train")
    collect = Collect()
    logits = problem.logits(theta, x, by_batch)
    assert torch.allclose(problem.logits(theta, x, collect), logits, rtol=1e-9, atol=1e-12)
    assert torch.allclose(problem.logits(theta, x, Given(collect.moments)), logits, rtol=1e-9, atol=1e-12)
    with twins.whole_set(net, x) as fixed:
        running = [
            (m.running_mean, m.running_var) for m in fixed.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)
        ]
    assert len(running) == len(collect.moments) == len(problem.moments(theta, x)) > 0
    for pair, wanted in zip(collect.moments, running, strict=True):
        assert all(
            torch.allclose(a, torch.as_tensor(b), rtol=1e-9, atol=1e-12) for a, b in zip(pair, wanted, strict=True)
        )
    with pytest.raises(StopIteration):
        problem.logits(theta, x, Given(collect.moments[:-1]))


def test_full_batch_gradient_and_hessian(case):
    """The training loss is one sum, through the common statistics too: its gradient and dense Hessian are the
    module's, by double differentiation."""
    problem, theta, net = case
    x, y = examples = problem.load("train")
    summands = parts(problem, examples, 7)
    assert len(summands) == 1
    hessian = Hessian(summands, theta)
    value = oracles.loss_of(net.train(), oracles.criterion("cross-entropy"), x, y)
    assert torch.allclose(hessian.gradient, torch.autograd.functional.jacobian(value, theta), rtol=1e-9, atol=1e-12)
    if problem.size() < 200:
        matrix = torch.as_tensor(last(dense(hessian, len(theta), theta))[1])
        assert torch.allclose(matrix, oracles.hessian(value, theta), rtol=1e-8, atol=1e-10)


def test_some_hessian_is_dense():
    assert sum(Classification(data, model).size() < 200 for data, model, _ in NETS.values()) >= 2


@pytest.mark.parametrize("rule, name, rho", [(SGD(), "SGD", 0.0), (SAM(0.1), "SAM", 0.1)], ids=["SGD", "SAM"])
def test_training_is_the_modules_in_training_mode(case, rule, name, rho):
    """Five full-batch steps: both gradients of a step go by the batch's own statistics."""
    problem, _, net = case
    spec = RunSpec(problem, rule, lr=0.1, batch=0, steps=5, every=5, curvature=False)
    net = oracles.filled(net, problem.start(0)).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    batch = problem.load("train")
    oracles.descend(net, [tuple(batch)] * 5, oracles.criterion("cross-entropy"), optimizer, name, rho, [0.1] * 5)
    assert torch.allclose(final(spec).theta, oracles.flat(net), rtol=1e-8, atol=1e-10)
    measures = frames(spec)[-1].measures
    for split in ("train", "test"):
        with twins.whole_set(net, batch.x) as fixed:
            wanted = scored(fixed, *problem.load(split))
        assert [float(measures[f"{split}_{what}"][0]) for what in ("loss", "accuracy")] == pytest.approx(
            wanted, rel=1e-7
        )


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_surface(name, split):
    """Each cell is the twin's loss with the training set's statistics at that very point; the surface's own check
    agrees."""
    data, model, net = NETS[name]
    problem = Classification(data, model)
    _spec, run = at_start(problem)
    surface = computed(SurfaceSpec(Random(1), span=0.8, resolution=5, split=split), run)
    assert surface.check < 1e-5 and surface.loss[2, 2] == pytest.approx(
        float(evaluate(problem, problem.start(0), problem.load(split))[0]), abs=0
    )
    origin = torch.as_tensor(run.path[-1])
    plane = returned(Random(1).build(problem, origin, origin[None]))
    for i, j in [(2, 2), (0, 0), (4, 1)]:
        point = (plane.origin + float(surface.a[j]) * plane.first + float(surface.b[i]) * plane.second).double()
        with twins.whole_set(oracles.filled(net(), point), problem.load("train", dtype=torch.float64).x) as fixed:
            wanted = scored(fixed, *problem.load(split, dtype=torch.float64))
        assert [surface.loss[i, j], surface.accuracy[i, j]] == pytest.approx(wanted, rel=1e-4)
