"""Endings: the signals by which a terminal, or whoever started a process, asks it to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, being told to, a closed terminal; the first and the last come to all processes of a terminal at once."""


@contextmanager
def heard(hear: Callable[..., Any] = signal.default_int_handler) -> Iterator[None]:
    """Within, `hear(number, frame)` is called when this process is asked to end; it raises KeyboardInterrupt by
    default. For the main thread alone."""
    before = {ending: signal.signal(ending, hear) for ending in ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
