"""Coding: specs as plain JSON values and as JSON text, and back with every field checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.spec.fields import SpecError, Table, defaults, dotted, knobs, show

BASELINE: dict[str, list[str]] = json.loads(Path(__file__).with_name("baseline.json").read_text(encoding="utf-8"))
"""The fields, by class, that every encoding names: those of the first records. It is frozen: a field that comes later
is named only where it differs from its default, so that it gives no new digest to what was kept before it."""


def encode(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values, as records keep it and digests cover it: its class's name, the fields of the
    baseline, and what else differs from the defaults."""
    name = type(spec).__name__
    always = BASELINE.get(name, ())
    return {"name": name} | {
        field: value for field, value, usual in _encoded(spec, encode) if field in always or value != usual
    }


def complete(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values for people and widgets: its class's name, then every field."""
    return {"name": type(spec).__name__} | {field: value for field, value, _ in _encoded(spec, complete)}


def changes(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values without what is as in its class's defaults; the specs in it are always there."""
    known = knobs(type(spec))
    return {"name": type(spec).__name__} | {
        field: value for field, value, usual in _encoded(spec, changes) if known[field].nested or value != usual
    }


def _encoded(spec: Any, inner: Callable[[Any], Any]) -> Iterator[tuple[str, Any, Any]]:
    """Every field's name, its value and its default, both in JSON form; `inner` gives that of a spec in them."""
    usual = defaults(type(spec))
    for name, k in knobs(type(spec)).items():
        yield name, k.encode(getattr(spec, name), inner), k.encode(usual[name], inner)


def decode(table: Table, data: Any, path: str = "") -> Any:
    """The spec that `data` (parsed JSON) describes, of one of the table's classes.

    Missing fields take their defaults. Unknown names, wrong types, values out of range or not finite, and combinations
    that a class refuses all raise SpecError with the field's dotted name: specs come from files and URLs of strangers.
    """
    if not isinstance(data, dict):
        raise SpecError(f'{path or "spec"}: expected an object with a "name", got {show(data)}')
    name = data.get("name", next(iter(table)) if len(table) == 1 else None)
    if not isinstance(name, str) or name not in table:
        raise SpecError(f"{dotted(path, 'name')}: expected one of {', '.join(table)}, got {show(name)}")
    known = knobs(table[name])
    for key in data:
        if key != "name" and key not in known:
            raise SpecError(f"{dotted(path, show(key)[1:-1])}: {unknown(table[name])}")
    values = {key: known[key].check(data[key], dotted(path, key)) for key in known if key in data}
    try:
        return table[name](**values)
    except SpecError as error:
        raise SpecError(dotted(path, str(error))) from None


def unknown(cls: type) -> str:
    """What is said of a name that is no field of a class."""
    return f"unknown field; {cls.__name__} has {', '.join(knobs(cls)) or 'no fields'}"


def parse(table: Table, text: str) -> Any:
    """`decode` of JSON text, with or without a byte-order mark; bad JSON is reported in one line too."""
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"spec: not JSON that can be read ({error})") from None
    return decode(table, data)


def dumps(spec: Any) -> str:
    """A spec as JSON text for people: what `parse` reads."""
    return json.dumps(complete(spec), indent=2)
