"""The controls of a sweep: which rules, which knobs over which values, how many seeds, and what all runs share."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import streamlit as st

from engine.figures import escape
from engine.rules import RULES
from engine.spec import SpecError, complete, decode
from engine.spec import knobs as spec_fields
from engine.sweeps import knobs
from engine.sweeps.spec import AXES, SWEEPS, Axis, Listed, SweepSpec
from pages.ui import controls, shared
from pages.ui.cells import cell

AT = "sweep"


def fill(spec: SweepSpec) -> None:
    """Sets the controls to a sweep."""
    shared.fill(AT, spec)


def settings() -> SweepSpec | None:
    """The controls; None, with the reason on the page, where they describe no sweep."""
    chosen = shared.rules(AT, [cell(SweepSpec, AT, side).read()["knob"] for side in "xy"])
    run, right = shared.run(SweepSpec, AT)
    if run is None:
        return None
    names = knobs.offered(run, [decode(RULES, rule) for rule in chosen])
    _axis("x", "Across", names)
    _axis("y", "Up", {"": "nothing"} | names)
    controls.row([cell(SweepSpec, AT, "seeds")], 2)
    values = controls.read(SweepSpec, AT, ["run", "x", "y", "seeds"])
    return _checked(values | {"rules": chosen}) if right else None


def _axis(side: str, label: str, names: dict[str, str]) -> None:
    """Which knob is turned, and over which values: a range, or a list."""
    place = cell(SweepSpec, AT, side)
    kind = place.picked()
    prefix = f"{place.key}.{kind.__name__}"
    key = f"{prefix}.knob"
    if st.session_state.get(key) not in names:
        st.session_state[key] = next(iter(names))
    st.selectbox(label, list(names), format_func=partial(shared.called, names=names), key=key, persist_state="session")
    if not st.session_state[key]:
        return
    fields = [name for name in spec_fields(kind) if name != "knob"]
    controls.grid(kind, prefix, fields)
    other = {"Axis": "List the values", "Listed": "Take a range"}[kind.__name__]
    st.button(other, key=f"{prefix}:other", on_click=_turn, args=(side, kind), type="tertiary")


def _turn(side: str, kind: type) -> None:
    """Makes a list of a range, or a range of a list, of the same knob."""
    place = cell(SweepSpec, AT, side)
    try:
        axis = decode(AXES, place.read())
    except SpecError:
        axis = kind()
    new = Listed(axis.knob, axis.values, axis.log) if isinstance(axis, Axis) else axis.within(0.0, math.inf)
    place.fill(complete(new))


def _checked(values: dict[str, Any]) -> SweepSpec | None:
    try:
        return decode(SWEEPS, {"name": "SweepSpec", **values})
    except SpecError as error:
        st.error(escape.markdown(error))
        return None
