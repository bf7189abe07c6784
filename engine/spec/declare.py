"""Declarations: how a spec class says what its fields are. The range, label and help given here are what the checks,
the widgets, the command line and the documentation are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

from engine.spec.fields import Choice, Flag, Integer, Knob, Number, Series, Table, Word
from engine.spec.nested import Pick, Several


def knob(
    default: float, low: float, high: float, label: str, help: str = "", *, log: bool = False, varies: bool = True
) -> Any:
    """A number in [low, high]; an integer where the default is one. `log` marks a field that is explored by factors.

    The runs of an ensemble may differ in a number, unless it decides the shape of something: then `varies` is False.
    """
    if isinstance(default, int):
        return _field(default, Integer(label, help, int(low), int(high), log))
    return _field(default, Number(label, help, low, high, log, varies))


def flag(default: bool, label: str, help: str = "") -> Any:
    """A yes or no."""
    return _field(default, Flag(label, help))


def choice(default: str, options: tuple[str, ...], label: str, help: str = "") -> Any:
    """One of a few words."""
    return _field(default, Choice(label, help, options))


def word(default: str, pattern: str, longest: int, label: str, help: str = "") -> Any:
    """A text of at most `longest` characters, all of which a regular expression must match."""
    return _field(default, Word(label, help, pattern, longest))


def series(default: tuple[float, ...], low: float, high: float, longest: int, label: str, help: str = "") -> Any:
    """Between 1 and `longest` numbers, each in [low, high]."""
    return _field(default, Series(label, help, low, high, longest))


def pick(default: Any, table: Callable[[], Table], label: str, help: str = "") -> Any:
    """A spec of one of the classes in a table (name -> class); the table is a function because it stands at its
    file's end."""
    return _field(default, Pick(label, help, table))


def several(table: Callable[[], Table], longest: int, label: str, help: str = "") -> Any:
    """A tuple of up to `longest` specs, each of one of a table's classes; empty by default."""
    return _field((), Several(label, help, table, longest))


def _field(default: Any, k: Knob) -> Any:
    return field(default=default, metadata={"knob": k})
