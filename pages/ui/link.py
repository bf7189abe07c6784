"""Links: a spec as readable URL parameters and back (rule=SAM&rule.rho=0.1&then=1&then.0.at=300); only what differs
from the default is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
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
        elif k.kind == "several":
            found[at + name] = str(len(value))
            for i, item in enumerate(value):
                found |= {f"{at}{name}.{i}": type(item).__name__} if len(k.table()) > 1 else {}
                found |= params(item, None, f"{at}{name}.{i}.")
        else:
            found[at + name] = _text(value)
    return found


def read(table: Table, texts: Mapping[str, str]) -> tuple[Any, list[str]]:
    """The spec that parameters describe, and one line for each that had to be left out."""
    name = texts.get("name", next(iter(table)))
    faults = [] if name in table else [f"name: expected one of {', '.join(table)}, got {name[:40]!r}"]
    values, strangers = _nested(
        table, {key: text for key, text in texts.items() if key != "name"} | {"": "" if faults else name}
    )
    faults += [f"{key[:40]!r}: unknown field" for key in strangers]
    while True:
        try:
            return decode(table, values), faults
        except SpecError as error:
            faults.append(str(error))
            if not _drop(values, str(error).partition(":")[0]):
                faults[-1] += f" (left out: {_drop_any(table, values)})"


def arrived() -> dict[str, str] | None:
    """The address's parameters where they came from outside (a link, a reload, the browser's back button), else
    None."""
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
    return (
        str(value).lower()
        if isinstance(value, bool)
        else repr(value).removesuffix(".0")
        if isinstance(value, float)
        else str(value)
    )


def _nested(table: Table, texts: Mapping[str, str], usual: Any = None) -> tuple[dict[str, Any], list[str]]:
    """The JSON-like value that parameters mean, for `decode` to check, and those of them that name no field; the
    class's name stands under ""."""
    name = texts.get("") or type(usual or next(iter(table.values()))()).__name__
    values: dict[str, Any] = {"name": name}
    if name not in table:
        return values, []
    fields, strangers = knobs(table[name]), []
    for field, below in _grouped(texts).items():
        k, unknown = fields.get(field), [rest for rest in below if rest]
        if k is None:
            unknown = list(below)
        elif k.kind == "pick":
            values[field], unknown = _nested(k.table(), below, getattr(table[name](), field))
        elif k.kind == "several":
            values[field], unknown = _listed(k, below)
        elif "" in below:
            values[field] = _parsed(k, below[""])
        strangers += [f"{field}.{rest}".removesuffix(".") for rest in unknown]
    return values, strangers


def _listed(k: Knob, texts: Mapping[str, str]) -> tuple[Any, list[str]]:
    """The list that parameters mean: its length stands under "", its items under their numbers; the text where that
    is no length."""
    length = texts.get("", "")
    if not re.fullmatch("[0-9]{1,4}", length) or int(length) > k.longest:
        return length, []
    groups = _grouped(texts)
    items = [_nested(k.table(), groups.pop(str(i), {})) for i in range(int(length))]
    strangers = [f"{i}.{key}" for i, (_, unknown) in enumerate(items) for key in unknown]
    return [values for values, _ in items], strangers + [
        f"{i}.{rest}".removesuffix(".") for i, below in groups.items() for rest in below
    ]


def _grouped(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Dotted parameters by what stands before their first dot; what has no dot stands under ""."""
    groups: dict[str, dict[str, str]] = {}
    for key, text in texts.items():
        head, _, rest = key.partition(".")
        if key:
            groups.setdefault(head, {})[rest] = text
    return groups


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


def _drop(values: Any, path: str) -> bool:
    """Leaves out what a dotted path leads to (with a wrong name, all that is named), or an item of a list that it
    leads into; whether there was any."""
    first, *rest = re.findall(r"[^.\[\]]+", path.removesuffix(".name")) or [""]
    place: Any = int(first) if isinstance(values, list) else first
    if not (0 <= place < len(values) if isinstance(values, list) else place in values and place != "name"):
        return False
    if rest and _nest(values[place]):
        if _drop(values[place], ".".join(rest)):
            return True
        if not isinstance(values, list):
            return False
    del values[place]
    return True


def _nest(value: Any) -> bool:
    """Whether a value holds specs, not just numbers."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _drop_any(table: Table, values: dict[str, Any]) -> str:
    """Leaves out the first parameter without which there is a spec, else all of them; returns what was left out."""
    for path in _paths(values):
        rest = deepcopy(values)
        _drop(rest, path)
        try:
            decode(table, rest)
        except SpecError:
            continue
        _drop(values, path)
        return path
    for name in [name for name in values if name != "name"]:
        del values[name]
    return "all of it"


def _paths(values: Any, at: str = "") -> Iterator[str]:
    """The dotted path of every value, the innermost first."""
    for name, value in enumerate(values) if isinstance(values, list) else list(values.items()):
        if _nest(value):
            yield from _paths(value, f"{at}{name}.")
        if name != "name":
            yield f"{at}{name}"
