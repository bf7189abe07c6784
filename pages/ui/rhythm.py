"""Rhythm: how often a page looks at what is at work, so that the server answers in time however many pages look."""

from __future__ import annotations

import random
import time

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui import cached

TICK = 1.0
"""Seconds between two looks, when few pages look."""
QUICK = 0.5
"""The same, at what takes seconds altogether, whose first picture somebody waits for."""
SLOWEST = 8.0
CROWD = 30
"""Looks a second that leave the server time for all else: one takes some 15 ms of a core."""
MISSED = 3
"""Looks that a page may miss, on a busy server, before it counts as one that no longer looks."""
CALM = 0.25
"""Of the pages that would change their rhythm, the share that do at a look: the others follow a little later, for to
change it is to run the whole page."""


def every(now: float = TICK, least: float = TICK) -> float:
    """Seconds between two looks of this page, `least` of them or more, which has looked every `now` seconds until now:
    twice as many as the crowd grows, and half as many only when it has become a quarter, so that one who comes and goes
    changes nothing."""
    now = max(now, least)
    looking = _looking(now)
    while now < SLOWEST and looking > CROWD * now:
        now *= 2
    while now > least and looking < CROWD * now / 4:
        now /= 2
    return now


def changes(now: float, least: float = TICK) -> bool:
    """Whether this page is to take up another rhythm than one look every `now` seconds."""
    return every(now, least) != now and random.random() < CALM


def _looking(now: float) -> int:
    """Open pages that look, this one among them, which does so every `now` seconds."""
    looks, at = cached.looks(), time.monotonic()
    looks[_session()] = at + MISSED * now
    for session, until in list(looks.items()):
        if until < at or not _open(session):
            looks.pop(session, None)
    return len(looks)


def _session() -> str:
    """This page's."""
    return str(getattr(get_script_run_ctx(), "session_id", ""))


def _open(session: str) -> bool:
    """Whether a page has not been closed: who comes when a crowd has gone does not wait for it."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)
