"""Tables: the examples in a stranger's CSV or NPZ file, or one line on what is wrong with it; nothing in it is run,
and its size is known first."""

from __future__ import annotations

import csv
import io
import math
import zipfile

import numpy as np

from engine.spec import SpecError

LARGEST = 5_000_000
"""Bytes of a file."""
MOST_NUMBERS = 4_000_000
"""Numbers that a compressed file may unpack to."""
FEWEST_ROWS, MOST_COLUMNS, MOST_CLASSES = 20, 4096, 50
SHAPES = "[N, D] for points or [N, C, S, S] for images"


def examples_of(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """x [N, D] or [N, C, S, S] in float64, and y [N], classes counted from 0 in their order; SpecError "file: ..."
    for all else.

    `name` says by its ending which kind of file it is.
    """
    if len(content) > LARGEST:
        raise SpecError(f"file: expected at most {LARGEST / 1e6:g} MB, got {len(content) / 1e6:.1f} MB")
    if not content.strip():
        raise SpecError("file: it is empty")
    ending = name.lower().rpartition(".")[2]
    if ending not in READERS:
        raise SpecError(f"file: expected a name that ends in .csv or .npz, got {_show(name)}")
    return _checked(*READERS[ending](content))


def _checked(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(x) < FEWEST_ROWS:
        raise SpecError(f"file: expected at least {FEWEST_ROWS} examples, got {len(x)}")
    if not 1 <= math.prod(x.shape[1:]) <= MOST_COLUMNS:
        raise SpecError(f"file: expected 1 to {MOST_COLUMNS} numbers an example, got {math.prod(x.shape[1:])}")
    classes, y = np.unique(labels, return_inverse=True)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise SpecError(f"file: expected 2 to {MOST_CLASSES} classes, got {len(classes)}")
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        raise SpecError(f"file: x{bad[0].tolist()}: expected a finite number, got {x[tuple(bad[0])]}")
    return x.astype(np.float64), y.astype(np.int64)


def _csv(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Rows of numbers whose last cell is the class; a first row without a number among the features is a header."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except UnicodeDecodeError:
        raise SpecError("file: not text in UTF-8") from None
    except csv.Error as error:
        raise SpecError(f"file: row {reader.line_num}: not CSV that can be read ({error})") from None
    first = rows[0][1] if rows else []
    if len(first) < 2:
        raise SpecError("file: expected at least 2 columns separated by commas, the last of them the class")
    header = all(_number(cell) is None for cell in first[:-1])
    names = [_show(cell.strip()) if header else str(i + 1) for i, cell in enumerate(first)]
    x, labels = [], []
    for line, row in rows[header:]:
        if len(row) != len(names):
            raise SpecError(f"file: row {line}: expected {len(names)} cells, as in the first row, got {len(row)}")
        x.append([_cell(cell, line, column) for cell, column in zip(row[:-1], names, strict=False)])
        labels.append(row[-1].strip())
        if not labels[-1]:
            raise SpecError(f"file: row {line}, column {names[-1]}: expected a class, got nothing")
    whole = all(label.removeprefix("-").isdecimal() and len(label) < 16 for label in labels)
    return np.array(x, float).reshape(len(x), len(names) - 1), np.array(
        [int(label) for label in labels] if whole else labels
    )


def _cell(cell: str, line: int, column: str) -> float:
    value = _number(cell)
    if value is None or not math.isfinite(value):
        raise SpecError(f"file: row {line}, column {column}: expected a finite number, got {_show(cell)}")
    return value


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _npz(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The arrays x and y; what a header claims is looked at before any of it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            missing = [name for name in ("x", "y") if f"{name}.npy" not in archive.namelist()]
            if missing:
                raise SpecError(f"file: expected arrays x and y, got no {missing[0]}")
            x, y = (_array(archive, name, kinds) for name, kinds in (("x", "fiu"), ("y", "iu")))
    except SpecError:
        raise
    except Exception as error:  # a torn or foreign archive makes zipfile, zlib and numpy raise all sorts of things
        raise SpecError(f"file: not an NPZ that can be read ({type(error).__name__})") from None
    if x.ndim not in (2, 4) or (x.ndim == 4 and x.shape[2] != x.shape[3]):
        raise SpecError(f"file: x: expected {SHAPES}, got {list(x.shape)}")
    if y.shape != (len(x),):
        raise SpecError(f"file: y: expected [{len(x)}], a class for each example of x, got {list(y.shape)}")
    return x, y


def _array(archive: zipfile.ZipFile, name: str, kinds: str) -> np.ndarray:
    """One array, of these kinds of numbers, no larger than its entry in the archive says and than is allowed."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read(file)
    if dtype.kind not in kinds:
        raise SpecError(
            f"file: {name}: expected {'whole numbers' if kinds == 'iu' else 'numbers'}, got {_show(str(dtype))}"
        )
    if math.prod(shape) > MOST_NUMBERS or math.prod(shape) * dtype.itemsize > entry.file_size:
        raise SpecError(
            f"file: {name}: expected at most {MOST_NUMBERS:,} numbers, all of them there, got {list(shape)}"
        )
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _show(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


READERS = {"csv": _csv, "npz": _npz}
