"""A problem's loss and accuracy over many examples, and its loss as summands to differentiate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import torch
from torch import Tensor

from engine.data import Examples
from engine.machine import block
from engine.problems.abstract import Loss, Problem


def parts(problem: Problem, examples: Examples, chunk: int | None = None) -> list[Loss]:
    """The mean loss over all examples as summands, each a scalar function of theta; every example weighs the same in
    an uneven last chunk.

    Where examples mix they are one batch, whatever its size: the loss then depends on theta through their common
    statistics too.
    """
    n = len(examples)
    if examples.x is None or examples.y is None:
        return [lambda theta: problem.loss(theta, None, None)]

    def part(x, y, weight):
        return lambda theta: weight * problem.loss(theta, x, y)

    return [part(x, y, len(y) / n) for x, y in pieces(problem, examples, n if problem.mixes else chunk)]


@torch.no_grad()
def evaluate(problem: Problem, theta: Tensor, examples: Examples, chunk: int | None = None) -> Tensor:
    """[2]: the mean loss and the accuracy at theta over all examples; BatchNorm goes by the whole training set,
    whichever set is scored."""
    n, moments = len(examples), None
    if examples.x is None or examples.y is None:
        return problem.score(theta, None, None)
    if problem.mixes:
        train = problem.load("train", str(examples.x.device), examples.x.dtype)
        if examples.x is train.x:
            chunk = n  # the batch is the training set: its own statistics are the ones
        else:
            moments = problem.moments(theta, train.x)
    return reduce(
        torch.add, (problem.score(theta, x, y, moments) * (len(y) / n) for x, y in pieces(problem, examples, chunk))
    )


def pieces(problem: Problem, examples: Examples, chunk: int | None) -> Iterator[tuple[Tensor, Tensor]]:
    """The examples, `chunk` at a time; None takes as many as keep every activation below the device's `block`."""
    chunk = chunk or chunk_of(problem, examples)
    return zip(examples.x.split(chunk), examples.y.split(chunk), strict=True)


def chunk_of(problem: Problem, examples: Examples) -> int:
    """How many examples keep every activation below the device's `block`; 0 where there are none."""
    if not len(examples):
        return 0
    return max(1, block(examples.x.device) // (problem.widest() * examples.x.element_size()))
