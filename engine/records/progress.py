"""Progress: the one shape in which whatever is computed says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from engine.records.record import Record

B = TypeVar("B")
T = TypeVar("T")


class Progress(NamedTuple):
    """How far a computation is."""

    done: int
    total: int
    partial: Callable[[], Record] | None = None  # makes the record of what there is so far, where something new is
    frame: dict[str, float] | None = None  # the measures of a step that was just measured
    saved: bool = False  # whether the store holds something new
    status: str = "running"
    reason: str = ""
    idle: bool = False  # whether there is nothing to do before another process has done its part


Computing = Generator[Progress, None, Record]
"""A computation at work: it can be left after every step, and returns the complete record."""


def meanwhile(work: Generator[Any, None, T], breath: B) -> Generator[B, None, T]:
    """What `work` returns; between the pieces of it, which count nothing by themselves, the same `breath`."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
        yield breath


def finished(computing: Computing) -> Record:
    """The record of a computation, driven to its end with nobody watching."""
    while True:
        try:
            next(computing)
        except StopIteration as end:
            return end.value


class Stop(Exception):
    """Thrown into what is being performed to end it for good, what there is of it kept as stopped."""
