"""Reasons: why something could not be computed, in one line for a person."""

from __future__ import annotations

import re

from engine.machine import starved
from engine.records import RecordError
from engine.spec import SpecError


def in_a_line(error: Exception) -> str:
    """An error as one line."""
    if starved(error):
        asked = re.search(r"allocate (\d+) bytes", str(error))
        return "Not enough memory" + (f": it asked for {int(asked[1]) / 1e9:.2g} GB at once" if asked else "")
    text = str(error).splitlines()[0] if str(error) else ""
    known = isinstance(error, SpecError | RecordError | FloatingPointError)
    return (text if known else f"{type(error).__name__}: {text}")[:300]
