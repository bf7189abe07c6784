"""The engine's models written by hand as PyTorch modules: the baselines' nets."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.models import CNN, MLP
from engine.problems import Classification


def module(problem: Classification, theta: Tensor) -> nn.Sequential:
    """The net on 8x8 digits with the weights theta [n], on its device and in its type."""
    net = {MLP: _mlp, CNN: _cnn}[type(problem.model)](problem.model).to(theta)
    parameters = list(net.parameters())
    with torch.no_grad():
        for parameter, values in zip(parameters, theta.split([p.numel() for p in parameters]), strict=True):
            parameter.copy_(values.view_as(parameter))
    return net


def _mlp(model: MLP) -> nn.Sequential:
    if (model.depth, model.activation) != (2, "relu"):
        raise ValueError("the hand-written MLP has two hidden layers and ReLU")
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, model.width),
        nn.ReLU(),
        nn.Linear(model.width, model.width),
        nn.ReLU(),
        nn.Linear(model.width, 10),
    )


def _cnn(model: CNN) -> nn.Sequential:
    if (model.depth, model.activation) != (2, "relu"):
        raise ValueError("the hand-written CNN has two convolutions and ReLU")
    width = model.width
    first = [nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
    second = [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(4 * width, 10))
