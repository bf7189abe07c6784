"""Controls: widgets made from the knobs in a spec's fields, nested where a field picks a spec; their values are kept for the session."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import streamlit as st

from engine.spec import Knob, knobs
from pages.ui.words import title

Reasons = Mapping[str, str]
"""Why a field cannot apply now, by the field's name: its control is disabled and says so."""


def fill(at: str, spec: Any) -> None:
    """Sets the widgets below `at` to a spec; to be called before they are drawn."""
    for name, k in knobs(type(spec)).items():
        value = getattr(spec, name)
        if k.kind == "pick":
            st.session_state[f"{at}.{name}"] = type(value).__name__
            fill(f"{at}.{name}.{type(value).__name__}", value)
        else:
            st.session_state[f"{at}.{name}"] = _shown(k, value)


def part(cls: type, name: str, at: str, fold: str = "", columns: int = 2, options: Sequence[str] = (), usual: Any = None) -> dict[str, Any]:
    """A choice among a pick field's classes (or `options` of them), then the chosen one's own fields; in an expander named `fold` where they nest."""
    k = knobs(cls)[name]
    chosen = choose(k, f"{at}.{name}", usual or getattr(cls(), name), options)
    inner, below = f"{at}.{name}.{chosen.__name__}", knobs(chosen)
    nested = [n for n in below if below[n].kind == "pick"]
    classes = {}
    for column, n in zip(st.columns(len(nested)) if nested else (), nested, strict=True):
        with column:
            classes[n] = choose(below[n], f"{inner}.{n}", getattr(chosen(), n))
    values: dict[str, Any] = {"name": chosen.__name__}
    with st.expander(fold) if nested else nullcontext():
        for n, one in classes.items():
            values[n] = {"name": one.__name__} | grid(one, f"{inner}.{n}.{one.__name__}", columns=columns)
        values |= grid(chosen, inner, columns=columns)
    return values


def choose(k: Knob, key: str, usual: Any, options: Sequence[str] = ()) -> type:
    """The class picked of a field's table."""
    table = k.table()
    names = [name for name in table if not options or name in options]
    if st.session_state.get(key) not in names:
        st.session_state[key] = type(usual).__name__ if type(usual).__name__ in names else names[0]
    return table[st.selectbox(k.label, names, format_func=title, key=key, help=_help(k, table), persist_state="session")]


def grid(cls: type, at: str, names: Sequence[str] = (), columns: int = 2, reasons: Reasons | None = None) -> dict[str, Any]:
    """Widgets for a spec class's own fields (all but picks), or for `names` of them, in rows; returns their values."""
    known = knobs(cls)
    picked = list(names) or [name for name in known if known[name].kind != "pick"]
    values = {}
    for first in range(0, len(picked), columns):
        for column, name in zip(st.columns(columns, vertical_alignment="bottom"), picked[first : first + columns], strict=False):
            with column:
                values[name] = field(cls, name, f"{at}.{name}", (reasons or {}).get(name, ""))
    return values


def field(cls: type, name: str, key: str, reason: str = "") -> Any:
    """The widget of one field; returns its value as JSON has it."""
    k = knobs(cls)[name]
    if key not in st.session_state:
        st.session_state[key] = _shown(k, getattr(cls(), name))
    common: dict[str, Any] = {"key": key, "help": reason or k.help or None, "disabled": bool(reason), "persist_state": "session"}
    if k.kind == "flag":
        return st.checkbox(k.label, **common)
    if k.kind == "choice":
        return st.selectbox(k.label, k.options, **common)
    if k.kind == "series":
        return _numbers(st.text_input(k.label, **common) or "")
    if k.kind == "integer":
        return st.number_input(k.label, int(k.low), int(k.high), step=1, **common)
    return st.number_input(k.label, float(k.low), float(k.high), step=_step(k, getattr(cls(), name)), format="%.6g", **common)


def _shown(k: Knob, value: Any) -> Any:
    return ", ".join(f"{v:g}" for v in value) if k.kind == "series" else value


def _numbers(text: str) -> list[float] | str:
    """The numbers of a comma-separated list, or the text itself, for `decode` to refuse by the field's name."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return text


def _step(k: Knob, value: float) -> float:
    """What a click on plus or minus changes: a power of ten below half the default."""
    return 10.0 ** math.floor(math.log10(value / 2)) if value > 0 and k.log else 10.0 ** math.floor(math.log10((k.high - k.low) / 50))


def _help(k: Knob, table: Mapping[str, type]) -> str:
    """The field's help, then each class with its docstring's first line and its formula."""
    lines = [f"**{title(name)}**: {(cls.__doc__ or '').strip().splitlines()[0]} {getattr(cls, 'formula', '')}" for name, cls in table.items()]
    return "\n\n".join([k.help, *lines] if k.help else lines)
