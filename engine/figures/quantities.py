"""Quantities: what a figure of a sweep or a design can show of each run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.figures.words import Spec, number
from engine.records import Design, Sweep
from engine.sweeps.boundary import ranks

Swept = Sweep | Design
"""Records of many runs, whose last axis is the seeds'."""
LOST = (2.0, 3.0)
"""States of runs that have no value: diverged, failed."""
SPIKE = 2.0
"""How many times its lowest so far a loss must be to count as a spike."""


@dataclass(frozen=True)
class Quantity:
    """What a map can show of each run."""

    name: str
    label: str
    values: Callable[[Swept], np.ndarray]
    # [R, Y, X, S], or [R, N, S] of a design; infinite where a run never gets there
    lower: bool = True  # whether less is better
    log: bool = True
    judged: bool = True  # whether one run is better than another by it alone
    when: str = " at the end of training"
    grey: str = "the loss left the finite numbers"  # what a cell without a value says
    share: bool = False  # whether it is 0 or 1 of every run, lost ones too, and a cell's value the mean over seeds
    sides: bool = False  # whether it goes from -1 to 1 and has an edge at 0, beyond which are runs that diverged


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


def _lost(sweep: Swept) -> np.ndarray:
    state = sweep.outcomes["state"]
    return np.where(state > 0, np.isin(state, LOST).astype(float), np.nan)


def _spikes(sweep: Swept) -> np.ndarray:
    """The share of looks at which the training loss is SPIKE times its lowest before."""
    curve = sweep.curves["train_loss"].astype(float)
    known = np.isfinite(curve[..., 1:])
    lowest = np.fmin.accumulate(curve, axis=-1)[..., :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (known & (curve[..., 1:] > SPIKE * lowest)).sum(-1) / known.sum(-1)
    return np.where(sweep.outcomes["state"] > 0, share, np.nan)


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("test loss", "held-out loss", _last("test_loss")),
        Quantity("training loss", "training loss", _last("train_loss")),
        Quantity("test accuracy", "held-out accuracy", _last("test_accuracy"), lower=False, log=False),
        Quantity("training accuracy", "training accuracy", _last("train_accuracy"), lower=False, log=False),
        Quantity(
            "best test accuracy", "best held-out accuracy", _best("test_accuracy", np.max), False, log=False, when=""
        ),
        Quantity("best test loss", "best held-out loss", _best("test_loss", np.min), when=""),
        Quantity(
            "gap",
            "held-out less training loss",
            lambda sweep: sweep.outcomes["test_loss"].astype(float) - sweep.outcomes["train_loss"],
            log=False,
            judged=False,
        ),
        Quantity("sharpness", "largest Hessian eigenvalue λ₁", _last("sharpness"), judged=False),
        Quantity("trace", "trace of the Hessian", _last("trace"), judged=False),
        Quantity("ascent", "rise of the loss 0.05 up the gradient", _last("ascent"), judged=False),
        Quantity(
            "spikes",
            f"share of looks with a training loss {SPIKE:g} times its lowest before",
            _spikes,
            log=False,
            judged=False,
            when="",
        ),
        Quantity("lost", "share of seeds lost", _lost, log=False, judged=False, when="", share=True),
        Quantity("seconds", "seconds of training", _last("seconds"), judged=False, when=""),
        Quantity("rank", "signed rank", ranks, log=False, judged=False, sides=True),
    )
}
COUNTS = ("steps to target", "gradients to target")
"""What is counted until the training loss has come down to a target, by name."""


def until(name: str, target: float, spec: Spec) -> Quantity:
    """One of COUNTS: until the training loss was first seen at or below `target`; infinite where it never was. `spec`
    is the sweep's, as `describe` gives it."""
    counted = name.partition(" ")[0]

    def values(sweep: Swept) -> np.ndarray:
        assert isinstance(sweep, Sweep)
        loss = sweep.curves["train_loss"].astype(float)
        reached = loss <= target
        first = reached.argmax(axis=-1)[..., None]
        spent = np.take_along_axis(_spent(sweep, spec, counted), first, axis=-1)[..., 0]
        found = np.where(reached.any(axis=-1), spent, np.inf)
        return np.where(sweep.outcomes["state"] > 0, found, np.nan)

    label = f"{counted} until the training loss is {number(target)}"
    return Quantity(f"{name} {target:.6g}", label, values, when="", grey="never, or lost before")


def aim(sweep: Sweep) -> float:
    """A target that some runs reach and others do not: half-way, by factors, from the start's loss to the lowest."""
    loss = sweep.curves["train_loss"]
    ends = loss[np.isfinite(loss) & (loss > 0)]
    start = loss[..., 0][np.isfinite(loss[..., 0])]
    if not len(ends) or not len(start):
        return 1.0
    return float(f"{np.sqrt(np.median(start) * ends.min()):.2g}")


def _spent(sweep: Sweep, spec: Spec, counted: str) -> np.ndarray:
    """[R, Y, X, S, T]: steps or gradients at the looks."""
    if counted == "gradients":
        return sweep.curves["gradients"].astype(float)
    steps = np.full(sweep.outcomes["state"].shape, float(spec["run"]["steps"]))
    for side, values, shape in (("y", sweep.rows, (-1, 1, 1)), ("x", sweep.columns, (-1, 1))):
        if spec[side]["knob"] == "steps":
            steps = np.broadcast_to(values.reshape(shape), steps.shape)
    return steps[..., None] * sweep.looks
