"""Tables: the examples in a stranger's file, within limits that are known first, and the line that tells what was
read."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engine.spec import SpecError

LARGEST = 5_000_000
"""Bytes of a file."""
MOST_NUMBERS = 4_000_000
"""Numbers that a compressed file may unpack to, and cells of a CSV."""
FEWEST_ROWS, MOST_ROWS = 20, 1_250_000
"""Rows of a table; of the most, a million are trained on, as many as a run may have."""
MOST_COLUMNS, WIDEST, MOST_CLASSES = 4096, 8192, 50
"""Numbers of an example, cells of a row, among which may be some that are left out, and classes."""


class Table(NamedTuple):
    """Examples and their classes, and what a person should know of how they were read."""

    x: np.ndarray  # [N, D] points or [N, C, S, S] images, float64, finite
    y: np.ndarray  # [N] classes counted from 0 in their order, int64
    classes: tuple[str, ...]  # their names, as messages have them
    columns: tuple[str, ...]  # [D] names of the features, as messages have them; none of images
    header: bool | None = None  # whether the first row was one; None where there is no such thing
    left_out: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line: how many examples, numbers each and classes, whether there was a header, what was left out and
        what is doubtful."""
        header = {True: ["a header"], False: ["no header"], None: []}[self.header]
        said = ", ".join([f"{len(self.x):,} examples of {self._numbers()}", self._classes(), *header])
        left_out = [f"left out: {', '.join(_few(self.left_out))}"] if self.left_out else []
        return "; ".join([said, *left_out, *_few(self.doubts)])

    def _numbers(self) -> str:
        shape = self.x.shape[1:]
        count = math.prod(shape)
        return f"{count:,} number{'s' * (count != 1)} each" + (f" (images {list(shape)})" if len(shape) == 3 else "")

    def _classes(self) -> str:
        counts = np.bincount(self.y, minlength=len(self.classes))
        each = [f"{name}: {count:,}" for name, count in zip(self.classes, counts.tolist(), strict=True)]
        return f"{len(each)} classes ({', '.join(each)})"


def refuse_long(rows: int) -> None:
    """SpecError "file: ..." for more rows than a table may have."""
    if rows > MOST_ROWS:
        raise SpecError(f"file: expected at most {MOST_ROWS:,} rows, got more")


def refuse_wide(shape: tuple[int, ...]) -> None:
    """SpecError "file: ..." for examples [N, *shape] of none or of more numbers than one may have."""
    if not 1 <= math.prod(shape) <= MOST_COLUMNS:
        raise SpecError(f"file: expected 1 to {MOST_COLUMNS} numbers an example, got {math.prod(shape)}")


def checked(table: Table) -> Table:
    """The table, where it is one to learn from; SpecError "file: ..." otherwise."""
    x, counts = table.x, np.bincount(table.y)
    if len(x) < FEWEST_ROWS:
        raise SpecError(f"file: expected at least {FEWEST_ROWS} examples, got {len(x)}")
    refuse_wide(x.shape[1:])
    if not 2 <= len(counts) <= MOST_CLASSES:
        raise SpecError(f"file: expected 2 to {MOST_CLASSES} classes, got {len(counts)}")
    if counts.max() < 2:
        raise SpecError("file: expected a class with two examples, one to train on and one to hold out, got none")
    single = (f"class {table.classes[i]} has one example, which is trained on" for i in np.flatnonzero(counts == 1))
    return table._replace(x=x + 0.0, doubts=(*table.doubts, *single))  # -0 is 0


def _few(items: tuple[str, ...], most: int = 5) -> list[str]:
    """The first of them, and how many more there are."""
    return [*items[:most], *[f"{len(items) - most} more of this kind"] * (len(items) > most)]
