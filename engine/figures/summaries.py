"""Summaries drawn: rules by how good they are when they are tuned, and by how much that matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_look


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
