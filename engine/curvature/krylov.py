"""A Krylov space of any symmetric matrix: its extreme eigenvalues with residuals, its density and its trace.

One block Krylov space serves them all. It keeps both the basis V and the products HV, so the projected matrix is V'HV
itself and every residual is computed, not estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.curvature.hessian import Product


class Eigenpairs(NamedTuple):
    """values [k], vectors [k, n] of unit norm, and residuals [k]: norm(H v - value v)."""

    values: np.ndarray
    vectors: Tensor
    residuals: np.ndarray


class Krylov:
    """A block Krylov basis of a symmetric operator, grown one product at a time.

    Each new vector is the product with the oldest one not yet grown from, made orthogonal to all before it (twice):
    from one start vector this is Lanczos' method with full reorthogonalization (Golub & Van Loan 2013, sec. 10.3).
    Where a product brings nothing new, a random vector takes its place, so that repeated eigenvalues are found as
    often as they occur.
    """

    def __init__(self, product: Product, starts: Tensor, random: torch.Generator):
        """`starts` [b, n] in the product's type and on its device, with which it grows first; linearly dependent ones
        are replaced by random ones."""
        self.product, self.random = product, random
        self.n = starts.shape[1]
        self.count = 0
        self._starts = list(starts)
        self._ungrown: list[int] = []
        # whether a product brought nothing new: an eigenvalue may then occur more often than was seen
        self.exhausted = False
        self._basis = starts.new_empty((16, self.n))
        self._images = starts.new_empty((16, self.n))
        self._projected = np.zeros((16, 16))

    @property
    def full(self) -> bool:
        """Whether the basis spans the whole space: its values are then all eigenvalues."""
        return self.count == self.n

    @property
    def basis(self) -> Tensor:
        """V [count, n], orthonormal rows."""
        return self._basis[: self.count]

    @property
    def images(self) -> Tensor:
        """HV [count, n]."""
        return self._images[: self.count]

    @property
    def projected(self) -> np.ndarray:
        """V H V' [count, count]."""
        return self._projected[: self.count, : self.count]

    def grow(self, newest: bool = False) -> None:
        """One more product; from the newest vector, it goes deeper where the last `probe` began."""
        if self._starts:
            self._append(self._orthonormal(self._starts.pop(0)))
            return
        j = self._ungrown.pop(-1 if newest else 0)
        known = torch.as_tensor(self.projected[j], dtype=self.basis.dtype, device=self.basis.device)
        self._append(self._orthonormal(self.images[j], known))

    def probe(self) -> None:
        """One more product, with a random vector: a look for what the start vectors did not contain."""
        self._append(self._orthonormal(self._noise()))

    def ritz(self, picks: Sequence[int]) -> Eigenpairs:
        """Approximate eigenpairs, those at the positions `picks` in descending order of value."""
        values, coefficients = np.linalg.eigh(self.projected)
        values, coefficients = values[::-1][picks], coefficients[:, ::-1][:, picks]
        turn = torch.as_tensor(coefficients.T.copy(), dtype=self.basis.dtype, device=self.basis.device)
        vectors = turn @ self.basis
        residuals = (
            turn @ self.images - torch.as_tensor(values, dtype=turn.dtype, device=turn.device)[:, None] * vectors
        )
        return Eigenpairs(values, vectors, residuals.norm(dim=1).double().cpu().numpy())

    def quadrature(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights [count] of the Gauss rule for the spectral measure of the first start vector."""
        values, coefficients = np.linalg.eigh(self.projected)
        return values, coefficients[0] ** 2

    def _append(self, v: Tensor | None) -> None:
        while v is None:
            self.exhausted = True
            v = self._orthonormal(self._noise())
        if self.count == len(self._basis):
            self._basis, self._images = (torch.cat([m, torch.empty_like(m)]) for m in (self._basis, self._images))
            self._projected = np.pad(self._projected, (0, self.count))
        self._basis[self.count] = v
        self._images[self.count] = self.product(v)
        self._ungrown.append(self.count)
        self.count += 1
        column = (self.basis @ self.images[-1]).double().cpu().numpy()
        if not np.isfinite(column).all():
            raise FloatingPointError("the Hessian is not finite at this point")
        self.projected[-1] = self.projected[:, -1] = column

    def _orthonormal(self, v: Tensor, known: Tensor | None = None) -> Tensor | None:
        """v less its part in the basis (whose coefficients may be known), normalized; None where little more than
        rounding is left."""
        size = v.norm()
        v = v - (self.basis @ v if known is None else known) @ self.basis
        v = v - (self.basis @ v) @ self.basis
        left = v.norm()
        return v / left if left > 20 * torch.finfo(v.dtype).eps * size else None

    def _noise(self) -> Tensor:
        return torch.randn(self.n, generator=self.random, dtype=torch.float64).to(self._basis)


LOOK = 16
"""Products spent on looking for eigenvalues that the start vectors may have missed."""


def extremes(
    product: Product,
    starts: Tensor,
    random: torch.Generator,
    top: int,
    bottom: int = 0,
    tol: float = 1e-5,
    limit: int = 400,
    look: int = LOOK,
) -> Iterator[Krylov]:
    """Grows a Krylov space from `starts` [b, n] until the `top` largest and `bottom` smallest (algebraic) eigenpairs
    have residuals below `tol` times the largest value in size, and `look` products from a fresh random vector find no
    other; yields it after every product. FloatingPointError where a product is not finite.

    Read the pairs with `ritz(ends(top, bottom, krylov.count))`. At `limit` products it stops as it is: the residuals
    say how far it got.
    """
    krylov = Krylov(product, starts, random)
    settled, pause, looking = None, 0, False
    while not krylov.full and krylov.count < limit:
        yield krylov
        if pause == 0 and krylov.count >= 2 * (top + bottom):
            looking, wanted = False, ends(top, bottom, krylov.count)
            close = tol * max(np.abs(np.diag(krylov.projected)).max(), 1e-30)
            # the innermost pairs converge last, so most checks end with them
            last = krylov.ritz(wanted[top - 1 : top + 1])
            pairs = krylov.ritz(wanted) if last.residuals.max() <= close else last
            if pairs.residuals.max() <= close:
                looks = max(look, LOOK) if krylov.exhausted else look
                if looks == 0 or (settled is not None and np.allclose(pairs.values, settled, rtol=0, atol=close)):
                    return
                settled, pause, looking = pairs.values, looks, True
                krylov.probe()
                continue
            pause = 2  # a check costs as much as a third of a small model's product
        pause = max(0, pause - 1)
        krylov.grow(newest=looking)
    yield krylov


def ends(top: int, bottom: int, count: int) -> list[int]:
    """Positions of the top and of the bottom values among `count` in descending order; the two may overlap when
    there are few."""
    return [*range(min(top, count)), *range(max(0, count - bottom), count)]
