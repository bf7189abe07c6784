"""Cells: what a piece of text in a stranger's table stands for, a number, a class or nothing."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
"""How numbers are written in tables: not as Python alone reads them (1_0, nan, inf, digits of other scripts). A run of
digits is matched in one way only, for else a long one that no number is takes time by its square."""
NOTHING = re.compile(r"|#?n/?a|<na>|#n/a n/a|null|none|nil|missing|[?.-]+", re.IGNORECASE)
"""What statistics programs and people write where a value is missing; "nan" is no class for another reason."""


class Label(NamedTuple):
    """A class as labels name it: numbers by their value and first, then words in the order of their characters."""

    is_word: bool
    value: Decimal
    word: str

    def __str__(self) -> str:
        return show(self.word) if self.is_word else f"{self.value.normalize():f}"[:40]


def number(cell: str) -> float | None:
    """The number in a cell, spaces and tabs around it apart; None where there is none. Too large a one is infinite."""
    cell = cell.strip(" \t")
    return float(cell) if NUMBER.fullmatch(cell) else None


def label(cell: str) -> Label | None:
    """The class that a cell names: 1, 1.0 and +1e0 are one class, whatever their spaces so are words.

    None where it names none: nothing, a word for a missing value, several numbers, what only Python reads as a number,
    or a character that cannot be seen.
    """
    text = " ".join(unicodedata.normalize("NFC", cell).split())
    if NUMBER.fullmatch(text):
        return Label(False, Decimal(text), "")
    several = all(NUMBER.fullmatch(part) for part in re.split("[ :]", text))
    if several or NOTHING.fullmatch(text) or not text.isprintable() or _read_by_python(text):
        return None
    return Label(True, Decimal(0), text)


def _read_by_python(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def show(text: str) -> str:
    """A stranger's text within a message: on one line, in quotes, at most 40 characters of it."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
