"""Theory: what is predicted of a run from its settings alone, each formula with its source. Nothing here looks at a run or at a rule's code.

eta is the learning rate, rho the radius, lam the largest Hessian eigenvalue, G the norm of the full-batch gradient; no momentum, full batches.
"""

from __future__ import annotations

import math

import numpy as np


def gd_edge(eta: float) -> float:
    """2/eta: gradient descent on a quadratic is bounded if and only if lam is below it."""
    return 2 / eta


def usam_edge(eta: float, rho: float) -> float:
    """The lam that solves lam + rho lam² = 2/eta: USAM's step multiplies the sharpest coordinate by 1 - eta (lam + rho lam²) (Dai, Ahn & Sra 2023, thm. 1)."""
    return (math.sqrt(1 + 8 * rho / eta) - 1) / (2 * rho) if rho else gd_edge(eta)


def sam_edge(eta: float, rho: float, gradient_norm: float) -> float:
    """The lam that solves lam + rho lam²/G = 2/eta (Long & Bartlett 2024, eq. 2, arXiv 2309.12488): USAM's edge at the radius rho/G."""
    return usam_edge(eta, rho / gradient_norm) if gradient_norm else 0.0


def sam_cycle(eta: float, rho: float, lam: float) -> float:
    """The distance from the minimum of SAM's 2-cycle along the sharpest direction, eta rho lam/(2 - eta lam): where x becomes -x in a step (Bartlett,
    Long & Bousquet 2023, arXiv 2210.01513)."""
    return eta * rho * lam / (2 - eta * lam)


def product_stop_gd(eta: float) -> float:
    """The |y| at which gradient descent on l(xy) comes to rest at the latest: at the minimum (0, y) the curvature is y², stable below 2/eta."""
    return math.sqrt(gd_edge(eta))


def product_stop_usam(eta: float, rho: float) -> float:
    """The same of USAM, for which the curvature y² is stable below `usam_edge` (Dai, Ahn & Sra 2023, thm. 3)."""
    return math.sqrt(usam_edge(eta, rho))


def product_drift_sam(y: float, eta: float, rho: float, steps: int) -> np.ndarray:
    """[steps + 1]: |y| of SAM on l(xy) from (0, y) on its 2-cycle: y' = y (1 - eta rho²/(1 - eta y²/2)²).

    On the cycle x = ± a with a = `sam_cycle` of lam = y²; the ascent goes rho further out along x, to c = a + rho up to O(y⁻¹), where the gradient's second
    component is y c². With c = rho/(1 - eta y²/2) a step multiplies y by 1 - eta c² (Dai, Ahn & Sra 2023, sec. 3.2).
    """
    ys = [y]
    for _ in range(steps):
        ys.append(ys[-1] * (1 - eta * rho**2 / (1 - eta * ys[-1] ** 2 / 2) ** 2))
    return np.array(ys)
