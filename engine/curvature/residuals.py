"""What an eigenpair's residual is worth: the rounding of its products included."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor

from engine.curvature.hessian import training_hessian
from engine.curvature.krylov import Eigenpairs
from engine.problems import Problem


def confirmed(problem: Problem, theta: Tensor, pairs: Eigenpairs) -> Generator[None, None, Eigenpairs]:
    """Eigenpairs of the training loss's Hessian at theta [n], with residuals that bound how far each value is from an
    eigenvalue of the Hessian as it is in double precision; yields between its products.

    For symmetric H and v of unit norm an eigenvalue lies within norm(H v - value v) of the value (Parlett 1998, thm.
    4.5.1). In single precision H v is itself off by what was rounded, and where a ReLU is close to its kink by far
    more than that: each of the products is computed once more in double precision. What that leaves is taken to be
    √n of its units in the last place of the largest value.
    """
    residuals = pairs.residuals
    if theta.dtype != torch.float64:
        hessian, residuals = training_hessian(problem, theta.double()), np.empty(len(pairs.values))
        for i, (v, value) in enumerate(zip(pairs.vectors.double(), pairs.values, strict=True)):
            yield
            residuals[i] = float((hessian(v) - value * v).norm() / v.norm())
    rounding = np.finfo(np.float64).eps * np.sqrt(len(theta)) * np.abs(pairs.values).max(initial=0)
    return pairs._replace(residuals=residuals + rounding)
