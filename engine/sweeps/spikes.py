"""How often a loss jumps while it is trained."""

from __future__ import annotations

import numpy as np

from engine.sweeps.bootstrap import Estimate, student

DEVIATIONS, WINDOW, LEAST = 7.0, 1000, 50


def spike_score(series: np.ndarray, window: int = WINDOW, deviations: float = DEVIATIONS) -> Estimate:
    """The share of a run's measurements at least `deviations` standard deviations from the mean of the last `window`
    before it; `series` [S, T], the mean over seeds with its interval.

    The measurement itself is not in its window (within one of n no value is more than (n - 1) / sqrt(n) deviations from
    the mean: 7 could not be reached before n = 51). Judged is what has at least 50 finite measurements before it; what
    is not finite is no spike but a divergence, and left out.
    """
    window = min(window, series.shape[1])
    judged, spikes = np.array([_counts(run, window, deviations) for run in series]).T
    some = judged > 0
    note = f"the window is of {LEAST} to {window} measurements" if window < WINDOW else ""
    if not some.any():
        return Estimate(np.nan, note=f"no run has more than {LEAST} measurements")
    shares = spikes[some] / judged[some]
    return student(shares.mean(), (shares.sum() - shares) / max(1, len(shares) - 1), (0, 1), note)


def _counts(run: np.ndarray, window: int, deviations: float) -> tuple[int, int]:
    """How many measurements are judged, and how many of them are spikes."""
    run = run[np.isfinite(run)]
    judged = spikes = 0
    for at in range(LEAST, len(run)):
        past = run[max(0, at - window) : at]
        apart, deviation = abs(run[at] - past.mean()), past.std()
        judged += 1
        spikes += apart >= deviations * deviation and apart > 1e-12 * abs(past.mean())
    return judged, spikes
