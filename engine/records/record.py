"""What a record is: numpy arrays and plain values with declared axes and types, checked whenever one is made."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import numpy as np

Arrays = dict[str, np.ndarray]
STATUSES = ("running", "stopped", "failed", "finished", "diverged")
ENDS = ("finished", "diverged")
"""The ways in which something comes to its own end; the others can be gone on with."""


class RecordError(ValueError):
    """What is no record, or cannot be kept: one line that names it."""


def array(axes: str, *, whole: bool = False, empty: bool = False) -> Any:
    """An array field. `axes` names its axes, "T n": all fields of a record agree on the length of an axis of one name.

    `whole` marks integers; with `empty` the default is an array without an element.
    """
    names = tuple(axes.split())
    metadata = {"axes": names, "whole": whole}
    if not empty:
        return field(metadata=metadata)
    return field(default_factory=lambda: np.zeros((0,) * len(names), int if whole else float), metadata=metadata)


def named_arrays(axes: str = "") -> Any:
    """A field of arrays by name, each with these axes first; without axes they are as they like."""
    return field(default_factory=dict, metadata={"axes": tuple(axes.split()), "whole": False})


@dataclass(frozen=True, kw_only=True)
class Record(ABC):
    """What was computed, or as much of it as there is."""

    spec: dict[str, Any]  # of what was computed, encoded
    status: str = "finished"  # one of STATUSES
    reason: str = ""  # one line on a record that diverged, was stopped or failed
    made: dict[str, Any] = field(default_factory=dict)  # device, versions, time of day

    grows: ClassVar[str] = ""
    """The array to which rows are only ever appended while the record grows, if there is one that matters."""

    def __post_init__(self):
        check(self)

    @property
    def complete(self) -> bool:
        """Whether it has come to its own end: nothing unfinished ever takes its place."""
        return self.status in ENDS

    @property
    def inputs(self) -> tuple[str, ...]:
        """The addresses of what it was made of."""
        return ()

    @property
    def summary(self) -> dict[str, float]:
        """The numbers that a list of many records shows of it."""
        return {}


def check(record: Record) -> None:
    """Raises RecordError, with the field's name, where a value's type, an array's kind or an axis's length is wrong."""
    check_plain(type(record), vars(record))
    lengths: dict[str, int] = {}
    for name, (axes, whole), hint in layout(type(record)):
        value = getattr(record, name)
        if axes is None:
            continue
        if isinstance(value, np.ndarray):
            _check_array(name, value, axes, whole, lengths, exact=True)
        elif isinstance(value, Mapping) and get_origin(hint) is dict:
            for key, part in value.items():
                _check_array(f"{name}/{key}", part, axes, whole, lengths, exact=bool(axes))
        else:
            raise RecordError(f"{name}: expected an array, got {type(value).__name__}")


def check_plain(cls: type[Record], values: Mapping[str, Any]) -> None:
    """The same for those of a record's fields that are no arrays, as far as they are given."""
    for name, (axes, _), hint in layout(cls):
        if axes is None and name in values and not _fits(values[name], hint):
            raise RecordError(f"{name}: expected {_words(hint)}, got {type(values[name]).__name__}")
    if (status := values.get("status")) not in STATUSES:
        raise RecordError(f"status: expected one of {', '.join(STATUSES)}, got {status!r}"[:100])


def _check_array(
    name: str, value: Any, axes: tuple[str, ...], whole: bool, lengths: dict[str, int], exact: bool
) -> None:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in ("iu" if whole else "iufb"):
        raise RecordError(f"{name}: expected an array of {'whole ' * whole}numbers")
    if exact and value.ndim != len(axes):
        raise RecordError(f"{name}: expected {len(axes)} axes ({', '.join(axes)}), got {value.ndim}")
    for axis, length in zip(axes, value.shape, strict=False):
        if lengths.setdefault(axis, length) != length:
            raise RecordError(f"{name}: expected {lengths[axis]} along {axis}, got {length}")


@cache
def layout(cls: type[Record]) -> tuple[tuple[str, tuple[tuple[str, ...] | None, bool], Any], ...]:
    """Of each field its name, its axes (None for a plain value) with whether they hold integers, and its type."""
    hints = get_type_hints(cls)
    return tuple((f.name, (f.metadata.get("axes"), f.metadata.get("whole", False)), hints[f.name]) for f in fields(cls))


def named(cls: type[Record]) -> list[str]:
    """The fields that hold arrays by name."""
    return [name for name, (axes, _), hint in layout(cls) if axes is not None and get_origin(hint) is dict]


def _fits(value: Any, hint: Any) -> bool:
    """Whether a plain value is of an annotated type; an integer serves as a float."""
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        several = len(kinds) == 2 and kinds[1] is Ellipsis
        kinds = kinds[:1] * len(value) if several and isinstance(value, tuple) else kinds
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint


def _words(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)) if get_origin(hint) is None else str(hint)
