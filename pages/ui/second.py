"""The second run: the one that a run is compared against, and the same of it as is shown of the first."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from engine.figures import escape
from engine.spec import SpecError, decode
from engine.work.kinds import KINDS, Work
from pages.ui import against, cached, person, price
from pages.ui.paired import Shown, Subject


def run_of(about: Subject) -> Subject | None:
    """The run that this one is compared against, if it has a path to compute from."""
    run = against.chosen(about.run)
    record, spec = (cached.run(run), cached.spec(run)) if run else (None, None)
    return Subject(run, record, spec) if record and spec and len(record.path) else None


def begin(kind: str, about: Subject, other: Subject, name: str) -> bool:
    """Begins what is shown of a run for the one that it is compared against, if that takes little; whether it is not
    known yet what it takes."""
    mine, address = cached.record(f"{about.run}/{name}"), f"{other.run}/{name}"
    if mine is None or cached.record(address) is not None or cached.jobs().snapshot(address):
        return False
    with suppress(SpecError):  # of another version
        work = Work(decode(KINDS[kind].specs, mine.spec), other.run)
        if price.little(work):
            person.start(work, st.session_state.get("device"), asked=False)
        return cached.cost(work) is None
    return False


def lacking(kind: str, mine: Shown, other: Subject) -> None:
    """That the run that is compared against lacks what is shown of this one, and a button that computes it."""
    try:
        work = Work(decode(KINDS[kind].specs, mine.record.spec), other.run)
    except SpecError:  # of another version
        return
    name = against.told(other.spec, mine.about.spec)
    said = f"Not against {name} yet: nothing was computed of it at these settings."
    with st.container(horizontal=True, vertical_alignment="center", key="against.lacking", gap="small"):
        st.button("Compute it", key="against.compute", on_click=_compute, args=(work, st.session_state.get("device")))
        st.markdown(escape.markdown(said))


def _compute(work: Work, device: str | None) -> None:
    person.start(work, device)
