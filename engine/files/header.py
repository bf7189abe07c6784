"""Headers: whether the first row of a CSV names its columns or is an example already."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from engine.files.cells import Label, label, number


def is_header(first: Sequence[str], second: Sequence[str], labels: Collection[Label | None]) -> bool:
    """Whether the first of the rows is a header, given the row after it and the classes of all other rows.

    It is where all its features are words. It is also where it can be no example of theirs: its last cell names a
    class that no other row has, and its features are not all numbers, or count the columns (as pandas names them), or
    that class is a word while all others are numbers.
    """
    *features, last = first
    named = [cell for cell in features if cell.strip()]
    if named and all(_is_name(cell) for cell in named):
        return True
    found = label(last)
    if found is None:
        return False
    if not found.is_word:
        return _counts(first) and (found not in labels or any("." in cell for cell in second))
    words = any(other.is_word for other in labels if other)
    return found not in labels and (None in map(number, features) or _counts(features) or not words)


def _is_name(cell: str) -> bool:
    """Whether a cell begins as names do, and is no word for a missing value or for a number."""
    return (cell.strip()[0].isalpha() or cell.strip()[0] == "_") and label(cell) is not None


def _counts(cells: Sequence[str]) -> bool:
    """Whether these are 0, 1, 2 and so on, or 1, 2, 3; what stands over an index may come before them."""
    numbers = [number(cell) for cell in (cells[1:] if number(cells[0]) is None else cells)]
    return bool(numbers) and numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))
