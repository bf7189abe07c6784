"""Models: networks as pure functions of a list of tensors, and the layout of those tensors in one flat vector."""

from __future__ import annotations

from engine.models.attention import ATTENTION, Transformer, ViT
from engine.models.convolutional import CNN, CNNGAP, CONVOLUTIONAL, ResNet
from engine.models.dense import DENSE, MLP
from engine.models.graph import GRAPH, GraphNet
from engine.models.model import (
    ACTIVATIONS,
    EPS,
    MODULES,
    NORMS,
    Block,
    Collect,
    Given,
    Model,
    Normalize,
    by_batch,
    initial,
    unflatten,
)

MODELS = {cls.__name__: cls for cls in DENSE + CONVOLUTIONAL + ATTENTION + GRAPH}

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "CNNGAP",
    "EPS",
    "MLP",
    "MODELS",
    "MODULES",
    "NORMS",
    "Block",
    "Collect",
    "Given",
    "GraphNet",
    "Model",
    "Normalize",
    "ResNet",
    "Transformer",
    "ViT",
    "by_batch",
    "initial",
    "unflatten",
]
