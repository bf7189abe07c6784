"""Models against nn.Module twins: order of theta, outputs, gradients and curvature, alone and many at once."""

import pytest
import torch

from engine.models import ACTIVATIONS, CNN, CNNGAP, MLP, MODELS, NORMS, GraphNet, ResNet, Transformer, ViT
from engine.problems import Classification
from tests import oracles, twins
from tests.drive import somewhere
from tests.samples import DIGITS, MOONS, Networks, Symbols

GROUPS = {1: 1, 3: 1, 4: 2, 5: 1, 6: 3, 8: 4, 12: 4}
"""Channels, and how many groups GroupNorm makes of them."""
TWINS = {
    **{
        f"mlp-{a}-{d}": (DIGITS, MLP(7, d, a), lambda a=a, d=d: oracles.mlp(64, 10, 7, d, a))
        for a in ACTIVATIONS
        for d in (0, 1, 4)
    },
    **{
        f"cnn-{a}-{d}": (DIGITS, CNN(5, d, a), lambda a=a, d=d: oracles.cnn(1, 8, 10, 5, d, a))
        for a in ACTIVATIONS
        for d in (1, 2, 5)
    },
    "moons": (MOONS, MLP(7, 2), lambda: oracles.mlp(2, 2, 7, 2, "relu")),
    "mlp-graph": (Networks(), MLP(7, 1, "tanh"), lambda: oracles.mlp(35, 2, 7, 1, "tanh")),
    **{
        f"mlp-{n}-{d}": (DIGITS, MLP(7, d, norm=n), lambda n=n, d=d: twins.normalized_mlp(64, 10, 7, d, n))
        for n in ("batch", "layer")
        for d in (0, 1, 3)
    },
    **{
        f"cnn-batch-{d}": (DIGITS, CNN(5, d, norm="batch"), lambda d=d: twins.normalized_cnn(1, 8, 10, 5, d, "batch"))
        for d in (1, 3)
    },
    **{
        f"cnn-group-{w}": (
            DIGITS,
            CNN(w, norm="group"),
            lambda w=w, g=g: twins.normalized_cnn(1, 8, 10, w, 2, "group", g),
        )
        for w, g in GROUPS.items()
    },
    **{f"gap-batch-{d}": (DIGITS, CNNGAP(3, d), lambda d=d: twins.cnn_gap(1, 10, 3, d, "batch")) for d in (1, 2, 3, 6)},
    "gap-group": (DIGITS, CNNGAP(3, 4, norm="group"), lambda: twins.cnn_gap(1, 10, 3, 4, "group", (1, 3))),
    "gap-none": (
        DIGITS,
        CNNGAP(3, 5, "tanh", norm="none"),
        lambda: twins.cnn_gap(1, 10, 3, 5, "none", activation="tanh"),
    ),
    "resnet": (DIGITS, ResNet(2), lambda: twins.resnet(1, 10, 2, 1, "batch")),
    "resnet-14": (DIGITS, ResNet(2, 2), lambda: twins.resnet(1, 10, 2, 2, "batch")),
    "resnet-group": (DIGITS, ResNet(2, norm="group"), lambda: twins.resnet(1, 10, 2, 1, "group", (1, 2, 4))),
    "resnet-none": (DIGITS, ResNet(2, norm="none"), lambda: twins.resnet(1, 10, 2, 1, "none")),
    **{
        f"vit-{p}-{h}": (DIGITS, ViT(p, 8, 2, h), lambda p=p, h=h: twins.vit(1, 8, 10, p, 8, 2, h, "gelu"))
        for p, h in ((2, 4), (4, 1), (8, 8))
    },
    **{
        f"transformer-{h}": (
            Symbols(),
            Transformer(8, 2, h, "relu"),
            lambda h=h: twins.transformer(6, 5, 8, 2, h, "relu"),
        )
        for h in (1, 4)
    },
    **{
        f"graph-{n}": (Networks(), GraphNet(6, 2, norm=n), lambda n=n: twins.gin(2, 2, 6, 2, False, n))
        for n in ("none", "batch", "layer")
    },
    "graph-sum": (Networks(), GraphNet(6, 3, "sum", norm="none"), lambda: twins.gin(2, 2, 6, 3, True, "none")),
}


def flat_loss(net, x, y, objective="cross-entropy"):
    return oracles.criterion(objective)(net(x).flatten(0, -2), y.flatten())


def flat_gradient(net, x, y, objective="cross-entropy"):
    return torch.cat(
        [g.flatten() for g in torch.autograd.grad(flat_loss(net, x, y, objective), list(net.parameters()))]
    )


@pytest.mark.parametrize("objective", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("name", TWINS)
def test_module_twin(name, objective):
    """Size, order of theta, logits, loss, gradient and score are those of a plain module holding the same numbers,
    in training mode."""
    data, model, net = TWINS[name]
    problem = Classification(data, model, objective)
    theta = somewhere(problem)
    net = oracles.filled(net(), theta)
    assert [tuple(p.shape) for p in net.parameters()] == [b.shape for b in problem.layout] and problem.size() == len(
        theta
    )
    x, y = problem.load("train", dtype=torch.float64)
    assert problem.logits(theta, x).shape == net(x).shape == (*y.shape, data.inputs.classes)
    assert torch.allclose(problem.logits(theta, x), net(x), rtol=1e-10, atol=1e-12)
    slope = torch.func.grad(lambda t: problem.loss(t, x, y))(theta)
    assert torch.allclose(slope, flat_gradient(net, x, y, objective), rtol=1e-9, atol=1e-12)
    accuracy = (net(x).argmax(-1) == y).double().mean()
    assert torch.allclose(problem.score(theta, x, y), torch.stack([flat_loss(net, x, y, objective).detach(), accuracy]))
    each = problem.losses(theta, x, y)
    assert each.shape == (len(x),) and torch.allclose(each.mean(), problem.loss(theta, x, y))


def test_every_model_is_checked():
    assert {type(model) for _, model, _ in TWINS.values()} == set(MODELS.values())


@pytest.mark.parametrize("name", TWINS)
def test_curvature_of_the_twin(name):
    """Products with the Hessian, by differentiating twice, against differences of the module's gradients."""
    data, model, net = TWINS[name]
    problem = Classification(data, model)
    theta = somewhere(problem, 1)
    x, y = problem.load("train", dtype=torch.float64)
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    at = theta.clone().requires_grad_()
    slope = torch.autograd.grad(problem.loss(at, x, y), at, create_graph=True)[0]
    product = torch.autograd.grad(slope, at, v)[0]
    step = 1e-7  # short, so that no ReLU turns on the way
    ahead, behind = (flat_gradient(oracles.filled(net(), theta + s * v), x, y) for s in (step, -step))
    assert torch.allclose(product, (ahead - behind) / (2 * step), rtol=1e-5, atol=2e-7 * float(product.norm()))


@pytest.mark.parametrize("name", TWINS)
def test_runs_together_are_each_alone(name):
    """Three thetas under vmap: logits, gradients and products with the Hessian as one by one."""
    data, model, _ = TWINS[name]
    problem = Classification(data, model)
    x, y = problem.load("train", dtype=torch.float64)
    thetas = torch.stack([somewhere(problem, seed) for seed in range(3)])
    slope = torch.func.grad(lambda t: problem.loss(t, x, y))
    for f in (lambda t: problem.logits(t, x), slope, torch.func.grad(lambda t: slope(t) @ thetas[0])):
        assert torch.allclose(torch.vmap(f)(thetas), torch.stack([f(t) for t in thetas]), rtol=1e-9, atol=1e-11)
    batches = torch.stack([x[:20], x[10:30], x[-20:]]), torch.stack([y[:20], y[10:30], y[-20:]])
    together = torch.vmap(lambda t, x, y: torch.func.grad(lambda t: problem.loss(t, x, y))(t))(thetas, *batches)
    for i, (x, y) in enumerate(zip(*batches, strict=True)):
        assert torch.allclose(
            together[i], torch.func.grad(lambda t, x=x, y=y: problem.loss(t, x, y))(thetas[i]), rtol=1e-9, atol=1e-11
        )


KIND = {
    "BatchNorm1d": "BatchNorm",
    "BatchNorm2d": "BatchNorm",
    "Positions": "Embedding",
    "Tokens": "Embedding",
    "Isomorphism": "GIN",
}
KIND |= dict.fromkeys(("Patches", "MultiheadAttention", "NonDynamicallyQuantizableLinear"), "Linear")
KIND |= {kind: kind for kind in ("Linear", "Conv2d", "GroupNorm", "LayerNorm")}


@pytest.mark.parametrize("name", TWINS)
def test_blocks_say_which_module_they_belong_to(name):
    """As the twin's parameters do; what is 1-D and not a norm's scale is a bias, and all names differ."""
    data, model, net = TWINS[name]
    blocks = model.layout(data.inputs)
    assert [b.module for b in blocks] == [
        KIND[type(m).__name__] for m in net().modules() for _ in m.parameters(recurse=False)
    ]
    scales = [
        name.endswith("weight") and type(m).__name__.rstrip("12d") in NORMS
        for m in net().modules()
        for name, _ in m.named_parameters(recurse=False)
    ]
    assert [b.role for b in blocks] == [
        "bias" if len(b.shape) == 1 and not scale else "weight" for b, scale in zip(blocks, scales, strict=True)
    ]
    assert len({b.name for b in blocks}) == len(blocks)
