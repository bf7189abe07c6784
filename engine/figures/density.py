"""The density of a Hessian's eigenvalues, smoothed by a Gaussian: from quadrature nodes, or from the eigenvalues
themselves."""

from __future__ import annotations

import numpy as np

from engine.records import Spectrum


def density(spectrum: Spectrum, grid: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error over the probes, each [m], of the spectral density on `grid` [m], smoothed with
    standard deviation `width`.

    From the nodes and weights of stochastic Lanczos quadrature; the error is NaN for a single probe.
    """
    bumps = _gauss(grid[:, None, None] - spectrum.nodes[None], width)
    each = (bumps * spectrum.weights).sum(axis=2)
    probes = each.shape[1]
    return each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(probes) if probes > 1 else np.full(len(grid), np.nan)


def exact_density(eigenvalues: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """The density [m] of all eigenvalues [n] on `grid` [m], smoothed alike."""
    return _gauss(grid[:, None] - eigenvalues[None], width).mean(axis=1)


def _gauss(x: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-0.5 * (x / width) ** 2) / (width * np.sqrt(2 * np.pi))
