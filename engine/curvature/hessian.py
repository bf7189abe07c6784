"""Products with the Hessian of any loss, the whole matrix where it is small, and the random vectors of a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, reduce
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from engine.machine import CORES
from engine.problems import Loss, Problem, chunk_of, parts

Product = Callable[[Tensor], Tensor]
T = TypeVar("T")
U = TypeVar("U")
KEEP = 4
"""Summands whose graphs are kept between products; a loss of more is differentiated anew for each product, to bound
the memory."""
WORTH = 4_000_000
"""Parameters times examples from which a product is worth being shared by two threads: below, to hand it over costs
what it saves."""


class Slope(NamedTuple):
    """A summand's gradient [n] with its graph, and the leaf [n] at which it is."""

    leaf: Tensor
    gradient: Tensor


class Hessian:
    """v -> H v at theta [n], for a loss given as the sum of `losses`; also its gradient.

    Differentiates v'grad (Pearlmutter 1994): with the gradient's graph kept, a product costs about as much as a
    gradient. Parameters that the loss does not use have zero rows; theta, its `.grad` and the losses are left
    untouched. On the CPU the summands are shared among threads, and added in their order, which gives the same bits
    on any number of cores.
    """

    def __init__(self, losses: Sequence[Loss], theta: Tensor):
        self.theta = theta.detach().clone()
        self.losses = losses
        self.kept = list(self._shared(self._sloped, losses)) if len(losses) <= KEEP else None
        slopes = self.kept or self._shared(self._sloped, losses)
        self.gradient = reduce(torch.add, (slope.gradient.detach() for slope in slopes))

    def __call__(self, v: Tensor) -> Tensor:
        v = v.to(self.theta.dtype)
        if self.kept is not None:
            return reduce(torch.add, self._shared(lambda slope: self._push(slope, v), self.kept))
        return reduce(torch.add, self._shared(lambda loss: self._push(self._sloped(loss), v), self.losses))

    def _shared(self, work: Callable[[T], U], summands: Sequence[T]) -> Iterator[U]:
        """The work on each summand, in order."""
        if len(summands) > 1 and self.theta.device.type == "cpu":
            return _threads().map(work, summands)
        return map(work, summands)

    def _sloped(self, loss: Loss) -> Slope:
        """A summand's gradient, of a leaf of its own: two threads that meet at one leaf may wait for each other for
        ever, one of them holding Python's lock and the other the leaf's."""
        leaf = self.theta.detach().requires_grad_()
        with torch.enable_grad():
            return Slope(leaf, _grad(loss(leaf), leaf, create_graph=True))

    def _push(self, slope: Slope, v: Tensor) -> Tensor:
        return _grad(slope.gradient, slope.leaf, v, retain_graph=self.kept is not None)


def training_hessian(problem: Problem, theta: Tensor) -> Hessian:
    """The Hessian of the whole training loss at theta [n], on its device and in its precision."""
    examples = problem.load("train", str(theta.device), theta.dtype)
    chunk = chunk_of(problem, examples)
    if len(examples) * len(theta) >= WORTH:
        chunk = min(chunk, -(-len(examples) // 2))
    return Hessian(parts(problem, examples, chunk), theta)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES)


def _grad(output: Tensor, theta: Tensor, v: Tensor | None = None, **options: bool) -> Tensor:
    """The derivative, which is 0 where the output does not depend on theta (a linear loss has a constant gradient)."""
    if not output.requires_grad:
        return torch.zeros_like(theta)
    return torch.autograd.grad(output, theta, v, materialize_grads=True, **options)[0]


def dense(product: Product, n: int, like: Tensor) -> Iterator[tuple[int, np.ndarray]]:
    """The whole symmetric matrix [n, n] by n products with unit vectors; yields it, filled up to a row, as it grows."""
    matrix = np.zeros((n, n))
    for i in range(n):
        unit = torch.zeros(n, dtype=like.dtype, device=like.device)
        unit[i] = 1
        matrix[i] = product(unit).double().cpu().numpy()
        yield i + 1, matrix


def signs(n: int, random: torch.Generator, like: Tensor) -> Tensor:
    """A Rademacher vector [n]: its quadratic form is an unbiased estimate of the trace (Hutchinson 1990)."""
    return (torch.randint(0, 2, (n,), generator=random) * 2 - 1).to(like)
