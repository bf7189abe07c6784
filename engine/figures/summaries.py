"""Summaries drawn: rules by how good they are when they are tuned, by how much that matters, and after few trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_look
from engine.sweeps.bootstrap import Estimate


class Spot(NamedTuple):
    """A rule: its title, its class's name, and two numbers, the second with its interval."""

    title: str
    rule: str
    sensitivity: float
    best: float
    low: float
    high: float


def plane(spots: Sequence[Spot], loss: str, source: str) -> Chart:
    """How good when tuned, against how sensitive: whoever stands at the lower left is both."""
    lines = tuple(
        Line(
            spot.title,
            np.array([spot.sensitivity]),
            np.array([spot.best]),
            rule_look(spot.rule).colour,
            dash="none",
            marker=rule_look(spot.rule).marker,
            band=(np.array([spot.low]), np.array([spot.high])) if np.isfinite(spot.low) else None,
        )
        for spot in spots
    )
    caption = (
        f"Each rule's {loss} at its best setting, over its learning-rate sensitivity (Wortsman et al. 2023): the loss "
        "averaged over three decades of rates around its best, less its best. Lower left is better in both. Bars are "
        "intervals of 95% over the seeds, of the vertical value alone."
    )
    return Chart(
        "plane",
        "Good when tuned, and easy to tune?",
        "learning-rate sensitivity",
        f"best {loss}",
        lines,
        caption,
        source=source,
    )


class Curve(NamedTuple):
    """A rule's number over something, with its intervals: its title, its class's name, and m estimates."""

    title: str
    rule: str
    estimates: Sequence[Estimate]


def trials(curves: Sequence[Curve], loss: str, source: str) -> Chart:
    """The loss to expect of the best of 1 ... m cells tried at random."""
    caption = (
        f"The lowest {loss} to expect after k cells of the map were tried at random, none twice, with one seed (Tang "
        "et al. 2020; Dodge et al. 2019). Bands are intervals of 95% over the seeds. A rule whose line is low on the "
        "left needs little tuning; where it ends is what the map has to give."
    )
    ks = np.arange(1, len(curves[0].estimates) + 1)
    return Chart(
        "trials",
        "How many trials does it take?",
        "trials k",
        f"best {loss} of k",
        tuple(_line(curve, ks) for curve in curves),
        caption,
        log_x=True,
        log_y=all(one.value > 0 for curve in curves for one in curve.estimates),
        source=source,
    )


def profile(curves: Sequence[Curve], thresholds: np.ndarray, loss: str, problems: Sequence[str], source: str) -> Chart:
    """The share of all problems' runs that have come down to a share of their start's loss."""
    caption = (
        f"The share of runs whose {loss} is at most that share of the start's, in the cell that the other seeds have "
        f"chosen, over {_listed(problems)} (Agarwal et al. 2021; Dolan & More 2002). Bands are intervals of 95%, seeds "
        "drawn anew in each problem. Further up and to the left is better."
    )
    return Chart(
        "profile",
        "How often is it how good?",
        f"{loss}, as a share of the start's",
        "share of runs",
        tuple(_line(curve, thresholds) for curve in curves),
        caption,
        log_x=True,
        y_range=(0.0, 1.0),
        source=source,
    )


def _line(curve: Curve, x: np.ndarray) -> Line:
    values, low, high = np.array([(one.value, one.low, one.high) for one in curve.estimates], float).T
    band = np.where(np.isfinite(low), low, values), np.where(np.isfinite(high), high, values)
    return Line(curve.title, x, values, rule_look(curve.rule).colour, band=band)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
