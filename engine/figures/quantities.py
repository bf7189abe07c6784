"""Quantities: what a figure of a sweep or a design can show of each run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engine.records import Design, Sweep

Swept = Sweep | Design
"""Records of many runs, whose last axis is the seeds'."""


class Quantity(NamedTuple):
    """What a map can show of each run."""

    label: str
    values: Callable[[Swept], np.ndarray]  # [R, Y, X, S], or [R, N, S] of a design
    lower: bool = True  # whether less is better
    log: bool = True
    judged: bool = True  # whether one run is better than another by it alone


def _last(name: str) -> Callable[[Swept], np.ndarray]:
    return lambda sweep: sweep.outcomes[name].astype(float)


def _best(name: str, choose: Callable[..., np.ndarray]) -> Callable[[Swept], np.ndarray]:
    """The best value on the way, of the looks that are there."""

    def values(sweep: Swept) -> np.ndarray:
        curve = sweep.curves[name].astype(float)
        worst = np.inf if choose is np.min else -np.inf
        found = choose(np.where(np.isfinite(curve), curve, worst), axis=-1)
        return np.where(np.isfinite(found), found, np.nan)

    return values


QUANTITIES = {
    "test loss": Quantity("held-out loss", _last("test_loss")),
    "training loss": Quantity("training loss", _last("train_loss")),
    "test accuracy": Quantity("held-out accuracy", _last("test_accuracy"), lower=False, log=False),
    "training accuracy": Quantity("training accuracy", _last("train_accuracy"), lower=False, log=False),
    "best test accuracy": Quantity("best held-out accuracy", _best("test_accuracy", np.max), lower=False, log=False),
    "best test loss": Quantity("best held-out loss", _best("test_loss", np.min)),
    "gap": Quantity(
        "held-out less training loss",
        lambda sweep: sweep.outcomes["test_loss"].astype(float) - sweep.outcomes["train_loss"],
        log=False,
        judged=False,
    ),
    "sharpness": Quantity("largest Hessian eigenvalue λ₁", _last("sharpness"), judged=False),
    "trace": Quantity("trace of the Hessian", _last("trace"), judged=False),
    "ascent": Quantity("rise of the loss 0.05 up the gradient", _last("ascent"), judged=False),
    "seconds": Quantity("seconds of training", _last("seconds"), judged=False),
}
