"""Twins: the engine's models by other means, as plain PyTorch modules with the same order of parameters; nothing
here comes from the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn

from tests.oracles import ACTIVATIONS


def norm(name: str, channels: int, groups: int = 1, flat: bool = False) -> list[nn.Module]:
    """BatchNorm, GroupNorm, LayerNorm or nothing for so many channels."""
    if name == "group":
        return [nn.GroupNorm(groups, channels)]
    kinds = {"none": None, "batch": nn.BatchNorm1d if flat else nn.BatchNorm2d, "layer": nn.LayerNorm}
    return [] if kinds[name] is None else [kinds[name](channels)]


def normalized_mlp(inputs: int, classes: int, width: int, depth: int, name: str) -> nn.Sequential:
    """Linear layers of one width, each with a norm and ReLU after it."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before in [inputs, *[width] * depth][:depth]:
        layers += [nn.Linear(before, width, bias=name != "batch"), *norm(name, width, flat=True), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width if depth else inputs, classes))


def normalized_cnn(
    channels: int, side: int, classes: int, width: int, depth: int, name: str, groups: int = 1
) -> nn.Sequential:
    """3x3 convolutions, each with a norm, ReLU, and 2x2 average pooling while the image is at least 4 wide."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=name != "batch"),
            *norm(name, width, groups),
            nn.ReLU(),
        ]
        if side >= 4:
            layers.append(nn.AvgPool2d(2))
            side //= 2
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * side * side, classes))


def cnn_gap(
    channels: int,
    classes: int,
    width: int,
    depth: int,
    name: str,
    groups: tuple[int, int] = (1, 1),
    activation: str = "relu",
) -> nn.Sequential:
    """3x3 convolutions of one width and then of twice as much, 2x2 average pooling before every other one, global
    average pooling and a linear read-out."""
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(pairwise([channels, width, *[2 * width] * (depth - 1)])):
        layers += [nn.AvgPool2d(2)] if i in (2, 4) else []
        layers += [
            nn.Conv2d(before, after, 3, padding=1, bias=name != "batch"),
            *norm(name, after, groups[min(i, 1)]),
            ACTIVATIONS[activation](),
        ]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width if depth == 1 else 2 * width, classes)
    )


class Residual(nn.Module):
    """Two 3x3 convolutions with norms around a shortcut, which takes every second pixel and fills channels up with
    zeros where the shape changes."""

    def __init__(self, before: int, after: int, stride: int, name: str, groups: int):
        super().__init__()
        first, second = (nn.Conv2d(c, after, 3, s, 1, bias=name != "batch") for c, s in ((before, stride), (after, 1)))
        self.inner = nn.Sequential(first, *norm(name, after, groups), nn.ReLU(), second, *norm(name, after, groups))
        self.stride, self.fill = stride, after - before

    def forward(self, x: Tensor) -> Tensor:
        short = x[:, :, :: self.stride, :: self.stride]
        return torch.relu(
            self.inner(x) + torch.cat([short, short.new_zeros(len(short), self.fill, *short.shape[2:])], dim=1)
        )


def resnet(
    channels: int, classes: int, width: int, blocks: int, name: str, groups: tuple[int, int, int] = (1, 1, 1)
) -> nn.Sequential:
    """A stem, three stages of residual blocks, global average pooling and a linear read-out; `groups` are those of
    the stages' norms."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, 1, 1, bias=name != "batch"),
        *norm(name, width, groups[0]),
        nn.ReLU(),
    ]
    for (before, after, stride), count in zip(
        [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)], groups, strict=True
    ):
        layers += [
            Residual(before if i == 0 else after, after, stride if i == 0 else 1, name, count) for i in range(blocks)
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


class Attend(nn.Module):
    """A block of multi-head attention and MLP, LayerNorm before each."""

    def __init__(self, width: int, heads: int, activation: str, causal: bool):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), ACTIVATIONS[activation](), nn.Linear(4 * width, width))
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype) if self.causal else None
        x = x + self.attention(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.norm2(x))


class Positions(nn.Module):
    """Adds a learned vector to each token."""

    def __init__(self, tokens: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(tokens, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


class Patches(nn.Module):
    """Patches of an image as tokens, by a convolution whose stride is its size."""

    def __init__(self, channels: int, width: int, patch: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, channels * patch**2))
        self.bias = nn.Parameter(torch.zeros(width))
        self.patch = patch

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.view(len(self.weight), x.shape[1], self.patch, self.patch)
        return nn.functional.conv2d(x, kernel, self.bias, stride=self.patch).flatten(2).transpose(1, 2)


class Mean(nn.Module):
    """The mean (or the sum) over tokens or nodes."""

    def __init__(self, total: bool = False):
        super().__init__()
        self.total = total

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(1) if self.total else x.mean(1)


class Tokens(nn.Embedding):
    """An embedding of token numbers that come as floats."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.round().int())


def vit(
    channels: int, side: int, classes: int, patch: int, width: int, depth: int, heads: int, activation: str
) -> nn.Sequential:
    """A vision transformer with mean pooling."""
    first = [Patches(channels, width, patch), Positions((side // patch) ** 2, width)]
    blocks = [Attend(width, heads, activation, causal=False) for _ in range(depth)]
    return nn.Sequential(*first, *blocks, nn.LayerNorm(width), Mean(), nn.Linear(width, classes))


def transformer(length: int, classes: int, width: int, depth: int, heads: int, activation: str) -> nn.Sequential:
    """A causal language model."""
    blocks = [Attend(width, heads, activation, causal=True) for _ in range(depth)]
    return nn.Sequential(
        Tokens(classes, width), Positions(length, width), *blocks, nn.LayerNorm(width), nn.Linear(width, classes)
    )


class Channels(nn.Module):
    """A norm of channels for nodes [N, V, C], whose channels come last."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.transpose(1, 2)).transpose(1, 2)


class Isomorphism(nn.Module):
    """A GIN layer, neighbour by neighbour: (A, h) -> (A, MLP((1 + eps) h + sum of the neighbours' h))."""

    def __init__(self, before: int, after: int, name: str):
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(1))
        layers: list[nn.Module] = []
        for width in (before, after):
            norms = [Channels(n) if name == "batch" else n for n in norm(name, after, flat=True)]
            layers += [nn.Linear(width, after, bias=name != "batch"), *norms, nn.ReLU()]
        self.mlp = nn.Sequential(*layers)

    def forward(self, graph: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        adjacency, h = graph
        heard = torch.stack([(adjacency[:, v, :, None] * h).sum(1) for v in range(h.shape[1])], dim=1)
        return adjacency, self.mlp((1 + self.eps) * h + heard)


class Graph(nn.Module):
    """x [N, V, V+F] apart: the adjacency matrix and the features."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :, : x.shape[1]], x[:, :, x.shape[1] :]


class Nodes(nn.Module):
    """The nodes' numbers without the adjacency matrix."""

    def forward(self, graph: tuple[Tensor, Tensor]) -> Tensor:
        return graph[1]


def gin(features: int, classes: int, width: int, depth: int, total: bool, name: str) -> nn.Sequential:
    """A graph isomorphism network that reads out its last layer."""
    layers = [Isomorphism(before, after, name) for before, after in pairwise([features, *[width] * depth])]
    return nn.Sequential(Graph(), *layers, Nodes(), Mean(total), nn.Linear(width, classes))


@contextmanager
def whole_set(net: nn.Module, x: Tensor) -> Iterator[nn.Module]:
    """The net in evaluation mode, its running statistics set to each BatchNorm input's mean and biased variance over
    all of x; then in training mode again."""

    def fill(layer, inputs, output):
        flat = inputs[0].detach().transpose(0, 1).flatten(1)
        layer.running_mean, layer.running_var = flat.mean(1), flat.var(1, unbiased=False)

    found = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    hooks = [layer.register_forward_hook(fill) for layer in found]
    net.train()(x)
    for hook in hooks:
        hook.remove()
    yield net.eval()
    net.train()
