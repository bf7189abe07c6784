"""Models whose layers attend: of images cut in patches, and of text, character by character."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.model import ACTIVATIONS, Block, Model, activations, applied, layer_norm, needs, pair, starts
from engine.spec import SpecError, knob


@dataclass(frozen=True)
class ViT(Model):
    """A vision transformer: square patches as tokens, learned positions, blocks with LayerNorm first, the mean over
    the tokens, a linear read-out.

    Dosovitskiy et al. 2021, eqs. 1-4 (arXiv 2010.11929), with the mean in the place of the class token (their
    appendix D.3).
    """

    patch: int = knob(2, 1, 32, "Patch", "Pixels along a patch's side, which divide the image's.")
    width: int = knob(32, 1, 256, "Width", "Numbers that describe a token.", log=True)
    depth: int = knob(2, 1, 8, "Depth", "Blocks of attention and MLP.")
    heads: int = knob(4, 1, 16, "Heads", "Parts of the width that attend on their own.")
    activation: str = activations("gelu")
    init: str = starts("xavier")

    def __post_init__(self):
        _divides(self.heads, self.width)

    def layout(self, inputs):
        needs(inputs, "a ViT", "image")
        channels, side = inputs.shape[0], inputs.shape[-1]
        if side % self.patch:
            raise SpecError(f"model.patch: expected a divisor of {side}, the image's side, got {self.patch}")
        positions = Block("positions", ((side // self.patch) ** 2, self.width), "weight", "Embedding")
        patches = pair("patches", "Linear", self.width, channels * self.patch**2)
        return (
            *patches,
            positions,
            *_encoder(self.width, self.depth),
            *pair("linear", "Linear", inputs.classes, self.width),
        )

    def widest(self, inputs):
        return _largest((inputs.shape[-1] // self.patch) ** 2, self.width, self.heads)

    def logits(self, blocks, x, normalize):
        rest, p = iter(blocks), self.patch
        patches = x.unflatten(3, (-1, p)).unflatten(2, (-1, p)).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        h = applied(F.linear, patches, rest) + next(rest)
        h = _encoded(h, rest, self.depth, self.heads, self.activation, causal=False)
        return F.linear(h.mean(1), *rest)


@dataclass(frozen=True)
class Transformer(Model):
    """A language model: at each place it tells the next token from those up to there, by causal attention with
    LayerNorm first and learned positions.

    Vaswani et al. 2017, sec. 3 (arXiv 1706.03762), as Radford et al. 2019 (GPT-2) arrange it; read-out and embedding
    are not tied. Tokens come as floats [N, T] that hold whole numbers below the number of classes.
    """

    width: int = knob(32, 1, 256, "Width", "Numbers that describe a token.", log=True)
    depth: int = knob(2, 1, 8, "Depth", "Blocks of attention and MLP.")
    heads: int = knob(4, 1, 16, "Heads", "Parts of the width that attend on their own.")
    activation: str = activations("gelu")
    init: str = starts("xavier")

    def __post_init__(self):
        _divides(self.heads, self.width)

    def layout(self, inputs):
        needs(inputs, "a Transformer", "tokens")
        tokens = Block("tokens", (inputs.classes, self.width), "weight", "Embedding")
        positions = Block("positions", (inputs.shape[0], self.width), "weight", "Embedding")
        return (
            tokens,
            positions,
            *_encoder(self.width, self.depth),
            *pair("linear", "Linear", inputs.classes, self.width),
        )

    def widest(self, inputs):
        return max(_largest(inputs.shape[0], self.width, self.heads), inputs.shape[0] * inputs.classes)

    def logits(self, blocks, x, normalize):
        rest = iter(blocks)
        h = F.embedding(x.long(), next(rest)) + next(rest)
        h = _encoded(h, rest, self.depth, self.heads, self.activation, causal=True)
        return F.linear(h, *rest)


def _divides(heads: int, width: int) -> None:
    if width % heads:
        raise SpecError(f"heads: expected a divisor of {width}, the width, got {heads}")


def _largest(tokens: int, width: int, heads: int) -> int:
    """Numbers in the hidden layer of an MLP, or in the attention of all heads."""
    return tokens * max(4 * width, heads * tokens)


def _encoder(width: int, depth: int) -> tuple[Block, ...]:
    """The parameters of `depth` blocks and of the norm after them."""
    return (*sum((_block(f"block{i + 1}", width) for i in range(depth)), ()), *pair("norm", "LayerNorm", width))


def _block(name: str, width: int) -> tuple[Block, ...]:
    return (
        *pair(f"{name}.norm1", "LayerNorm", width),
        *pair(f"{name}.attention.in", "Linear", 3 * width, width),
        *pair(f"{name}.attention.out", "Linear", width, width),
        *pair(f"{name}.norm2", "LayerNorm", width),
        *pair(f"{name}.mlp1", "Linear", 4 * width, width),
        *pair(f"{name}.mlp2", "Linear", width, 4 * width),
    )


def _encoded(h: Tensor, rest: Iterator[Tensor], depth: int, heads: int, activation: str, causal: bool) -> Tensor:
    """h [N, T, W] after blocks that each add what they attend to, and then what an MLP makes of every token."""
    for _ in range(depth):
        h = h + _attended(applied(layer_norm, h, rest), rest, heads, causal)
        hidden = ACTIVATIONS[activation](applied(F.linear, applied(layer_norm, h, rest), rest))
        h = h + applied(F.linear, hidden, rest)
    return applied(layer_norm, h, rest)


def _attended(h: Tensor, rest: Iterator[Tensor], heads: int, causal: bool) -> Tensor:
    """Scaled dot-product attention of h [N, T, W] to itself (Vaswani et al. 2017, eq. 1): plain products, so that it
    can be differentiated twice."""
    q, k, v = applied(F.linear, h, rest).unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind()
    scores = (q / math.sqrt(q.shape[-1])) @ k.mT
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=h.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return applied(F.linear, (scores.softmax(-1) @ v).transpose(1, 2).flatten(2), rest)


ATTENTION = (ViT, Transformer)
