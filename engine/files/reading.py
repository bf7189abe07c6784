"""Reading: a person's CSV or NPZ as a table, or one line on what is wrong with it; nothing in it is run, and its size
is known first. `python -m engine.files.reading KIND FOLDER < FILE`, a process that `engine.files.upload` starts."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from engine.files.cells import show
from engine.files.csv_file import read_csv
from engine.files.kept import keep
from engine.files.npz_file import read_npz
from engine.files.row_numbers import without_row_numbers
from engine.files.table import LARGEST, Table, checked
from engine.spec import SpecError

READERS = {"csv": read_csv, "npz": read_npz}
MEMORY = 500_000_000
"""Bytes that the process may take; the largest files, those of most rows, take two thirds of it."""
SECONDS = 20
"""How long it may compute, five times as long as the largest files take; it ends by itself, whatever becomes of who
started it."""


def main(kind: str, folder: str) -> int:
    """Keeps the table in a file, read from standard input, in a folder, and prints its digest and, in one line, what
    was read; 1 with one line on what is wrong where there is none."""
    try:
        table = read_table(sys.stdin.buffer.read(LARGEST + 1), kind)
        said, status = f"{keep(Path(folder), table.x, table.y)} {table}", 0
    except SpecError as error:
        said, status = str(error), 1
    except MemoryError:
        said, status = f"file: it takes more than {MEMORY / 1e6:g} MB of memory to read", 1
    sys.stdout.buffer.write(said.encode("utf-8", "backslashreplace") + b"\n")
    return status


def kind_of(name: str) -> str:
    """The kind of file that a name says by its ending, a key of READERS; SpecError "file: ..." for any other."""
    ending = name.lower().rpartition(".")[2]
    if ending not in READERS:
        raise SpecError(f"file: expected a name that ends in .csv or .npz, got {show(name)}")
    return ending


def refuse_large(size: int) -> None:
    """SpecError "file: ..." for a file of more bytes than one may have."""
    if size > LARGEST:
        raise SpecError(f"file: expected at most {LARGEST / 1e6:g} MB, got {size / 1e6:.1f} MB")


def read_table(content: bytes, kind: str) -> Table:
    """The examples in a file, without columns that number its rows; SpecError "file: ..." where there are none."""
    refuse_large(len(content))
    if not content.strip():
        raise SpecError("file: it is empty")
    return without_row_numbers(checked(READERS[kind](content)))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    sys.exit(main(*sys.argv[1:]))
