"""Zooming into a map: the box that somebody has dragged, the same sweep within it, and the way back."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from engine.spec import SpecError
from engine.sweeps.spec import SweepSpec
from engine.work.kinds import Work
from pages.ui import person, sweep

SHOWN, BOX, BEFORE = f"{sweep.AT}:shown", f"{sweep.AT}:box", f"{sweep.AT}:before"
"""Where a session keeps the sweep that is shown, the box that was dragged, and the sweeps that boxes have led away
from."""
TAKEN = f"{BOX}:taken"
"""Where it keeps a box that the controls are to be set to."""


def open_map(spec: SweepSpec) -> None:
    """Sets the page of maps to a sweep, which it opens with."""
    st.session_state[TAKEN] = st.session_state[SHOWN] = spec
    st.session_state[BEFORE] = []
    st.session_state.pop(BOX, None)


def zoomed(spec: SweepSpec, box: tuple[tuple[float, float], tuple[float, float]]) -> SweepSpec | None:
    """The same sweep within a box; None where that has no extent."""
    try:
        x, y = (axis.within(*ends) if axis.knob else axis for axis, ends in zip((spec.x, spec.y), box, strict=True))
        return replace(spec, x=x, y=y)
    except SpecError:
        return None


def boxes(spec: SweepSpec) -> None:
    """What can be done with a box that was dragged, and the way back."""
    box, before = st.session_state.get(BOX), st.session_state.get(BEFORE, [])
    if not (box and box != spec) and not before:
        return
    with st.container(horizontal=True, key="boxes", gap="small"):
        if box and box != spec:
            st.button("Train this box anew", on_click=enter, args=(spec, box), key="enter", icon=":material/zoom_in:")
        if before:
            st.button("Back to the wider map", on_click=leave, key="leave", icon=":material/zoom_out:")


def enter(spec: SweepSpec, box: SweepSpec) -> None:
    """Trains what lies in a box, at the same resolution."""
    st.session_state.setdefault(BEFORE, []).append(spec)
    st.session_state.pop(BOX, None)
    st.session_state[TAKEN] = box
    if person.start(Work(box), st.session_state.get("device")):
        st.session_state[SHOWN] = box


def leave() -> None:
    """Goes back to where the last box was dragged."""
    wider = st.session_state[BEFORE].pop()
    st.session_state[TAKEN] = st.session_state[SHOWN] = wider
    st.session_state.pop(BOX, None)
