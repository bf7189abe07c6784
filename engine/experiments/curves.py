"""Curves of an experiment's ensembles: the median over the seeds within their range."""

from __future__ import annotations

import math

import numpy as np

from engine.figures.drawing import Line
from engine.figures.theme import Look, rule_look
from engine.records import Result


def ends(result: Result, ensemble: str, quantity: str, **axes: int) -> np.ndarray:
    """A quantity where the runs have ended, with their one axis as several, named and in the order of the specs:
    `ends(result, "SAM", "test_loss", radius=4, seed=3)` is [4, 3]. NaN while it is not known."""
    return np.broadcast_to(result.last(ensemble, quantity).ravel(), math.prod(axes.values())).reshape(*axes.values())


def first(result: Result, ensemble: str, quantity: str) -> np.ndarray:
    """[R]: the first value that a run has of a quantity; NaN where it has none."""
    values = result.over(ensemble, quantity)
    known = np.isfinite(values)
    return (
        np.where(known.any(0), values[known.argmax(0), np.arange(values.shape[1])], np.nan)
        if len(values)
        else np.full(1, np.nan)
    )


def look(name: str) -> Look:
    """How the ensemble of a rule is drawn: GD, plain descent on all examples, as SGD."""
    return rule_look("SGD" if name == "GD" else name)


def middle(label: str, x: np.ndarray, values: np.ndarray, colour: str, dash: str = "solid", marker: str = "") -> Line:
    """The median over the runs of values [m, R] at x [m], within their range."""
    return Line(
        label,
        x,
        np.median(values, axis=1),
        colour,
        dash,
        marker,
        (values.min(axis=1, initial=np.inf), values.max(axis=1, initial=-np.inf)),
    )


def curve(
    result: Result,
    ensemble: str,
    quantity: str,
    colour: str,
    label: str = "",
    *,
    along: str = "step",
    unit: float = 1.0,
    scale: float = 1.0,
) -> Line:
    """A quantity of an ensemble, times `scale`, over another one, divided by `unit`; the band is what lies between
    the lowest and the highest seed."""
    y = scale * result.over(ensemble, quantity)
    x = np.atleast_2d(result.over(ensemble, along).T)[0] / unit
    return middle(label or ensemble, x, y, colour)


def dots(
    result: Result,
    ensemble: str,
    x: str,
    y: str,
    colour: str,
    label: str = "",
    *,
    scale: float = 1.0,
    marker: str = "circle",
) -> Line:
    """Where the runs of an ensemble have ended, each a point."""
    return Line(label or ensemble, result.last(ensemble, x), scale * result.last(ensemble, y), colour, "none", marker)
