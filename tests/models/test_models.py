"""Models: how large an activation gets, what a prediction does not depend on, and images of other sizes."""

import pytest
import torch

from engine.data import Inputs
from engine.models import CNN, MLP, MODELS, GraphNet, ResNet, Transformer, ViT, initial, unflatten
from engine.problems import Classification
from engine.seeds import generator
from tests.drive import somewhere
from tests.samples import DIGITS, Networks, Symbols

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
