"""Sliders below exact numbers that are explored by factors: one value, which may be dragged or typed."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

import streamlit as st

from engine.figures import escape, words
from pages.ui.cells import Cell

DECADES = 6
"""How far below the largest value a slider reaches at most; what is smaller still can be typed."""
STOPS = ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")
"""A slider's stops within a decade, nearly equal factors apart."""


def stops(low: float, high: float) -> list[float]:
    """A slider's values for a field's range: ten in each decade up to the largest, and 0 where it is allowed."""
    least = max(low, high * 10.0**-DECADES)
    found = [float(f"{stop}e{power}") for power in range(-12, 12) for stop in STOPS]
    return [0.0] * (low == 0) + [value for value in found if least * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def nearest(values: Sequence[float], value: object) -> float:
    """The stop that is the least factor away from what is typed; the first for what has no logarithm."""
    if not isinstance(value, int | float) or not value > 0:
        return values[0]
    return min((stop for stop in values if stop > 0), key=lambda stop: abs(log(stop / value)))


def key(place: Cell[Any]) -> str:
    """The key of a field's slider."""
    return f"{place.key}:slider"


def below(place: Cell[Any], disabled: bool) -> None:
    """The slider of a field that holds a number, drawn below it; what is typed between two stops stays as it is."""
    name, values = key(place), stops(place.knob.low, place.knob.high)
    here = nearest(values, place.read())
    if st.session_state.get(name) != here:  # else a key pressed while the page answers the one before would be undone
        st.session_state[name] = here
    st.select_slider(
        f"{escape.markdown(place.knob.label)}, slider",
        values,
        format_func=words.number,
        key=name,
        on_change=_slid,
        args=(place, name),
        disabled=disabled,
        label_visibility="collapsed",
    )


def _slid(place: Cell[Any], name: str) -> None:
    place.fill(st.session_state[name])
