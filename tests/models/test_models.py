"""Models against nn.Module twins: order of theta, outputs, gradients and curvature; the statistics of a start; what
a model refuses."""

import math

import pytest
import torch

from engine.data import Digits, Inputs, Moons
from engine.models import (
    ACTIVATIONS,
    CNN,
    CNNGAP,
    MLP,
    MODELS,
    NORMS,
    GraphNet,
    ResNet,
    Transformer,
    ViT,
    initial,
    unflatten,
)
from engine.problems import PROBLEMS, Classification, Toy, evaluate, parts
from engine.seeds import generator
from engine.spec import SpecError
from tests import oracles, twins
from tests.samples import Networks, Symbols

DIGITS, MOONS = Digits(train=70), Moons(train=30)
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


def somewhere(problem, seed=0):
    """A point of no symmetry: a start, shifted so that no bias is 0 and no scale is 1, in float64."""
    theta = problem.start(seed).double()
    return theta + 0.05 * torch.randn(len(theta), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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


STARTS = [
    (DIGITS, MLP, {"width": 200}),
    (DIGITS, MLP, {"width": 200, "norm": "layer"}),
    (DIGITS, CNN, {"width": 64}),
    (DIGITS, CNN, {"width": 64, "norm": "batch"}),
    (DIGITS, CNNGAP, {}),
    (DIGITS, ResNet, {}),
    (DIGITS, ViT, {"width": 64}),
    (Symbols(), Transformer, {"width": 64}),
    (Networks(), GraphNet, {"width": 64}),
]


@pytest.mark.parametrize("init", ["he", "xavier"])
@pytest.mark.parametrize("data, cls, fields", STARTS, ids=lambda v: getattr(v, "__name__", ""))
def test_start_has_the_variance_it_says(data, cls, fields, init):
    model = cls(**fields, init=init)
    layout = model.layout(data.inputs)
    theta = initial(model, layout, generator(0, "start"))
    for block, part in zip(layout, unflatten(theta, layout), strict=True):
        if block.role == "bias" or block.module in NORMS:
            assert (part == float(block.role == "weight")).all()
        else:
            fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(part)
            variance = (
                1 / model.width
                if block.module == "Embedding"
                else 2 / fan_in
                if init == "he"
                else 2 / (fan_in + fan_out)
            )
            deviation = math.sqrt(2 / part.numel())
            assert float(part.var()) / variance == pytest.approx(1, abs=6 * deviation) and abs(
                float(part.mean())
            ) < 6 * math.sqrt(variance / part.numel())


def test_every_start_is_checked():
    assert {cls for _, cls, _ in STARTS} == set(MODELS.values())


@pytest.mark.parametrize(
    "init, gain", [("he", lambda out, inputs: 2 / inputs), ("xavier", lambda out, inputs: 2 / (out + inputs))]
)
def test_start_without_norms_is_drawn_weight_by_weight(init, gain):
    """Kept runs begin with these numbers, to the last bit: normal ones for each weight in turn, and none for a bias."""
    for model, net in (
        (MLP(9, 3, "tanh", init), oracles.mlp(64, 10, 9, 3, "tanh")),
        (CNN(6, 2, "relu", init), oracles.cnn(1, 8, 10, 6, 2, "relu")),
    ):
        random, drawn = generator(4, "start"), []
        for p in net.parameters():
            weight = (
                math.sqrt(gain(p[:, 0].numel(), p[0].numel())) * torch.randn(p.numel(), generator=random)
                if p.ndim > 1
                else torch.zeros(p.numel())
            )
            drawn.append(weight)
        assert torch.equal(Classification(DIGITS, model).start(4), torch.cat(drawn))


def test_starts_differ_by_seed_only():
    problem = Classification(DIGITS)
    assert torch.equal(problem.start(3), problem.start(3)) and not torch.equal(problem.start(3), problem.start(4))


@pytest.mark.parametrize(
    "data, model, line",
    [
        (MOONS, CNN, "model: a CNN needs images, and this dataset has points; choose MLP"),
        (MOONS, CNNGAP, "model: a CNNGAP needs images, and this dataset has points; choose MLP"),
        (MOONS, ResNet, "model: a ResNet needs images, and this dataset has points; choose MLP"),
        (Networks(), ViT, "model: a ViT needs images, and this dataset has graphs; choose MLP"),
        (
            Symbols(),
            MLP,
            "model: an MLP needs images, points or graphs, and this dataset has tokens; choose Transformer",
        ),
        (DIGITS, Transformer, "model: a Transformer needs tokens, and this dataset has images; choose MLP"),
        (MOONS, GraphNet, "model: a GraphNet needs graphs, and this dataset has points; choose MLP"),
        (DIGITS, lambda: ViT(patch=3), "model.patch: expected a divisor of 8, the image's side, got 3"),
        (DIGITS, lambda: ViT(patch=16), "model.patch: expected a divisor of 8, the image's side, got 16"),
        (DIGITS, lambda: ViT(width=30, heads=4), "heads: expected a divisor of 30, the width, got 4"),
        (Symbols(), lambda: Transformer(heads=3), "heads: expected a divisor of 32, the width, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(data, model, line):
    with pytest.raises(SpecError) as refused:
        Classification(data, model())
    assert str(refused.value) == line


WIDE = [
    *(cls() for cls in MODELS.values()),
    MLP(100),
    ViT(1, 8, 1, 8),
    Transformer(1, 1, 1),
    Transformer(8, 1, 8),
    GraphNet(64),
    GraphNet(1),
]


@pytest.mark.parametrize("model", WIDE, ids=repr)
def test_widest_is_the_largest_activation(model):
    """No tensor that a pass makes, parameters and shared constants aside, is larger than what it says."""
    data = {Transformer: Symbols(), GraphNet: Networks()}.get(type(model), DIGITS)
    problem = Classification(data, model)
    x, _ = problem.load("train")

    class Sizes(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            sizes.extend(out.numel() for out in [out] if isinstance(out, torch.Tensor) and len(out) == len(x))
            return out

    sizes, theta = [], problem.start(0)
    with Sizes():
        problem.logits(theta, x)
    assert 0 < max(sizes) <= problem.widest() * len(x)


def test_a_transformer_does_not_look_ahead():
    problem = Classification(Symbols(), Transformer(8, 2, 2))
    theta, x = somewhere(problem), problem.load("train", dtype=torch.float64).x
    other = x.clone()
    other[:, 4:] = (x[:, 4:] + 1) % 5
    a, b = problem.logits(theta, x), problem.logits(theta, other)
    assert torch.equal(a[:, :4], b[:, :4]) and ((a - b)[:, 4:].abs().amax((1, 2)) > 1e-3).all()


@pytest.mark.parametrize("readout", ["mean", "sum"])
def test_a_graph_net_does_not_see_the_order_of_nodes(readout):
    problem = Classification(Networks(), GraphNet(8, 2, readout))
    theta, x = somewhere(problem), problem.load("train", dtype=torch.float64).x
    order = torch.tensor([3, 0, 4, 1, 2])
    shuffled = torch.cat([x[:, order][:, :, order], x[:, order][:, :, 5:]], dim=2)
    assert torch.allclose(problem.logits(theta, shuffled), problem.logits(theta, x), rtol=1e-10, atol=1e-12)


def test_images_of_other_sizes():
    """Odd sides and three channels: the layouts fit what the models make of them."""
    for side, models in {
        7: [CNN(4, 3), ResNet(2), ViT(7, 8)],
        9: [CNN(4, 3, norm="group"), ResNet(3), ViT(3, 8)],
        1: [ResNet(2, norm="group")],
    }.items():
        for model in models:
            layout = model.layout(Inputs("image", (3, side, side), 4))
            blocks = unflatten(initial(model, layout, generator(0, "start")), layout)
            logits = model.logits(
                blocks, torch.randn(5, 3, side, side, generator=generator(0, "x")), lambda x, weight, bias: x
            )
            assert logits.shape == (5, 4) and logits.isfinite().all()


@pytest.mark.parametrize("count, chunk", [(70, 1), (70, 32), (70, 69), (70, 70), (70, 500)])
def test_sums_over_chunks(count, chunk):
    """Loss, accuracy and gradient over all examples, in chunks whose last is uneven, as over all at once."""
    problem = Classification(DIGITS, MLP(6, 1))
    theta, examples = problem.start(1).double(), problem.load("train", dtype=torch.float64)
    assert torch.allclose(evaluate(problem, theta, examples, chunk), problem.score(theta, *examples), rtol=1e-12)
    pieces = parts(problem, examples, chunk)
    assert len(pieces) == -(-count // chunk)
    whole = torch.func.grad(lambda t: problem.loss(t, *examples))(theta)
    assert torch.allclose(
        torch.stack([torch.func.grad(piece)(theta) for piece in pieces]).sum(0), whole, rtol=1e-9, atol=1e-13
    )


FORMULAS = {
    "Quadratic": lambda x, y: 5 * x**2 + y**2 / 2,
    "Product": lambda x, y: math.sqrt(1 + x**2 * y**2) - 1,
    "Saddle": lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
    "Beale": lambda x, y: sum((c - x * (1 - y**i)) ** 2 for i, c in ((1, 1.5), (2, 2.25), (3, 2.625))),
}


@pytest.mark.parametrize("name", [name for name, cls in PROBLEMS.items() if issubclass(cls, Toy)])
def test_toy(name):
    toy = PROBLEMS[name]()
    for x, y in [(0.3, -0.7), (2.0, 0.5), (-1.0, 3.0)]:
        point = torch.tensor([x, y], dtype=torch.float64)
        assert float(toy.loss(point, None, None)) == pytest.approx(FORMULAS[name](x, y), rel=1e-12)
        assert torch.isnan(evaluate(toy, point, toy.load("train"))[1])
    assert toy.start(0).tolist() == list(toy.begin) and toy.examples() == 0 and len(toy.load("test")) == 0


def test_beale_saddle():
    hessian = oracles.hessian(lambda t: PROBLEMS["Beale"]().value(t), torch.tensor([0.0, 1.0]))
    assert torch.linalg.eigvalsh(hessian).tolist() == pytest.approx([-27.75, 27.75], abs=1e-9)
