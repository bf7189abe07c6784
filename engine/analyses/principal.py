"""Principal directions: where points lie furthest from an origin, of long paths too."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from engine.curvature import extremes
from engine.seeds import generator

AT_ONCE = 3e8
"""Points times numbers times the fewer of the two, up to which a decomposition is done in one piece: .2 s."""


def principal(offsets: Tensor) -> Generator[None, None, Tensor]:
    """The first two right singular vectors [2, n] of offsets [T, n] in double precision, or as many as there are;
    yields between pieces of long work.

    Long paths of large models are not decomposed whole: the two largest eigenpairs of [[0, X], [X', 0]] are the
    largest singular values with their vectors (Golub & Van Loan 2013, sec. 8.6.1), as exact as a decomposition, which
    the squares in X'X would not be.
    """
    yield
    count, n = offsets.shape
    if count * n * min(count, n) <= AT_ONCE:
        return torch.linalg.svd(offsets, full_matrices=False)[2][:2]

    def product(both: Tensor) -> Tensor:
        left, right = both[:count], both[count:]
        return torch.cat([offsets @ right, left @ offsets])

    random = generator(0, "principal")
    starts = torch.randn(1, count + n, generator=random, dtype=torch.float64).to(offsets)
    for krylov in extremes(product, starts, random, top=2, tol=1e-12, limit=1000):
        yield
    right = krylov.ritz([0, 1]).vectors[:, count:]
    first, second = right / right.norm(dim=1, keepdim=True).clamp(min=1e-300)
    second = second - (second @ first) * first
    return torch.stack([first, second / second.norm().clamp(min=1e-300)])
