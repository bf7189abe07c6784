"""What a model is: the layout of its tensors in theta, how they start, and the layers that normalize activations.

A weight is [outputs, inputs, ...] and comes before its bias [outputs], as in PyTorch's modules; a normalization
layer's scale and shift are its weight and bias. A layer that BatchNorm follows has no bias of its own: the norm would
take it away again. BatchNorm divides by the biased variance, always, and there are no running averages: a `Normalize`
says over which examples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data import Inputs
from engine.spec import SpecError, choice

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "softplus": F.softplus,
}
INITS = (
    "Normal with variance 2/fan_in (He et al. 2015) or 2/(fan_in+fan_out) (Glorot & Bengio 2010); embeddings with "
    "1/width; biases start at 0."
)

MODULES = {"batch": "BatchNorm", "group": "GroupNorm", "layer": "LayerNorm"}
"""The choices of a `norm` field, and the kind of module that each is."""
NORMS = tuple(MODULES.values())
"""The kinds of module that normalize activations."""
Normalize = Callable[[Tensor, Tensor, Tensor], Tensor]
"""BatchNorm as a function of activations [N, C, ...], weight [C] and bias [C]."""
EPS = 1e-5
"""Added to every variance by which a normalization layer divides, as PyTorch's layers do."""
KINDS = {
    "image": ("images", "MLP"),
    "points": ("points", "MLP"),
    "graph": ("graphs", "MLP"),
    "tokens": ("tokens", "Transformer"),
}
"""What a dataset of each kind has, and the plainest model for it."""


class Block(NamedTuple):
    """One tensor of a model inside the flat vector theta: its name, its shape, its role ("weight", "bias" or
    "point"), and the kind of module it belongs to."""

    name: str
    shape: tuple[int, ...]
    role: str
    module: str = ""

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


class Model(ABC):
    """A network: the layout of its parameters, and its logits as a pure function of them."""

    init: str

    @abstractmethod
    def layout(self, inputs: Inputs) -> tuple[Block, ...]:
        """The parameters for such inputs, in the order of theta; SpecError "model: ..." where the model cannot take
        them."""

    @abstractmethod
    def widest(self, inputs: Inputs) -> int:
        """Numbers per example in the largest tensor that `logits` makes: bounds how many examples go through at
        once."""

    @abstractmethod
    def logits(self, blocks: Sequence[Tensor], x: Tensor, normalize: Normalize) -> Tensor:
        """Outputs [N, classes], or [N, T, classes] for tokens, of inputs x [N, *shape]; BatchNorm layers go through
        `normalize`, in order."""


def by_batch(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """BatchNorm of x [N, C, ...] by the mean and the biased variance of the batch itself (Ioffe & Szegedy 2015,
    alg. 1), differentiated through; weight and bias are [C]."""
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=EPS)


class Collect:
    """`by_batch`, keeping each layer's mean [C] and variance [C]."""

    def __init__(self):
        self.moments: list[tuple[Tensor, Tensor]] = []

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        across = [0, *range(2, x.ndim)]
        mean = x.mean(across, keepdim=True)
        variance = (x - mean).square().mean(across)  # over these axes on a CPU, three times as fast as `var`
        self.moments.append((mean.flatten(), variance))
        return F.batch_norm(x, *self.moments[-1], weight, bias, training=False, eps=EPS)


class Given:
    """BatchNorm by moments that were collected elsewhere, layer by layer; serves one pass."""

    def __init__(self, moments: Sequence[tuple[Tensor, Tensor]]):
        self.moments = iter(moments)

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        mean, variance = next(self.moments)
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=EPS)


def activations(default: str = "relu"):
    """The field of a model's activation."""
    return choice(default, tuple(ACTIVATIONS), "Activation")


def starts(default: str = "he"):
    """The field `init`: how wide a model's weights start."""
    return choice(default, ("he", "xavier"), "Initial weights", INITS)


def norms(default: str, *options: str):
    """The field `norm`: which layer normalizes, before each activation."""
    return choice(
        default,
        ("none", *options),
        "Normalization",
        "Before each activation. BatchNorm: every example's output depends on the examples beside it.",
    )


def needs(inputs: Inputs, model: str, *kinds: str) -> None:
    """SpecError "model: ..." for inputs of other kinds, in the name of, for example, "a CNN"."""
    if inputs.kind not in kinds:
        *most, last = (KINDS[kind][0] for kind in kinds)
        wanted = f"{', '.join(most)} or {last}" if most else last
        has, instead = KINDS[inputs.kind]
        raise SpecError(f"model: {model} needs {wanted}, and this dataset has {has}; choose {instead}")


def pair(name: str, module: str, *shape: int) -> tuple[Block, Block]:
    """A weight of this shape, and the bias [shape[0]] beside it."""
    return Block(f"{name}.weight", shape, "weight", module), Block(f"{name}.bias", shape[:1], "bias", module)


def affine(name: str, module: str, *shape: int, norm: str = "none") -> tuple[Block, ...]:
    """A weight, its bias unless BatchNorm would undo it (Ioffe & Szegedy 2015, sec. 3.2), and the norm that follows,
    if one does."""
    own = pair(name, module, *shape)[: 1 if norm == "batch" else 2]
    return own if norm == "none" else (*own, *pair(f"{name}.norm", MODULES[norm], shape[0]))


def applied(
    layer: Callable[..., Tensor], x: Tensor, blocks: Iterator[Tensor], norm: str = "none", normalize: Any = None
) -> Tensor:
    """`layer(x, weight, bias)` of x [N, ...] with the next tensors of those that `affine` laid out, and then the norm;
    BatchNorm is what `normalize` does."""
    x = layer(x, next(blocks), None if norm == "batch" else next(blocks))
    return (
        x
        if norm == "none"
        else {"batch": normalize, "group": group_norm, "layer": layer_norm}[norm](x, next(blocks), next(blocks))
    )


def group_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each example's [C, ...] normalized in groups of channels (Wu & He 2018): 4 groups, or the most that divide C
    and have 2 channels or more."""
    channels = len(weight)
    return F.group_norm(
        x, max((g for g in (1, 2, 3, 4) if channels % g == 0 and g < channels), default=1), weight, bias, EPS
    )


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The last axis of x [..., C] normalized by itself (Ba, Kiros & Hinton 2016)."""
    return F.layer_norm(x, weight.shape, weight, bias, EPS)


def unflatten(theta: Tensor, layout: Sequence[Block]) -> list[Tensor]:
    """The model's tensors as views of the flat vector theta [n]; differentiable."""
    return [part.view(b.shape) for part, b in zip(theta.split([b.size for b in layout]), layout, strict=True)]


def initial(model: Model, layout: Sequence[Block], generator: torch.Generator) -> Tensor:
    """A random start theta [n] on the CPU in float32: weights by `deviation`, norms that scale by 1, zero biases."""
    return torch.cat([_start(b, model.init, generator) for b in layout])


def _start(b: Block, init: str, generator: torch.Generator) -> Tensor:
    if b.role == "bias":
        return torch.zeros(b.size)
    return torch.ones(b.size) if b.module in NORMS else deviation(b, init) * torch.randn(b.size, generator=generator)


def deviation(b: Block, init: str) -> float:
    """The standard deviation of a weight's start: by its fans; an embedding's [rows, W] is 1/sqrt(W), which makes
    each row's norm about 1."""
    if b.module == "Embedding":
        return b.shape[1] ** -0.5
    fan_in, fan_out = b.size // b.shape[0], b.size // b.shape[1]
    return math.sqrt(2 / fan_in if init == "he" else 2 / (fan_in + fan_out))
