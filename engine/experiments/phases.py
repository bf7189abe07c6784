"""The runs of late SAM: a network on the digits under one rule, or under two in turn; and how sharp they end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.data import Digits
from engine.models import MLP
from engine.problems import Classification
from engine.records import Result
from engine.rules import Rule
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Constant, Schedule
from engine.training.updates import Momentum

BATCH, DECAY, DIGITS, CONSTANT = 16, 5e-4, Digits(1297, standardize="centred"), Constant()
EPOCH = DIGITS.train // BATCH
"""Steps in an epoch of the digits."""


def runs(
    full: bool,
    rule: Rule,
    then: tuple[Switch, ...],
    epochs: int,
    lr: float,
    data: Digits = DIGITS,
    schedule: Schedule = CONSTANT,
) -> tuple[RunSpec, ...]:
    """A network on the digits, one run for each seed, measured at the start, at every switch and at the end."""
    steps = epochs * (data.train // BATCH)
    spec = RunSpec(
        Classification(data, MLP(128)),
        rule,
        Momentum(0.9, DECAY),
        lr=lr,
        schedule=schedule,
        batch=BATCH,
        steps=steps,
        every=steps,
        then=then,
    )
    return tuple(replace(spec, seed=seed) for seed in seeds(full))


def seeds(full: bool) -> range:
    """Of the runs of each ensemble, by size."""
    return range(5 if full else 3)


def end_ratio(result: Result, ensemble: str, other: str, *, per_loss: bool = False) -> np.ndarray:
    """[R]: how sharp the runs of one ensemble end, as a share of another's; or how sharp for their training loss."""
    sharp, reference = (
        result.last(name, "sharpness") / (result.last(name, "train_loss") if per_loss else 1.0)
        for name in (ensemble, other)
    )
    return sharp / reference


MATCHED = (
    "Near a cross-entropy of zero the sharpness goes with the loss L, and λ₁/L takes that out, to first order only."
)


def matched(plain: np.ndarray, corrected: np.ndarray) -> str:
    """What to make of two ratios [R], of the sharpness and of the sharpness over the loss."""
    known = np.isfinite(plain).all() and np.isfinite(corrected).all()
    return (
        f"{MATCHED} The ratio is {np.median(plain):.2g} by λ₁ alone and {np.median(corrected):.2g} at matched loss."
        if known
        else MATCHED
    )
