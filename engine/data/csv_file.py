"""CSV: rows of numbers separated by commas, the last cell of each the class; nothing is guessed but the header."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import NamedTuple

import numpy as np

from engine.data.cells import Label, label, number, show
from engine.data.header import is_header
from engine.data.table import Table
from engine.spec import SpecError

Row = tuple[int, list[str]]
"""A row's number in the file, from 1 (its last line's), and its cells."""


class Column(NamedTuple):
    """A column's place in a row, from 0, and what messages call it."""

    place: int
    name: str


QUOTED_OR_SEPARATOR = re.compile(r'(?<![^,\r\n]) *"(?:[^"]|"")*+"|([;|]|(?<=[^,\s])\t+(?=[^,\s]))')
"""A cell in quotes, or outside of any what separates cells elsewhere; a tab beside a comma is a space."""


def read_csv(content: bytes) -> Table:
    """The table in a CSV file in UTF-8; SpecError "file: row R, column C: ..." where it is none.

    A first row that `is_header` is one. A first column without a name is an index (as R and pandas write them) and is
    left out, and so are rows in which nothing stands.
    """
    text = _text(content)
    rows, empty = _rows(text)
    if not rows or len(rows[0][1]) < 2:
        raise SpecError("file: expected at least 2 columns separated by commas, the last of them the class")
    _refuse_other_separators(text)
    known = {cell: label(cell) for cell in {row[-1] for _, row in rows}}
    first = rows[0][1]
    others = [row for _, row in rows if row != first]
    header = is_header(first, others[0] if others else [], {known[row[-1]] for row in others})
    examples = rows[header:]
    _refuse_other_rows(examples, first, header)
    columns = _columns(first, header)
    classes, y = _counted([_class(known[row[-1]], row[-1], line, columns[-1].name) for line, row in examples])
    features = columns[_is_index(first, header) : -1]
    x = [[_number(row[place], line, name) for place, name in features] for line, row in examples]
    return Table(
        np.array(x, float).reshape(len(x), len(features)),
        y,
        classes,
        tuple(name for _, name in features),
        header,
        (*["column 1, which has no name"] * _is_index(first, header), *[f"{empty} empty rows"] * (empty > 0)),
    )


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError("file: not text in UTF-8") from None


def _rows(text: str) -> tuple[list[Row], int]:
    """All rows in which something stands, and the number of those with cells of which none has anything in it."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    rows, empty = [], 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
            else:
                empty += len(row) > 1
    except csv.Error as error:
        raise SpecError(f"file: row {reader.line_num}: not CSV that can be read ({error})") from None
    return rows, empty


def _refuse_other_separators(text: str) -> None:
    for found in QUOTED_OR_SEPARATOR.finditer(text):
        if found[1]:
            line = text.count("\n", 0, found.start()) + 1
            raise SpecError(
                f"file: row {line}: mixed separators, {show(found[1])} beside ','; expected commas between the cells "
                "and points in the numbers"
            )


def _refuse_other_rows(examples: list[Row], first: list[str], header: bool) -> None:
    for line, row in examples:
        if len(row) != len(first):
            raise SpecError(f"file: row {line}: expected {len(first)} cells, as in the first row, got {len(row)}")
        if header and row == first:
            raise SpecError(f"file: row {line}: expected an example, got the header again")


def _columns(first: list[str], header: bool) -> list[Column]:
    """All columns; messages call them by the header's name, or by number where that is missing or another's too."""
    names = [cell.strip() if header else "" for cell in first]
    return [Column(i, show(name) if name and names.count(name) == 1 else str(i + 1)) for i, name in enumerate(names)]


def _is_index(first: list[str], header: bool) -> bool:
    """Whether the first of several features is an index: its column has no name under a header."""
    return header and len(first) > 2 and bool(re.fullmatch(r"(Unnamed: ?\d+)?", first[0].strip()))


def _counted(labels: list[Label]) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes in their order, and each label's place [N] among them."""
    classes = sorted(set(labels))
    place = {found: i for i, found in enumerate(classes)}
    return tuple(map(str, classes)), np.array([place[found] for found in labels], np.int64)


def _number(cell: str, line: int, column: str) -> float:
    value = number(cell)
    if value is None or not math.isfinite(value):
        raise SpecError(f"file: row {line}, column {column}: expected a finite number, got {show(cell)}")
    return value


def _class(found: Label | None, cell: str, line: int, column: str) -> Label:
    if found is None:
        got = show(cell) if cell.strip() else "nothing"
        raise SpecError(f"file: row {line}, column {column}: expected a class, got {got}")
    return found
