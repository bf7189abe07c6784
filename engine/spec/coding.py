"""Coding: specs as plain JSON values and as JSON text, and back with every field checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.spec.fields import SpecError, Table, defaults, dotted, knobs, show

BASELINE: dict[str, list[str]] = json.loads(Path(__file__).with_name("baseline.json").read_text(encoding="utf-8"))
"""The fields, by class, that every encoding names: those of the first records. It is frozen: a field that comes later
is named only where it differs from its default, so that it gives no new digest to what was kept before it."""


def encode(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values, as records keep it and digests cover it: its class's name, the fields of the
    baseline, and what else differs from the defaults."""
    always = BASELINE.get(type(spec).__name__, ())
    return _encoded(spec, encode, lambda name: name in always or _differs(spec, name))


def complete(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values for people and widgets: its class's name, then every field."""
    return _encoded(spec, complete, lambda name: True)


def changes(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values without what is as in its class's defaults; the specs in it are always there."""
    known = knobs(type(spec))
    return _encoded(spec, changes, lambda name: known[name].nested or _differs(spec, name))


def _encoded(spec: Any, inner: Callable[[Any], Any], named: Callable[[str], bool]) -> dict[str, Any]:
    """The class's name and the fields that are to be named; `inner` encodes the specs in them."""
    own = {name: k.encode(getattr(spec, name), inner) for name, k in knobs(type(spec)).items() if named(name)}
    return {"name": type(spec).__name__} | own


def _differs(spec: Any, name: str) -> bool:
    """Whether a field differs from its default in JSON form: 1 and 1.0 are the same, and 0.0 and -0.0."""
    k = knobs(type(spec))[name]
    return k.encode(getattr(spec, name), encode) != k.encode(defaults(type(spec))[name], encode)


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
