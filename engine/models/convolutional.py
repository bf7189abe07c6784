"""Convolutional models of images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.model import ACTIVATIONS, Block, Model, activations, affine, applied, needs, norms, pair, starts
from engine.spec import knob


@dataclass(frozen=True)
class CNN(Model):
    """3x3 convolutions of one width, each followed by 2x2 average pooling while the image is at least 4 pixels wide;
    a linear read-out."""

    width: int = knob(16, 1, 128, "Width", "Channels of each convolution.", log=True)
    depth: int = knob(2, 1, 6, "Depth", "Convolutions.")
    activation: str = activations()
    init: str = starts()
    norm: str = norms("none", "batch", "group")

    def layout(self, inputs):
        needs(inputs, "a CNN", "image")
        channels, side = [inputs.shape[0], *[self.width] * self.depth], inputs.shape[-1]
        for _ in range(self.depth):
            side = side // 2 if side >= 4 else side
        hidden = _convolutions(channels, self.norm)
        return (*hidden, *pair("linear", "Linear", inputs.classes, self.width * side * side))

    def widest(self, inputs):
        return self.width * inputs.shape[-1] ** 2

    def logits(self, blocks, x, normalize):
        rest, act, convolution = iter(blocks), ACTIVATIONS[self.activation], partial(F.conv2d, padding=1)
        for _ in range(self.depth):
            x = act(applied(convolution, x, rest, self.norm, normalize))
            x = _pooled(x) if x.shape[-1] >= 4 else x
        return F.linear(x.flatten(1), *rest)


@dataclass(frozen=True)
class CNNGAP(Model):
    """3x3 convolutions with twice as many channels from the second on, 2x2 average pooling after each pair, the mean
    over the image, a linear read-out.

    The mean of each channel over the image in the place of dense layers is the global average pooling of Lin, Chen &
    Yan 2014, sec. 3.2 (arXiv 1312.4400): the read-out sees no positions, and however large the image is, it has as
    many parameters.
    """

    width: int = knob(16, 1, 64, "Width", "Channels of the first convolution; the others have twice as many.", log=True)
    depth: int = knob(3, 1, 6, "Depth", "Convolutions.")
    activation: str = activations()
    init: str = starts()
    norm: str = norms("batch", "batch", "group")

    def layout(self, inputs):
        needs(inputs, "a CNNGAP", "image")
        channels = [inputs.shape[0], self.width, *[2 * self.width] * (self.depth - 1)]
        hidden = _convolutions(channels, self.norm)
        return (*hidden, *pair("linear", "Linear", inputs.classes, channels[-1]))

    def widest(self, inputs):
        return self.width * min(self.depth, 2) * inputs.shape[-1] ** 2

    def logits(self, blocks, x, normalize):
        rest, act, convolution = iter(blocks), ACTIVATIONS[self.activation], partial(F.conv2d, padding=1)
        for i in range(self.depth):
            x = _pooled(x) if i and i % 2 == 0 and x.shape[-1] >= 4 else x
            x = act(applied(convolution, x, rest, self.norm, normalize))
        return F.linear(x.mean((2, 3)), *rest)


@dataclass(frozen=True)
class ResNet(Model):
    """The residual network of 6n+2 layers for small images: a 3x3 stem, three stages of n blocks, the mean over the
    image, a linear read-out.

    He, Zhang, Ren & Sun 2016, sec. 4.2 (arXiv 1512.03385): a block is two 3x3 convolutions, each with its norm; the
    second and third stage begin with stride 2 and twice the channels, and the shortcut there takes every other pixel
    and fills up with zeros (option A).
    """

    width: int = knob(
        8, 1, 64, "Width", "Channels of the first stage; the next two have twice and four times as many.", log=True
    )
    depth: int = knob(1, 1, 5, "Blocks a stage", "n blocks in each of the three stages make 6n+2 layers.")
    activation: str = activations()
    init: str = starts()
    norm: str = norms("batch", "batch", "group")

    def layout(self, inputs):
        needs(inputs, "a ResNet", "image")
        convolution = partial(affine, norm=self.norm)
        hidden = [convolution("stem", "Conv2d", self.width, inputs.shape[0], 3, 3)]
        for i, (before, after) in enumerate(self._blocks()):
            hidden += [
                convolution(f"block{i + 1}.conv1", "Conv2d", after, before, 3, 3),
                convolution(f"block{i + 1}.conv2", "Conv2d", after, after, 3, 3),
            ]
        return (*sum(hidden, ()), *pair("linear", "Linear", inputs.classes, 4 * self.width))

    def widest(self, inputs):
        return self.width * inputs.shape[-1] ** 2

    def logits(self, blocks, x, normalize):
        rest, act = iter(blocks), ACTIVATIONS[self.activation]

        def convolved(x: Tensor, stride: int = 1) -> Tensor:
            return applied(partial(F.conv2d, stride=stride, padding=1), x, rest, self.norm, normalize)

        x = act(convolved(x))
        for before, after in self._blocks():
            h = convolved(act(convolved(x, after // before)))
            x = act(h + (x if before == after else F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, after - before))))
        return F.linear(x.mean((2, 3)), *rest)

    def _blocks(self) -> list[tuple[int, int]]:
        """Channels before and after each block."""
        w, n = self.width, self.depth
        return list(pairwise([w, *[w] * n, *[2 * w] * n, *[4 * w] * n]))


def _convolutions(channels: list[int], norm: str) -> tuple[Block, ...]:
    """3x3 convolutions from each of these numbers of channels to the next, and the norm after each."""
    return sum(
        (
            affine(f"conv{i + 1}", "Conv2d", after, before, 3, 3, norm=norm)
            for i, (before, after) in enumerate(pairwise(channels))
        ),
        (),
    )


def _pooled(x: Tensor) -> Tensor:
    """Means of 2x2 squares [N, C, S/2, S/2] of images [N, C, S, S], by a product with a fixed matrix: on small ones
    twice as fast as avg_pool2d."""
    side = x.shape[-1]
    matrix = torch.as_tensor(_pooling(side), dtype=x.dtype, device=x.device)
    return (x.flatten(2) @ matrix).unflatten(2, (side // 2, side // 2))


@lru_cache
def _pooling(side: int) -> np.ndarray:
    """The matrix [S S, (S/2) (S/2)] of 2x2 mean pooling; an odd last row and column are left out. In numpy: a tensor
    made under vmap does not outlive it."""
    along = np.eye(side, side // 2, dtype=np.float32).repeat(2, axis=0)[:side] / 2
    return np.kron(along, along)


CONVOLUTIONAL = (CNN, CNNGAP, ResNet)
