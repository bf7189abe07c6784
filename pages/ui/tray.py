"""The tray: the figures that a session has put aside for one figure of several panels, as they were then. The server
remembers them for a while, under a name that is in the page's address: a page that is loaded again has them still."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st

from engine.figures.drawing import Drawing
from engine.figures.parallel import Parallel
from pages.ui import cached
from pages.ui.weighed import weigh

KEPT, NAME = "tray", "tray:name"
"""Where a session keeps them, and their name."""
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
        _keep([*kept, Panel(name, drawing)])
        st.toast(f"Panel {len(kept) + 1:,} of the page Figure")


def remove(nth: int) -> None:
    """Takes a figure out."""
    _keep([panel for i, panel in enumerate(panels()) if i != nth])


def forward(nth: int) -> None:
    """Lets a figure change places with the one before it."""
    kept = panels()
    if 0 < nth < len(kept):
        kept[nth - 1], kept[nth] = kept[nth], kept[nth - 1]
    _keep(kept)


def name() -> str:
    """What the address calls the panels; "" where there are none."""
    return st.session_state.get(NAME, "") if panels() else ""


def adopt(name: str) -> bool:
    """Takes over the panels of a name; whether the server still has them."""
    try:
        kept = cached.trays().get(name, _gone)
    except LookupError:
        return False
    st.session_state[KEPT], st.session_state[NAME] = list(kept), name
    return True


def _gone() -> Sequence[Panel]:
    raise LookupError


def _keep(kept: Sequence[Panel]) -> None:
    """Under a new name, so that who has the old one keeps what it was given for."""
    name = secrets.token_hex(8)
    st.session_state[KEPT], st.session_state[NAME] = list(kept), name
    cached.trays().get(name, lambda: tuple(kept))
