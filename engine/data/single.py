"""Single precision, in which problems with data are trained: whether examples survive it."""

from __future__ import annotations

import numpy as np

from engine.data.dataset import standardized, varying


def misfit(x: np.ndarray, train: np.ndarray, test: np.ndarray, standardize: str) -> str:
    """What of the examples x [N, *shape] is lost once they are standardized (by those at `train`) and cast to float32:
    one line that names the example and its number, counted from 1; "" where nothing is.

    Lost are a number that becomes infinite, and all of a feature that varies in training and no longer does.
    """
    with np.errstate(over="ignore", under="ignore"):
        parts = [part.astype(np.float32) for part in standardized(x[train], x[test], standardize)]
    for places, part in zip((train, test), parts, strict=True):
        bad = np.argwhere(~np.isfinite(part))
        if len(bad):
            example, *number = bad[0].tolist()
            return _line(x, (int(places[example]), *number), "becomes too large for single precision")
    gone = np.argwhere(varying(x[train]) & (np.ptp(parts[0], axis=0) == 0))
    if len(gone):
        return _line(
            x, (int(train[0]), *gone[0].tolist()), "becomes the same as in all other examples in single precision"
        )
    return ""


def _line(x: np.ndarray, cell: tuple[int, ...], what: str) -> str:
    example, *number = (place + 1 for place in cell)
    which = number[0] if len(number) == 1 else number
    return f"example {example}, number {which}: {x[cell]:g} {what}; standardize in another way or leave it out"
