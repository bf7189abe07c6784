"""Starts of models: their variance, their bits, and that a seed alone makes them differ."""

import math

import pytest
import torch

from engine.models import CNN, CNNGAP, MLP, MODELS, NORMS, GraphNet, ResNet, Transformer, ViT, initial, unflatten
from engine.problems import Classification
from engine.seeds import generator
from tests import oracles
from tests.samples import DIGITS, Networks, Symbols

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
