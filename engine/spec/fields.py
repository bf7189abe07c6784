"""Specs: frozen dataclasses that say what to compute; JSON both ways, every field checked, hashed to a digest.

A field is declared once with `knob`, `flag`, `choice`, `word`, `series`, `pick` or `several`; its range, label and
help travel in the field's metadata, from which the checks here, the widgets, the command line and the documentation
are all made.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

Table = Mapping[str, type]


class SpecError(ValueError):
    """A spec that cannot be: one line that names the field."""


@dataclass(frozen=True)
class Knob:
    """What is known of one field: its kind, its bounds (inclusive), and the words around it."""

    kind: str
    label: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    log: bool = False
    options: tuple[str, ...] = ()
    pattern: str = ""
    longest: int = 0
    table: Callable[[], Table] = dict
    varies: bool = True


def knob(
    default: float, low: float, high: float, label: str, help: str = "", *, log: bool = False, varies: bool = True
) -> Any:
    """A number in [low, high]; an integer where the default is one. `log` marks a field that is explored by factors.

    The runs of an ensemble may differ in a number, unless it decides the shape of something: then `varies` is False.
    """
    kind = "integer" if isinstance(default, int) else "number"
    return field(default=default, metadata={"knob": Knob(kind, label, help, low, high, log, varies=varies)})


def flag(default: bool, label: str, help: str = "") -> Any:
    """A yes or no."""
    return field(default=default, metadata={"knob": Knob("flag", label, help)})


def choice(default: str, options: tuple[str, ...], label: str, help: str = "") -> Any:
    """One of a few words."""
    return field(default=default, metadata={"knob": Knob("choice", label, help, options=options)})


def word(default: str, pattern: str, longest: int, label: str, help: str = "") -> Any:
    """A text of at most `longest` characters, all of which a regular expression must match."""
    return field(default=default, metadata={"knob": Knob("text", label, help, pattern=pattern, longest=longest)})


def series(default: tuple[float, ...], low: float, high: float, longest: int, label: str, help: str = "") -> Any:
    """Between 1 and `longest` numbers, each in [low, high]."""
    return field(default=default, metadata={"knob": Knob("series", label, help, low, high, longest=longest)})


def pick(default: Any, table: Callable[[], Table], label: str, help: str = "") -> Any:
    """A spec of one of the classes in a table (name -> class); the table is a function because it stands at its
    file's end."""
    return field(default=default, metadata={"knob": Knob("pick", label, help, table=table)})


def several(table: Callable[[], Table], longest: int, label: str, help: str = "") -> Any:
    """A tuple of up to `longest` specs, each of one of a table's classes; empty by default."""
    return field(default=(), metadata={"knob": Knob("several", label, help, longest=longest, table=table)})


def knobs(cls: type) -> dict[str, Knob]:
    """The fields of a spec class that can be set, in order; keyword-only ones, which its kind shares, come last."""
    return {f.name: knob_of(f) for f in sorted(fields(cls), key=lambda f: f.kw_only is True)}


def knob_of(f: Field[Any]) -> Knob:
    return f.metadata["knob"]


def encode(spec: Any) -> dict[str, Any]:
    """A spec as plain JSON values: its class's name, then every field."""
    return {"name": type(spec).__name__} | {
        name: _plain(k, getattr(spec, name)) for name, k in knobs(type(spec)).items()
    }


def _plain(k: Knob, value: Any) -> Any:
    if k.kind == "pick":
        return encode(value)
    if k.kind == "several":
        return [encode(item) for item in value]
    if k.kind == "series":
        return [float(v) + 0.0 for v in value]
    # 1 equals 1.0 and -0.0 equals 0.0: each pair shares a digest
    return float(value) + 0.0 if k.kind == "number" else value


def decode(table: Table, data: Any, at: str = "") -> Any:
    """The spec that `data` (parsed JSON) describes, of one of the table's classes.

    Missing fields take their defaults. Unknown names, wrong types, values out of range or not finite, and combinations
    that a class refuses all raise SpecError with the field's dotted name: specs come from files and URLs of strangers.
    """
    if not isinstance(data, dict):
        raise SpecError(f'{at or "spec"}: expected an object with a "name", got {_show(data)}')
    name = data.get("name", next(iter(table)) if len(table) == 1 else None)
    if not isinstance(name, str) or name not in table:
        raise SpecError(f"{_dot(at, 'name')}: expected one of {', '.join(table)}, got {_show(name)}")
    cls = table[name]
    known = knobs(cls)
    for key in data:
        if key != "name" and key not in known:
            raise SpecError(
                f"{_dot(at, _show(key)[1:-1])}: unknown field; {name} has {', '.join(known) or 'no fields'}"
            )
    values = {key: _value(known[key], data[key], _dot(at, key)) for key in known if key in data}
    try:
        return cls(**values)
    except SpecError as error:
        raise SpecError(_dot(at, str(error))) from None


def _value(k: Knob, value: Any, at: str) -> Any:
    if k.kind == "pick":
        return decode(k.table(), value, at)
    if k.kind == "several":
        if not isinstance(value, list) or len(value) > k.longest:
            raise SpecError(f"{at}: expected a list of at most {k.longest} objects, got {_show(value)}")
        return tuple(decode(k.table(), item, f"{at}[{i}]") for i, item in enumerate(value))
    if k.kind == "flag":
        if not isinstance(value, bool):
            raise SpecError(f"{at}: expected true or false, got {_show(value)}")
        return value
    if k.kind == "choice":
        if not isinstance(value, str) or value not in k.options:
            raise SpecError(f"{at}: expected one of {', '.join(k.options)}, got {_show(value)}")
        return value
    if k.kind == "text":
        if not isinstance(value, str) or len(value) > k.longest or not re.fullmatch(k.pattern, value):
            raise SpecError(f"{at}: expected a text that matches {k.pattern}, got {_show(value)}")
        return value
    if k.kind == "series":
        if not isinstance(value, list) or not 1 <= len(value) <= k.longest:
            raise SpecError(f"{at}: expected a list of 1 to {k.longest} numbers, got {_show(value)}")
        return tuple(_number(k, item, f"{at}[{i}]") for i, item in enumerate(value))
    return _number(k, value, at)


def _number(k: Knob, value: Any, at: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or (isinstance(value, float) and not math.isfinite(value))
    ):
        raise SpecError(f"{at}: expected a finite number, got {_show(value)}")
    if k.kind == "integer" and value != int(value):
        raise SpecError(f"{at}: expected a whole number, got {_show(value)}")
    if not k.low <= value <= k.high:
        raise SpecError(f"{at}: expected a number from {k.low:g} to {k.high:g}, got {_show(value)}")
    return int(value) if k.kind == "integer" else float(value)


def floats(spec: Any) -> dict[str, float]:
    """A spec's real numbers by dotted name, those of the specs that it picks included: what the runs of an ensemble
    may differ in."""
    found = {}
    for name, k in knobs(type(spec)).items():
        value = getattr(spec, name)
        if k.kind == "pick":
            found |= {f"{name}.{inner}": number for inner, number in floats(value).items()}
        elif k.kind == "number" and k.varies:
            found[name] = value
    return found


def with_floats(spec: Any, values: Mapping[str, Any]) -> Any:
    """The spec with numbers replaced, given as `floats` names them."""
    own: dict[str, Any] = {}
    below: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        head, _, rest = name.partition(".")
        if rest:
            below.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    return replace(spec, **own, **{head: with_floats(getattr(spec, head), inner) for head, inner in below.items()})


def parse(table: Table, text: str) -> Any:
    """`decode` of JSON text, with bad JSON reported in one line too."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"spec: not JSON that can be read ({error})") from None
    return decode(table, data)


def dumps(spec: Any) -> str:
    """A spec as JSON text for people: what `parse` reads."""
    return json.dumps(encode(spec), indent=2)


def digest(spec: Any) -> str:
    """16 hex digits that name this spec; equal specs and only they share it (SHA-256 of the canonical JSON)."""
    return fingerprint(encode(spec))


def fingerprint(encoded: Mapping[str, Any]) -> str:
    """The digest of a spec that is encoded already, as records keep it."""
    canonical = json.dumps(encoded, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def default(k_field: Field[Any]) -> Any:
    return None if k_field.default is MISSING else k_field.default


def _dot(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep, or an integer of more digits than Python prints
        text = type(value).__name__
    return text if len(text) <= 40 else text[:37] + "..."
