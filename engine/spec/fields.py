"""Fields: one class per kind of field, which checks, encodes, parses and prints its values, and describes itself.

Three forms of a value meet here: the one a spec holds, its JSON form, and its text in an address, on the command line
or in a text box.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

Table = Mapping[str, type]
"""Classes of specs by their names."""
Texts = Mapping[str, str]
"""Texts by dotted name, relative to a field: "" is the field's own, "rho" that of `rho` in the spec that it picks."""
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]+")


class SpecError(ValueError):
    """A spec that cannot be: one line that names the field."""


@dataclass(frozen=True)
class Knob(ABC):
    """A field of a spec: its label and help, and what its kind can do with its values."""

    label: str
    help: str
    nested: ClassVar[bool]  # whether its values are specs

    @abstractmethod
    def check(self, value: Any, path: str) -> Any:
        """The field's value from its JSON form; SpecError in the name of `path` where it is none."""

    @abstractmethod
    def encode(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        """The JSON form of a value; `inner` gives that of a spec in it."""

    @abstractmethod
    def flatten(self, value: Any, usual: Any) -> Texts:
        """The texts that say how a value differs from the usual one, which it does."""

    @abstractmethod
    def gather(self, texts: Texts, usual: Any) -> tuple[Any, dict[str, str]]:
        """What `flatten` has written, back in JSON form, and why some of the texts mean nothing, by their names."""

    @property
    @abstractmethod
    def range(self) -> tuple[str, ...]:
        """What a value may be, in words: the alternatives, or a single phrase."""


class Plain(Knob):
    """A field whose values have one text and hold no specs."""

    nested = False

    @abstractmethod
    def text(self, value: Any) -> str:
        """A value's text."""

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The JSON form of a value from its text; the text itself where it is none, for `check` to refuse."""

    def flatten(self, value: Any, usual: Any) -> Texts:
        return {"": self.text(value)}

    def gather(self, texts: Texts, usual: Any) -> tuple[Any, dict[str, str]]:
        value = self.parse(texts.get("", self.text(usual)))
        return value, {rest: "there is nothing below this field" for rest in texts if rest}


class Ranged(Plain):
    """A field whose values are numbers in [low, high]."""

    low: Any
    high: Any

    def parse(self, text: str) -> Any:
        return _number(text)

    @property
    def range(self) -> tuple[str, ...]:
        return (f"{self.low:g} to {self.high:g}",)


@dataclass(frozen=True)
class Number(Ranged):
    """A finite number in [low, high]; `log` where it is explored by factors, `varies` where runs of an ensemble may
    differ in it."""

    low: float
    high: float
    log: bool = False
    varies: bool = True

    def check(self, value: Any, path: str) -> float:
        return float(_within(self, value, path))

    def encode(self, value: Any, inner: Callable[[Any], Any]) -> float:
        return float(value) + 0.0  # 1 equals 1.0 and -0.0 equals 0.0: each pair shares a digest

    def text(self, value: float) -> str:
        return _number_text(value)


@dataclass(frozen=True)
class Integer(Ranged):
    """A whole number in [low, high]; `log` where it is explored by factors."""

    low: int
    high: int
    log: bool = False

    def check(self, value: Any, path: str) -> int:
        if isinstance(value, float) and math.isfinite(value) and value != int(value):
            raise SpecError(f"{path}: expected a whole number, got {show(value)}")
        return int(_within(self, value, path))

    def encode(self, value: int, inner: Callable[[Any], Any]) -> int:
        return value

    def text(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class Flag(Plain):
    """A yes or no."""

    def check(self, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            raise SpecError(f"{path}: expected true or false, got {show(value)}")
        return value

    def encode(self, value: bool, inner: Callable[[Any], Any]) -> bool:
        return value

    def text(self, value: bool) -> str:
        return "true" if value else "false"

    def parse(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text, text)

    @property
    def range(self) -> tuple[str, ...]:
        return ("true or false",)


class Verbatim(Plain):
    """A field whose values are texts, the same in all three forms."""

    def encode(self, value: str, inner: Callable[[Any], Any]) -> str:
        return value

    def text(self, value: str) -> str:
        return value

    def parse(self, text: str) -> Any:
        return text


@dataclass(frozen=True)
class Choice(Verbatim):
    """One of a few words."""

    options: tuple[str, ...]

    def check(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise SpecError(f"{path}: expected one of {', '.join(self.options)}, got {show(value)}")
        return value

    @property
    def range(self) -> tuple[str, ...]:
        return self.options


@dataclass(frozen=True)
class Word(Verbatim):
    """A text of at most `longest` characters that a regular expression matches as a whole."""

    pattern: str
    longest: int

    def check(self, value: Any, path: str) -> str:
        if not isinstance(value, str) or len(value) > self.longest or not re.fullmatch(self.pattern, value):
            raise SpecError(f"{path}: expected a text that matches {self.pattern}, got {show(value)}")
        return value

    @property
    def range(self) -> tuple[str, ...]:
        return (f"a text of at most {self.longest} characters",)


@dataclass(frozen=True)
class Series(Plain):
    """Between 1 and `longest` finite numbers, each in [low, high]; written with commas between them."""

    low: float
    high: float
    longest: int

    def check(self, value: Any, path: str) -> tuple[float, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.longest:
            raise SpecError(f"{path}: expected a list of 1 to {self.longest} numbers, got {show(value)}")
        return tuple(float(_within(self, item, f"{path}[{i}]")) for i, item in enumerate(value))

    def encode(self, value: tuple[float, ...], inner: Callable[[Any], Any]) -> list[float]:
        return [float(item) + 0.0 for item in value]

    def text(self, value: tuple[float, ...]) -> str:
        return ",".join(map(_number_text, value))

    def parse(self, text: str) -> Any:
        numbers = [_number(part) for part in re.split(" *, *", text)]
        return text if any(isinstance(number, str) for number in numbers) else numbers

    @property
    def range(self) -> tuple[str, ...]:
        return (f"1 to {self.longest} numbers from {self.low:g} to {self.high:g}",)


def knobs(cls: type) -> dict[str, Knob]:
    """The fields of a spec class that can be set, in order; keyword-only ones, which its kind shares, come last."""
    return {f.name: f.metadata["knob"] for f in sorted(fields(cls), key=lambda f: f.kw_only is True)}


def defaults(cls: type) -> dict[str, Any]:
    """The default of every field of a spec class; None where there is none."""
    return {f.name: None if f.default is MISSING else f.default for f in fields(cls)}


def dotted(path: str, name: str) -> str:
    """The dotted path of what has a name below a path, either of which may be empty."""
    return f"{path}.{name}" if path and name else path or name


def show(value: Any) -> str:
    """A stranger's value in at most 40 printable characters, for an error's line."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep, or an integer of more digits than Python prints
        text = type(value).__name__
    return text if len(text) <= 40 else text[:37] + "..."


def _within(k: Number | Integer | Series, value: Any, path: str) -> float:
    """A JSON value that is a finite number within the field's range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise SpecError(f"{path}: expected a finite number, got {show(value)}")
    if not k.low <= value <= k.high:
        raise SpecError(f"{path}: expected a number from {k.low:g} to {k.high:g}, got {show(value)}")
    return value


def _finite(value: float) -> bool:
    """Whether a number is finite, however many digits an integer has."""
    return isinstance(value, int) or math.isfinite(value)


def _number(text: str) -> Any:
    """The number that a text means, or the text: Python would also take "1_0", " 1", digits of other scripts, "nan"."""
    try:
        if WHOLE.fullmatch(text):
            return int(text)
        return float(text) if NUMBER.fullmatch(text) else text
    except ValueError:  # more digits than Python reads
        return text


def _number_text(value: float) -> str:
    return repr(value).removesuffix(".0")
