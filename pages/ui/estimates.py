"""Estimates on a page: numbers with their intervals in words and what they are at a click."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from engine.figures import escape, formulas, words
from engine.sweeps.bootstrap import Estimate
from engine.sweeps.measures import MEASURES

NARROW = 0.2
"""The share of a value below which the ends of its interval are told with as many digits as the value."""


def explained(names: Sequence[str]) -> None:
    """Definition, formula and source of numbers, at a click."""
    with st.popover("What these numbers are", help="Definition, formula and source of each"):
        for measure in map(MEASURES.__getitem__, names):
            st.markdown(f"**{escape.markdown(measure.title)}.** {escape.markdown(measure.definition)}")
            st.markdown(formulas.mixed(measure.formula))
            st.caption(escape.cited(measure.source))


def said(estimate: Estimate) -> str:
    """A number with its interval."""
    if math.isnan(estimate.value):
        return words.NONE
    if "lower bound" in estimate.note:
        return f"at least {words.number(estimate.low, 3)}"
    digits = 3 if estimate.high - estimate.low < NARROW * abs(estimate.value) else 2
    low, high = words.number(estimate.low, digits), words.number(estimate.high, digits)
    return words.number(estimate.value, 3) + f" ({low} to {high})" * math.isfinite(estimate.low)
