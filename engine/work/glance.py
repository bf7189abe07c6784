"""Glances: a run's training loss in a few numbers, for a picture in a list, read without the run's path."""

from __future__ import annotations

import numpy as np

from engine.training.runs import MOST_FRAMES
from engine.work.store import PARTIAL, Store

POINTS = 40
LOSS = "measures/train_loss"
"""The array of a run's record."""


def losses(store: Store, run: str) -> list[float]:
    """log10 of the training loss of a run at POINTS of its measurements at most; none where its record cannot be read,
    or where no loss is positive and finite."""
    whole, partial = store.file(run), store.file(run, PARTIAL)
    try:
        with np.load(whole if whole.exists() else partial, allow_pickle=False) as file:
            values = np.asarray(file[LOSS], float)
    except Exception:  # a torn or foreign file makes zipfile, zlib and numpy raise all sorts of things
        return []
    values = values.reshape(-1)[: MOST_FRAMES + 1]
    values = values[np.isfinite(values) & (values > 0)]
    kept = np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).round().astype(int))
    return np.log10(values[kept]).round(3).tolist()
