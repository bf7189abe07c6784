"""Links: a spec as readable URL parameters and back (rule=SAM&rule.rho=0.1); only what differs from the default is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from engine.spec import Knob, SpecError, Table, decode, knobs

WRITTEN = "link.written"
"""Where a session keeps the parameters it last wrote: what differs from them came from outside."""


def params(spec: Any, usual: Any = None, at: str = "") -> dict[str, str]:
    """The parameters of all fields in which `spec` differs from `usual` (by default: from its class's defaults)."""
    usual, found = usual or type(spec)(), {}
    for name, k in knobs(type(spec)).items():
        value, default = getattr(spec, name), getattr(usual, name)
        if value == default:
            continue
        if k.kind == "pick":
            found[at + name] = type(value).__name__
            found |= params(value, default if type(default) is type(value) else None, f"{at}{name}.")
        else:
            found[at + name] = _text(value)
    return found


def read(table: Table, texts: Mapping[str, str]) -> tuple[Any, list[str]]:
    """The spec that parameters describe, and one line for each that had to be left out."""
    texts, faults = dict(texts), []
    while True:
        try:
            return decode(table, _nested(table, texts)), faults
        except SpecError as error:
            field = str(error).partition(":")[0].partition("[")[0].removesuffix(".name")
            wrong = [key for key in texts if key == field or key.startswith(f"{field}.") or (field.endswith("..") and key.startswith(field.rstrip(".")))]
            wrong = wrong or [key for key in texts if field.startswith(f"{key}.")] or list(texts)
            faults.append(str(error))
            for key in wrong:
                del texts[key]


def arrived() -> dict[str, str] | None:
    """The address's parameters where they came from outside (a link, a reload, the browser's back button), else None."""
    now = st.query_params.to_dict()
    if not now or now == st.session_state.get(WRITTEN):
        return None
    st.session_state[WRITTEN] = now
    return now


def write(parameters: Mapping[str, str]) -> None:
    """Makes the address say this state."""
    st.session_state[WRITTEN] = dict(parameters)
    if st.query_params.to_dict() != st.session_state[WRITTEN]:
        st.query_params.from_dict(st.session_state[WRITTEN])


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:.12g}" if isinstance(value, float) else str(value)


def _nested(table: Table, texts: Mapping[str, str]) -> dict[str, Any]:
    """The JSON-like value that dotted parameters mean, for `decode` to check."""
    name = texts.get("name", next(iter(table)))
    values: dict[str, Any] = {"name": name}
    fields = knobs(table[name]) if name in table else {}
    usual = table[name]() if name in table else None
    heads = dict.fromkeys(key.partition(".")[0] for key in texts if key != "name")
    for head in heads:
        if head in fields and fields[head].kind == "pick":
            below = {"name": texts.get(head, type(getattr(usual, head)).__name__)}
            below |= {key.partition(".")[2]: text for key, text in texts.items() if key.startswith(f"{head}.")}
            values[head] = _nested(fields[head].table(), below)
        elif head in fields and head in texts:
            values[head] = _parsed(fields[head], texts[head])
        else:
            values |= {key: texts[key] for key in texts if key.partition(".")[0] == head}
    return values


def _parsed(k: Knob, text: str) -> Any:
    """A parameter's value, or its text where it is none: `decode` then names the field."""
    try:
        if k.kind == "series":
            return [float(part) for part in text.split(",")]
        if k.kind == "flag":
            return {"true": True, "false": False}.get(text, text)
        if k.kind == "integer":
            return int(text)
        return float(text) if k.kind == "number" else text
    except ValueError:
        return text
