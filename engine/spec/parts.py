"""Parts of specs: the specs that one picks, and the real numbers in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.spec.fields import Number, knobs
from engine.spec.nested import Pick


def picked(spec: Any) -> dict[str, Any]:
    """The specs that a spec picks, by field."""
    return {name: getattr(spec, name) for name, k in knobs(type(spec)).items() if isinstance(k, Pick)}


def number_fields(cls: type) -> dict[str, Number]:
    """The fields of a spec class that are real numbers."""
    return {name: k for name, k in knobs(cls).items() if isinstance(k, Number)}


def floats(spec: Any) -> dict[str, float]:
    """A spec's real numbers by dotted name, those of the specs that it picks included: what the runs of an ensemble
    may differ in."""
    own = {name: getattr(spec, name) for name, k in number_fields(type(spec)).items() if k.varies}
    inner = {name: floats(part) for name, part in picked(spec).items()}
    return own | {f"{name}.{rest}": value for name, values in inner.items() for rest, value in values.items()}


def with_floats(spec: Any, values: Mapping[str, Any]) -> Any:
    """The spec with numbers replaced, given as `floats` names them."""
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        head, _, rest = name.partition(".")
        if rest:
            inner.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    return replace(spec, **own, **{head: with_floats(getattr(spec, head), rest) for head, rest in inner.items()})
