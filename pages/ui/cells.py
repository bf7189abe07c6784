"""Cells: where a session keeps the value of each field of a spec, nested where a field holds specs.

A field's value stands under its dotted path, below a pick also the chosen class's name: "train.rule.SAM.rho". Of
several specs their number stands under the field's path, and each one's fields below its place:
"train.then.0.Switch.at".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from engine.figures.words import setting, title
from engine.spec import Integer, Knob, Pick, Plain, Series, Several, complete, defaults, knobs

K = TypeVar("K", bound=Knob)


@dataclass(frozen=True)
class Cell(ABC, Generic[K]):
    """The place of one field: its class, and the path below which that one's fields stand."""

    cls: type
    prefix: str
    name: str
    knob: K

    @property
    def key(self) -> str:
        """Under which its value stands in the session."""
        return f"{self.prefix}.{self.name}"

    @property
    def usual(self) -> Any:
        """The field's default."""
        return defaults(self.cls)[self.name]

    @abstractmethod
    def fill(self, value: Any) -> None:
        """Sets the field to a value in JSON form; to be called before its widget is drawn."""

    @abstractmethod
    def read(self) -> Any:
        """The field's value in JSON form, for `decode` to check."""

    @abstractmethod
    def inner(self) -> list[Cell[Any]]:
        """The fields of the spec that is picked here; none of several specs', which have their own place."""

    @abstractmethod
    def change(self) -> str:
        """What is set here otherwise than usual, in words; "" where nothing is."""

    @property
    def label(self) -> str:
        """The field's label within a sentence."""
        return self.knob.label[0].lower() + self.knob.label[1:]


class PlainCell(Cell[Plain]):
    """The place of a value."""

    def fill(self, value: Any) -> None:
        st.session_state[self.key] = _in_widget(self.knob, value)

    def read(self) -> Any:
        value = st.session_state.get(self.key, self.knob.encode(self.usual, complete))
        if isinstance(value, str):
            return self.knob.parse(value.strip())
        whole = isinstance(self.knob, Integer) and isinstance(value, float) and value.is_integer()
        return int(value) if whole else value

    def inner(self) -> list[Cell[Any]]:
        return []

    def change(self) -> str:
        value = self.read()
        if value == self.knob.encode(self.usual, complete):
            return ""
        return f"{self.label} off" if value is False else setting(self.label, value)


class PickCell(Cell[Pick]):
    """The place of a spec."""

    def fill(self, value: Any) -> None:
        st.session_state[self.key] = value["name"]
        _fill(self.knob.table()[value["name"]], f"{self.key}.{value['name']}", value)

    def read(self) -> Any:
        return _read_spec(self.picked(), self.key)

    def picked(self, usual: Any = None) -> type:
        """The class that is picked, the usual one's until there is a choice."""
        kept = str(st.session_state.get(self.key))
        table = self.knob.table()
        return table[kept if kept in table else type(usual or self.usual).__name__]

    def inner(self) -> list[Cell[Any]]:
        return cells(self.picked(), f"{self.key}.{self.picked().__name__}")

    def change(self) -> str:
        name = self.picked().__name__
        return "" if name == type(self.usual).__name__ else f"{self.label} {title(name).lower()}"


class SeveralCell(Cell[Several]):
    """The place of several specs."""

    def fill(self, value: Sequence[Mapping[str, Any]]) -> None:
        st.session_state[self.key] = len(value)
        for i, item in enumerate(value):
            st.session_state[f"{self.key}.{i}"] = item["name"]
            _fill(self.knob.table()[item["name"]], f"{self.key}.{i}.{item['name']}", item)

    def read(self) -> list[dict[str, Any]]:
        return [_read_spec(self.picked(i), f"{self.key}.{i}") for i in range(st.session_state.get(self.key, 0))]

    def picked(self, nth: int) -> type:
        """The class of one of the specs."""
        table = self.knob.table()
        return table.get(str(st.session_state.get(f"{self.key}.{nth}")), next(iter(table.values())))

    def inner(self) -> list[Cell[Any]]:
        return []

    def change(self) -> str:
        return ""


KINDS: Mapping[type[Knob], type[Cell[Any]]] = {Pick: PickCell, Several: SeveralCell}
"""The cells of fields that hold specs; all others' are plain."""


def cell(cls: type, prefix: str, name: str) -> Any:
    """The place of a class's field."""
    k = knobs(cls)[name]
    return KINDS.get(type(k), PlainCell)(cls, prefix, name, k)


def cells(cls: type, prefix: str, names: Iterable[str] = ()) -> list[Cell[Any]]:
    """The places of a class's fields, or of `names` of them."""
    return [cell(cls, prefix, name) for name in names or knobs(cls)]


def fill(prefix: str, spec: Any) -> None:
    """Sets the widgets below a prefix to a spec; to be called before they are drawn."""
    _fill(type(spec), prefix, complete(spec))


def _fill(cls: type, prefix: str, values: Mapping[str, Any]) -> None:
    """As `fill`, of a spec's fields in JSON form; those that are missing get their defaults."""
    for place in cells(cls, prefix):
        usual = place.knob.encode(place.usual, complete)
        place.fill(values.get(place.name, usual))


def read(cls: type, prefix: str, names: Iterable[str] = ()) -> dict[str, Any]:
    """A spec's fields (or `names` of them) as the widgets below a prefix have them, in JSON form: for `decode` to
    check."""
    return {place.name: place.read() for place in cells(cls, prefix, names)}


def _read_spec(cls: type, key: str) -> dict[str, Any]:
    """The spec of a class whose fields stand below a key and the class's name."""
    return {"name": cls.__name__} | read(cls, f"{key}.{cls.__name__}")


def leading(place: Cell[Any]) -> list[Cell[Any]]:
    """The first field of the spec that is picked in a cell; where it picks a spec too, also that one's first."""
    return [found for head in place.inner()[:1] for found in (head, *leading(head))]


def everything(places: Iterable[Cell[Any]]) -> list[Cell[Any]]:
    """The cells, and those of all that is picked in them."""
    return [found for place in places for found in (place, *everything(place.inner()))]


def _in_widget(k: Plain, value: Any) -> Any:
    """A value in JSON form as its widget holds it: a series is typed, and whole numbers stand among all others."""
    if isinstance(k, Integer) and isinstance(value, int):
        return float(value)
    return k.text(value).replace(",", ", ") if isinstance(k, Series) and not isinstance(value, str) else value
