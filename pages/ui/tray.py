"""The tray: the figures that a session has put aside for one figure of several panels, as they were then."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from engine.figures.drawing import Drawing
from engine.figures.parallel import Parallel
from pages.ui.weighed import weigh

KEPT = "tray"
"""Where a session keeps them."""
MOST, LARGEST = 12, 16_000_000
"""Panels that a tray has room for, and bytes that they may take together."""


class Panel(NamedTuple):
    """A figure in the tray."""

    name: str  # as the page calls it
    drawing: Drawing | Parallel


def panels() -> list[Panel]:
    """What is in the tray, in the order of its letters."""
    return list(st.session_state.get(KEPT, []))


def add(name: str, draw: Callable[[], Drawing | Parallel]) -> None:
    """Puts a figure into the tray, or says why there is no room for it."""
    kept, drawing = panels(), draw()
    if len(kept) >= MOST:
        st.toast(f"A figure has at most {MOST:,} panels: remove one on the page Figure.")
    elif sum(weigh(panel.drawing) for panel in kept) + weigh(drawing) > LARGEST:
        st.toast(f"The panels of a figure take at most {LARGEST // 1_000_000:,} MB: remove one on the page Figure.")
    else:
        st.session_state[KEPT] = [*kept, Panel(name, drawing)]
        st.toast(f"Panel {len(kept) + 1:,} of the page Figure")


def remove(nth: int) -> None:
    """Takes a figure out."""
    st.session_state[KEPT] = [panel for i, panel in enumerate(panels()) if i != nth]


def forward(nth: int) -> None:
    """Lets a figure change places with the one before it."""
    kept = panels()
    if 0 < nth < len(kept):
        kept[nth - 1], kept[nth] = kept[nth], kept[nth - 1]
    st.session_state[KEPT] = kept
