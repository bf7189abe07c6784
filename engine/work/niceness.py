"""Niceness: how far the system is to prefer others to a process that somebody waits for less."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SESSION = Path("/proc/self/autogroup")
"""Where Linux takes the niceness of a session."""


def give_way(nice: int) -> None:
    """Makes this process, and its session if it is alone at its head, that much nicer.

    Linux shares a processor out among sessions first, and then among the processes of each (sched(7), "The autogroup
    feature"): the niceness of a process alone counts for nothing beside those of other sessions, and every worker has
    one of its own.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # another system, or a kernel without it
            SESSION.write_text(str(nice))
