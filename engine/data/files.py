"""Files: a person's CSV or NPZ as a table, or one line on what is wrong with it; nothing in it is run, and its size is
known first."""

from __future__ import annotations

from engine.data.cells import show
from engine.data.csv_file import read_csv
from engine.data.npz_file import read_npz
from engine.data.row_numbers import without_row_numbers
from engine.data.table import LARGEST, Table, checked
from engine.spec import SpecError

READERS = {"csv": read_csv, "npz": read_npz}


def read_file(content: bytes, name: str) -> Table:
    """The examples in a file, without columns that number its rows; SpecError "file: ..." where there are none.

    `name` says by its ending which kind of file it is.
    """
    if len(content) > LARGEST:
        raise SpecError(f"file: expected at most {LARGEST / 1e6:g} MB, got {len(content) / 1e6:.1f} MB")
    if not content.strip():
        raise SpecError("file: it is empty")
    ending = name.lower().rpartition(".")[2]
    if ending not in READERS:
        raise SpecError(f"file: expected a name that ends in .csv or .npz, got {show(name)}")
    return without_row_numbers(checked(READERS[ending](content)))
