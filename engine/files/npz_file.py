"""NPZ: arrays x and y in NumPy's archive; what a header claims is looked at before any of it is unpacked, and no
pickle is read."""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np

from engine.files.cells import show
from engine.files.table import MOST_NUMBERS, Table, refuse_long, refuse_wide
from engine.spec import SpecError

SHAPES = "[N, D] for points or [N, C, S, S] for images"
HEADER = 2**14
"""Bytes at an array's beginning that are looked at: no header that NumPy reads is longer, one that claims to be would
be unpacked first."""
KINDS = "biuf"
"""Truth values, whole numbers of both kinds and floating-point numbers, as NumPy's dtype.kind has them."""


def read_npz(content: bytes) -> Table:
    """The table in an NPZ file: x of any numbers, y [N] of whole ones; SpecError "file: ..." where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            missing = [name for name in ("x", "y") if f"{name}.npy" not in archive.namelist()]
            if missing:
                raise SpecError(f"file: expected arrays x and y, got no {missing[0]}")
            x, y = (_array(archive, name) for name in ("x", "y"))
    except (SpecError, MemoryError):
        raise
    except Exception as error:  # a torn or foreign archive makes zipfile, zlib and numpy raise all sorts of things
        raise SpecError(f"file: not an NPZ that can be read ({type(error).__name__})") from None
    if x.ndim not in (2, 4) or (x.ndim == 4 and x.shape[2] != x.shape[3]):
        raise SpecError(f"file: x: expected {SHAPES}, got {list(x.shape)}")
    if y.shape != (len(x),):
        raise SpecError(f"file: y: expected [{len(x)}], a class for each example of x, got {list(y.shape)}")
    return _table(x, y)


def _table(x: np.ndarray, y: np.ndarray) -> Table:
    """The numbers in float64, and the classes; refused where they are not finite in it, or not whole."""
    with np.errstate(over="ignore", invalid="ignore"):  # what lies beyond float64 is refused below
        values = x.astype(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise SpecError(f"file: x{bad[0].tolist()}: expected a finite number, got {x[tuple(bad[0])]!s}")
    broken = np.flatnonzero(~(np.isfinite(y) & (y == np.floor(y)))) if y.dtype.kind == "f" else []
    if len(broken):
        raise SpecError(f"file: y[{broken[0]}]: expected a whole number, got {y[broken[0]]}")
    classes, places = np.unique(y, return_inverse=True)
    names = tuple(str(int(found))[:40] for found in classes)
    columns = tuple(str(j + 1) for j in range(x.shape[1])) if x.ndim == 2 else ()
    return Table(values, places.astype(np.int64), names, columns)


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of numbers, no larger than its entry in the archive says and than is allowed."""
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others want memory of their own
        raise SpecError(f"file: {name}: expected it compressed as NumPy does, if at all")
    with archive.open(entry) as file:
        start = io.BytesIO(file.read(HEADER))
    version = np.lib.format.read_magic(start)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read(start)
    if dtype.kind not in KINDS:
        raise SpecError(
            f"file: {name}: expected {'whole numbers' if name == 'y' else 'numbers'}, got {show(str(dtype))}"
        )
    if math.prod(shape) > MOST_NUMBERS or math.prod(shape) * dtype.itemsize > entry.file_size:
        raise SpecError(
            f"file: {name}: expected at most {MOST_NUMBERS:,} numbers, all of them there, got {list(shape)}"
        )
    if name == "x" and len(shape) in (2, 4):  # others are refused for their shape
        refuse_long(shape[0])
        refuse_wide(shape[1:])
    with archive.open(entry) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
