"""Fields that hold specs: one of a table's classes, or several."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.spec.coding import decode
from engine.spec.dotted import flatten, gather, grouped, names
from engine.spec.fields import Knob, SpecError, Table, Texts, dotted, show


@dataclass(frozen=True)
class Pick(Knob):
    """A spec of one of the classes in a table; written as its class's name (unless there is only one), its fields below
    that."""

    table: Callable[[], Table]
    nested = True

    def check(self, value: Any, path: str) -> Any:
        return decode(self.table(), value, path)

    def encode(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        return inner(value)

    def flatten(self, value: Any, usual: Any) -> Texts:
        own = {"": type(value).__name__} if len(self.table()) > 1 else {}
        return own | flatten(value, usual if type(usual) is type(value) else None)

    def gather(self, texts: Texts, usual: Any) -> tuple[Any, dict[str, str]]:
        return gather(self.table(), texts, usual)

    @property
    def range(self) -> tuple[str, ...]:
        return tuple(self.table())


@dataclass(frozen=True)
class Several(Knob):
    """A tuple of at most `longest` specs, each of one of a table's classes; written as their number, each one's class
    (unless there is only one) and fields below its place."""

    table: Callable[[], Table]
    longest: int
    nested = True

    def check(self, value: Any, path: str) -> tuple[Any, ...]:
        if value == "":  # some were described, but `gather` was not told how many there are
            raise SpecError(f"{path}: expected how many there are, at most {self.longest}, as in {path}=1")
        if not isinstance(value, list) or len(value) > self.longest:
            raise SpecError(f"{path}: expected a list of at most {self.longest} objects, got {show(value)}")
        return tuple(decode(self.table(), item, f"{path}[{i}]") for i, item in enumerate(value))

    def encode(self, value: tuple[Any, ...], inner: Callable[[Any], Any]) -> list[Any]:
        return [inner(item) for item in value]

    def flatten(self, value: tuple[Any, ...], usual: Any) -> Texts:
        found = {"": str(len(value))}
        for i, item in enumerate(value):
            own = {"": type(item).__name__} if len(self.table()) > 1 else {}
            found |= {dotted(str(i), rest): text for rest, text in (own | flatten(item)).items()}
        return found

    def gather(self, texts: Texts, usual: tuple[Any, ...]) -> tuple[Any, dict[str, str]]:
        """Where no number is given it is that of the usual specs, if there are any."""
        count = texts.get("", str(len(usual)) if usual else "")
        if not re.fullmatch("[0-9]{1,4}", count) or int(count) > self.longest:
            return count, {}
        groups = grouped(texts)
        items, strangers = [], {}
        for i in range(int(count)):
            item, unclear = gather(self.table(), groups.pop(str(i), {}), usual[i] if i < len(usual) else None)
            items.append(item)
            strangers |= {dotted(str(i), rest): why for rest, why in unclear.items()}
        return items, strangers | dict.fromkeys(names(groups), f"there are {count}, counted from 0")

    @property
    def range(self) -> tuple[str, ...]:
        return (f"up to {self.longest} of {', '.join(self.table())}",)
