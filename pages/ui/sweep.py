"""The controls of a sweep: which rules, which knobs over which values, how many seeds, and what all runs share."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from engine.figures import escape, words
from engine.rules import RULES
from engine.spec import SpecError, complete, decode
from engine.spec import knobs as spec_fields
from engine.sweeps import knobs
from engine.sweeps.spec import AXES, SWEEPS, Axis, Listed, SweepSpec
from engine.training.runs import RUNS, RunSpec
from pages.ui import controls
from pages.ui.cells import cell

AT = "sweep"
RULES_KEY, GIVEN = f"{AT}:rules", f"{AT}:given"
"""Where a session keeps which rules are compared, by their words, and the rules of a link with other settings."""
MOST = 6
SHARED = ("problem", "update", "schedule", "batch", "steps", "seed", "every", "curvature", "radius", "clip", "warmup")
"""Fields of the run that are common to all, in the order of their controls."""


def fill(spec: SweepSpec) -> None:
    """Sets the controls to a sweep."""
    controls.fill(AT, spec)
    rules = [complete(rule) for rule in spec.compared]
    st.session_state[GIVEN] = {words.part(rule): rule for rule in rules}
    st.session_state[RULES_KEY] = [words.part(rule) for rule in rules]


def settings() -> SweepSpec | None:
    """The controls; None, with the reason on the page, where they describe no sweep."""
    known = {words.part(complete(cls())): complete(cls()) for cls in RULES.values()} | st.session_state.get(GIVEN, {})
    st.multiselect(
        "Rules",
        list(known),
        format_func=lambda name: words.part(_without_turned(known[name])),
        key=RULES_KEY,
        max_selections=MOST,
        persist_state="session",
    )
    chosen = [known[name] for name in st.session_state[RULES_KEY]]
    values = controls.read(SweepSpec, AT, ["run", "x", "y", "seeds"])
    run = _run(values["run"])
    if run is None:
        return None
    names = knobs.offered(run, [decode(RULES, rule) for rule in chosen])
    _axis("x", "Across", names)
    _axis("y", "Up", {"": "nothing"} | names)
    controls.row([cell(SweepSpec, AT, "seeds")], 2)
    values = controls.read(SweepSpec, AT, ["run", "x", "y", "seeds"])
    return _checked(values | {"rules": chosen})


def _without_turned(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule without the settings that the map turns: their values are the map's."""
    turned = {cell(SweepSpec, AT, side).read()["knob"] for side in "xy"}
    return {
        key: _without_turned(value) if isinstance(value, dict) else value
        for key, value in rule.items()
        if f"rule.{key}" not in turned
    }


def _run(values: dict[str, Any]) -> RunSpec | None:
    """The controls of what all runs share, in a popover that says the main of it; the run that they describe."""
    place = cell(SweepSpec, AT, "run")
    prefix = f"{place.key}.RunSpec"
    try:
        run: RunSpec | None = decode(RUNS, values)
        told = _words(values)
    except SpecError as error:
        run, told = None, "The runs"
        st.error(escape.markdown(f"run.{error}"))
    with st.popover(escape.markdown(told), width="stretch", wrap=True, key=f"{AT}:run"):
        controls.grid(RunSpec, prefix, SHARED)
    return run


def _words(run: dict[str, Any]) -> str:
    problem = run["problem"]
    names = [words.title(part["name"]) for part in (problem.get("data"), problem.get("model")) if part]
    return f"{', '.join(names) or words.title(problem['name'])}: {run['steps']:,} steps"


def _axis(side: str, label: str, names: dict[str, str]) -> None:
    """Which knob is turned, and over which values: a range, or a list."""
    place = cell(SweepSpec, AT, side)
    kind = place.picked()
    prefix = f"{place.key}.{kind.__name__}"
    key = f"{prefix}.knob"
    if st.session_state.get(key) not in names:
        st.session_state[key] = next(iter(names))
    st.selectbox(label, list(names), format_func=lambda name: _called(name, names), key=key, persist_state="session")
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


def _called(name: str, names: dict[str, str]) -> str:
    room = {"problem.data": "data", "problem.model": "model", "update": "update", "rule": "rule"}
    where = next((word for start, word in room.items() if name.startswith(f"{start}.")), "")
    return f"{names[name]} ({where})" if where else names[name]


def _checked(values: dict[str, Any]) -> SweepSpec | None:
    try:
        return decode(SWEEPS, {"name": "SweepSpec", **values})
    except SpecError as error:
        st.error(escape.markdown(error))
        return None
