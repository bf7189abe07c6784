"""Views: the choice of what maps of a sweep show: which quantity, along which value a line is drawn, against whom."""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from engine.figures import sweeps, words
from engine.figures.quantities import COUNTS, QUANTITIES, Quantity, aim, until
from engine.figures.words import Spec
from engine.records import Sweep
from engine.rules import RULES
from engine.spec import SpecError
from engine.spec.fields import Number
from pages.ui import link, sweep

NAME, TARGET, LEVEL, OTHER = (f"{sweep.AT}:{key}" for key in ("quantity", "target", "level", "versus"))
"""Where a session keeps the quantity's name, the target that is counted to, the contour's value, and the rule that all
are held against."""


ANY = Number("Value", "A value of the quantity.", -1e300, 1e300)
"""The field of a contour's value, and of a target's."""
NUMBERS = {"level": LEVEL, "target": TARGET}
"""The numbers among the choice, by their names in an address."""


class View(NamedTuple):
    """What maps show."""

    quantity: Quantity
    levels: tuple[float, ...]  # along which lines are drawn
    other: int | None  # the rule that all are held against, where one is


def controls(record: Sweep, spec: Spec) -> View:
    """The choice, of what there is in the record; `spec` is the sweep's, as `describe` gives it."""
    settle(record, spec)
    with st.container(horizontal=True, vertical_alignment="bottom", key="views", gap="small"):
        _quantity(record)
        if st.session_state[NAME] in COUNTS:
            _number(TARGET, "Target", "The training loss that a run has to come down to.")
        held = st.session_state.get(OTHER) is not None
        told = (
            "Does not apply: what is shown is a ratio."
            if held
            else "A value of this quantity along which a line is drawn."
        )
        _number(LEVEL, "Contour at", told, held)
        _other(spec)
    return chosen(record, spec)


def settle(record: Sweep, spec: Spec) -> None:
    """Leaves of what a session has chosen only what there is in the record."""
    names, titles = _names(record), sweeps.titles(spec)
    if st.session_state.get(NAME) not in names:
        st.session_state[NAME] = names[0]
    if st.session_state.get(OTHER) not in (titles if len(titles) > 1 else []):
        st.session_state[OTHER] = None
    if st.session_state[NAME] in COUNTS and TARGET not in st.session_state:
        st.session_state[TARGET] = aim(record)


def chosen(record: Sweep, spec: Spec) -> View:
    """What a session has chosen, once it is settled."""
    name = str(st.session_state[NAME])
    target, level, other = (st.session_state.get(key) for key in (TARGET, LEVEL, OTHER))
    quantity = until(name, aim(record) if target is None else target, spec) if name in COUNTS else QUANTITIES[name]
    levels = () if level is None else (float(level),)
    return View(quantity, levels, None if other is None else sweeps.titles(spec).index(other))


def take(quantity: str) -> None:
    """Sets the choice to a quantity, against no rule."""
    st.session_state[NAME], st.session_state[OTHER] = quantity, None


def offered() -> dict[str, list[str]]:
    """What an address may say: of each of these the words that it may have."""
    return {"quantity": [*QUANTITIES, *COUNTS], "versus": list(map(words.title, RULES))}


def adopt() -> list[str]:
    """Takes over the numbers from an address; a line on each that is wrong."""
    said = st.query_params if link.outside() else {}
    faults = []
    for name, key in NUMBERS.items():
        if text := said.get(name, ""):
            try:
                st.session_state[key] = ANY.check(ANY.parse(text), name)
            except SpecError as error:
                faults.append(str(error))
    return faults


def address() -> dict[str, str]:
    """What of the choice belongs into the address; a target where steps are counted to it alone."""
    said = {name: st.session_state.get(key) for name, key in (("quantity", NAME), ("versus", OTHER))}
    numbers = {name: st.session_state.get(key) for name, key in NUMBERS.items()}
    if said["quantity"] not in COUNTS:
        numbers["target"] = None
    found = {name: str(word) for name, word in said.items() if word is not None}
    return found | {name: ANY.text(number) for name, number in numbers.items() if number is not None}


def _names(record: Sweep) -> list[str]:
    return sweeps.offered(record) + sweeps.counted(record)


def _quantity(record: Sweep) -> None:
    st.selectbox("Quantity", _names(record), format_func=_called, key=NAME, persist_state="session", width=280)


def _called(name: str) -> str:
    return words.capital(QUANTITIES[name].label if name in QUANTITIES else f"{name} loss")


def _number(key: str, label: str, told: str, disabled: bool = False) -> None:
    look: dict[str, Any] = {"format": "%.6g", "placeholder": "none", "width": 130, "help": told, "disabled": disabled}
    st.number_input(label, value=None, key=key, persist_state="session", **look)


def _other(spec: Spec) -> None:
    """The rule that all others are held against, if one is chosen."""
    titles = sweeps.titles(spec)
    if len(titles) < 2:
        return
    st.selectbox(
        "Against",
        titles,
        index=None,
        key=OTHER,
        persist_state="session",
        placeholder="no other rule",
        width=180,
        help="Shows the loss of every rule as a multiple of this one's, and where that is more than luck.",
    )
