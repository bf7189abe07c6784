"""What every problem can say: the loss of a flat parameter vector theta, its examples, and where it starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from engine.data import Examples
from engine.models import MODULES, Block

Loss = Callable[[Tensor], Tensor]
"""A scalar function of theta."""
Moments = list[tuple[Tensor, Tensor]]
"""Mean [C] and variance [C] of every BatchNorm layer's input, in order."""


class Problem(ABC):
    """What is minimized: `loss(theta, x, y)`, a pure function of a flat vector theta [n] and a batch of examples."""

    dtype: ClassVar[torch.dtype]

    @cached_property
    def layout(self) -> tuple[Block, ...]:
        """The tensors inside theta, in order."""
        return self.blocks()

    @abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """`layout`, made anew."""

    @abstractmethod
    def start(self, seed: int) -> Tensor:
        """The first theta [n], on the CPU, in `dtype`."""

    @abstractmethod
    def examples(self) -> int:
        """How many training examples there are; 0 for a toy landscape."""

    @abstractmethod
    def load(self, split: str, device: str = "cpu", dtype: torch.dtype | None = None) -> Examples:
        """The "train" or "test" examples on a device."""

    @abstractmethod
    def loss(self, theta: Tensor, x: Tensor | None, y: Tensor | None) -> Tensor:
        """The mean loss over a batch x [N, *shape] and y [N] at theta [n]: a differentiable scalar."""

    @abstractmethod
    def losses(self, theta: Tensor, x: Tensor | None, y: Tensor | None) -> Tensor:
        """[N]: the loss of each example of a batch, whose mean `loss` is; [1] for a toy."""

    @abstractmethod
    def score(self, theta: Tensor, x: Tensor | None, y: Tensor | None, moments: Moments | None = None) -> Tensor:
        """[2]: the mean loss over a batch, and the share of it that is classified rightly (NaN where there are no
        classes).

        With `moments`, BatchNorm layers normalize by them instead of by the batch's own.
        """

    @cached_property
    def mixes(self) -> bool:
        """Whether an example's loss depends on the examples beside it, as it does under BatchNorm."""
        return any(block.module == MODULES["batch"] for block in self.layout)

    def moments(self, theta: Tensor, x: Tensor) -> Moments | None:
        """What BatchNorm layers need to know of the training inputs x [N, *shape] at theta [n]: each one's mean and
        variance; None without such layers."""
        return None

    @abstractmethod
    def widest(self) -> int:
        """Numbers per example in the largest tensor that a forward pass makes."""

    def size(self) -> int:
        """n, the number of parameters."""
        return sum(b.size for b in self.layout)
