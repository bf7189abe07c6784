"""Rhythm: how often a page looks at what is at work, so that the server answers in time however many pages look."""

from __future__ import annotations

import random
import secrets
import time

import streamlit as st

from pages.ui import cached

TICK = 1.0
"""Seconds between two looks, when few pages look."""
QUICK = 0.5
"""The same, at what takes seconds altogether, whose first picture somebody waits for."""
SLOWEST = 8.0
CROWD = 30
"""Looks a second that leave the server time for all else: one takes some 15 ms of a core."""
PRESENT = 12.0
"""Seconds after its last look for which a page counts."""
CALM = 0.25
"""Of the pages that would change their rhythm, the share that do at a look: the others follow a little later, for to
change it is to run the whole page."""


def every(now: float = TICK, least: float = TICK) -> float:
    """Seconds between two looks of this page, `least` of them or more, which has looked every `now` seconds until now:
    twice as many as the crowd grows, and half as many only when it has become a quarter, so that one who comes and goes
    changes nothing."""
    looking, now = _looking(), max(now, least)
    while now < SLOWEST and looking > CROWD * now:
        now *= 2
    while now > least and looking < CROWD * now / 4:
        now /= 2
    return now


def changes(now: float, least: float = TICK) -> bool:
    """Whether this page is to take up another rhythm than one look every `now` seconds."""
    return every(now, least) != now and random.random() < CALM


def _looking() -> int:
    """Pages that look, this one among them."""
    page, at = st.session_state.setdefault("page", secrets.token_hex(8)), time.monotonic()
    looks = cached.looks()
    looks[page] = at
    for other, last in list(looks.items()):
        if at - last > PRESENT:
            looks.pop(other, None)
    return len(looks)
