"""What work will cost, beside the button that starts it, and whether it may."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from engine.figures import escape, words
from engine.spec import SpecError
from engine.work import budget
from engine.work.budget import Limits
from engine.work.kinds import Work
from pages.ui import cached

NOTED = 5e8
"""Bytes of memory from which they are told."""
LITTLE = 5.0
"""Seconds, as they are estimated, up to which work starts by itself where there is nothing else to look at."""


def tell(work: Work, device: str, parameters: int = 0) -> None:
    """What work will cost, in a line, as far as it is known: what was measured is the CPU's speed."""
    found = cached.cost(work) if device == "cpu" else None
    size = f"{parameters:,} parameters" if parameters else ""
    parts = [size]
    if found:
        held = f"{budget.size(found.memory)} of memory" if found.memory > NOTED else ""
        parts = [f"About {words.duration(found.seconds)}", size, budget.size(found.record), held]
    if line := " · ".join(filter(None, parts)):
        st.caption(escape.markdown(line))


def tell_all(works: Sequence[Work], device: str) -> None:
    """What several works will cost together, as far as that is known."""
    found = [cost for work in works if (cost := cached.cost(work))] if device == "cpu" else []
    if len(found) == len(works):
        seconds, record = sum(cost.seconds for cost in found), sum(cost.record for cost in found)
        line = f"About {words.duration(seconds)} for {len(works)} runs · {budget.size(record)}"
        st.caption(escape.markdown(line))


def little(work: Work) -> bool:
    """Whether work is known to take at most LITTLE."""
    found = cached.cost(work)
    return found is not None and found.seconds <= LITTLE


def within(work: Work, device: str) -> bool:
    """Whether work is within its budget, as far as that is known: whoever does it checks again. Where it is not, the
    page says by the name of the field."""
    if cached.cost(work) is None:
        return True
    try:
        work.check([spec for run in work.runs if (spec := cached.spec(run))], Limits(), device)
        return True
    except SpecError as error:
        st.error(escape.markdown(error))
        return False
