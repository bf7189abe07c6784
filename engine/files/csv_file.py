"""CSV: rows of numbers separated by commas, the last cell of each the class; nothing is guessed but the header."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from engine.files.cells import Label, label, number, show
from engine.files.header import is_header
from engine.files.table import MOST_CLASSES, MOST_NUMBERS, WIDEST, Table, refuse_long
from engine.spec import SpecError

Row = tuple[int, list[str]]
"""A row's number in the file, from 1 (its last line's), and its cells."""
Labels = dict[str, Label | None]
"""What cells name as classes, None where they name none."""


class Column(NamedTuple):
    """A column's place in a row, from 0, and what messages call it."""

    place: int
    name: str


UNNAMED = re.compile(r"(Unnamed: ?[0-9.]+)?")
"""What stands over an index: nothing, or what pandas calls it once it has read that."""
QUOTED_OR_SEPARATOR = re.compile(r'(?<![^,\r\n]) *"(?:[^"]|"")*+"|([;|]|(?<=[^,\s])\t+(?=[^,\s]))')
"""A cell in quotes, or outside of any what separates cells elsewhere; a tab beside a comma is a space."""
MANY = 10_000
"""Classes that are counted; that there are more is all that is told of a file with more."""


def read_csv(content: bytes) -> Table:
    """The table in a CSV file in UTF-8; SpecError "file: row R, column C: ..." where it is none.

    A first row that `is_header` is one. First columns without a name are indices (as R and pandas write them) and
    are left out, and so are rows in which nothing stands.
    """
    text = _text(content)
    rows, empty = _rows(text)
    if not rows or len(rows[0][1]) < 2:
        raise SpecError("file: expected at least 2 columns separated by commas, the last of them the class")
    _refuse_other_separators(text)
    labels = _labels(rows)
    header = _has_header(rows, labels)
    table = _table(rows[0][1], rows[header:], labels, header)
    return table._replace(left_out=(*table.left_out, *[f"{empty} empty row{'s' * (empty != 1)}"] * (empty > 0)))


def _labels(rows: list[Row]) -> Labels:
    """What the last cells of the rows name, by cell; SpecError for more classes than are counted."""
    labels: Labels = {}
    classes: set[Label | None] = set()
    for _, row in rows:
        if row[-1] not in labels:
            labels[row[-1]] = label(row[-1])
            classes.add(labels[row[-1]])
            if len(classes) > MANY:
                raise SpecError(f"file: expected 2 to {MOST_CLASSES} classes, got more than {MANY:,}")
    return labels


def _has_header(rows: list[Row], labels: Labels) -> bool:
    first = rows[0][1]
    others = [row for _, row in rows if row != first]  # a header may come again
    return is_header(first, others[0] if others else [], {labels[row[-1]] for row in others})


def _table(first: list[str], examples: list[Row], labels: Labels, header: bool) -> Table:
    _refuse_other_rows(examples, first, header)
    columns, indices = _columns(first, header), _indices(first, header)
    features = columns[indices:-1]
    classes, y = _classes(examples, labels, columns[-1].name)
    x = np.empty((len(examples), len(features)))
    for i, (line, row) in enumerate(examples):
        x[i] = [_number(row[place], line, name) for place, name in features]
    return Table(
        x,
        y,
        classes,
        tuple(name for _, name in features),
        header,
        tuple(f"column {i + 1}, which has no name" for i in range(indices)),
    )


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError("file: not text in UTF-8") from None


def _rows(text: str) -> tuple[list[Row], int]:
    """All rows in which something stands, and the number of those with cells of which none has anything in it; no more
    of either than a table may have."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    rows, empty, cells = [], 0, 0
    try:
        for count, row in enumerate(reader, 1):
            cells += len(row)
            refuse_long(count)
            _refuse_cells(reader.line_num, len(row), cells)
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
            else:
                empty += len(row) > 1
    except csv.Error as error:
        raise SpecError(f"file: row {reader.line_num}: not CSV that can be read ({error})") from None
    return rows, empty


def _refuse_cells(line: int, row: int, cells: int) -> None:
    if row > WIDEST:
        raise SpecError(f"file: row {line}: expected at most {WIDEST:,} cells, got {row:,}")
    if cells > MOST_NUMBERS:
        raise SpecError(f"file: row {line}: expected at most {MOST_NUMBERS:,} cells in all rows up to it, got more")


def _refuse_other_separators(text: str) -> None:
    for found in QUOTED_OR_SEPARATOR.finditer(text):
        if found[1]:
            line = len(re.findall(r"\r\n?|\n", text[: found.start(1)])) + 1
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
    times = Counter(names)
    return [Column(i, show(name) if name and times[name] == 1 else str(i + 1)) for i, name in enumerate(names)]


def _indices(first: list[str], header: bool) -> int:
    """How many columns before the features are indices: they have no name under a header, and some feature has."""
    named = [i for i, cell in enumerate(first[:-1]) if not UNNAMED.fullmatch(cell.strip())]
    return named[0] if header and named else 0


def _classes(examples: list[Row], labels: Labels, column: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes in their order, and the place [N] of each example's among them."""
    for line, row in examples:
        if labels[row[-1]] is None:
            got = show(row[-1]) if row[-1].strip() else "nothing"
            raise SpecError(f"file: row {line}, column {column}: expected a class, got {got}")
    found = [labels[row[-1]] for _, row in examples]
    classes = sorted({each for each in found if each})
    place: dict[Label | None, int] = {each: i for i, each in enumerate(classes)}
    return tuple(map(str, classes)), np.array([place[each] for each in found], np.int64)


def _number(cell: str, line: int, column: str) -> float:
    value = number(cell)
    if value is None or not math.isfinite(value):
        raise SpecError(f"file: row {line}, column {column}: expected a finite number, got {show(cell)}")
    return value
