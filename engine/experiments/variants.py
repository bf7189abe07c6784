"""The rules that a sweep over the radius compares, and how their lines are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from engine.figures.theme import OTHER, rule_colour
from engine.rules import ASAM, SAM, AllButNormalization, NormalizationOnly, RandomSubset, Rule


class Variant(NamedTuple):
    """A rule that a sweep compares: what it is at a radius, and how its line is drawn."""

    rule: Callable[[float], Rule]
    colour: str
    dash: str = "solid"
    marker: str = "circle"


MASKED = OTHER.colour
"""Of SAM on few parameters, which no rule has."""
VARIANTS = {
    "SAM": Variant(SAM, rule_colour("SAM")),
    "SAM-ON": Variant(lambda rho: SAM(rho, NormalizationOnly()), MASKED),
    "random subset": Variant(lambda rho: SAM(rho, RandomSubset()), MASKED, "dash", "cross"),
}
MORE = {
    "all but these layers": Variant(lambda rho: SAM(rho, AllButNormalization()), rule_colour("SAM"), "dot"),
    "ASAM": Variant(ASAM, rule_colour("ASAM")),
    "ASAM-ON": Variant(lambda rho: ASAM(rho, mask=NormalizationOnly()), rule_colour("ASAM"), "dash"),
}
"""Compared at full size only."""
SHARP = ("SGD", "AdamW", "SAM", "SAM-ON")
"""Whose sharpness is measured."""
