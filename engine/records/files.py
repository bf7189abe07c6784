"""Records in files: one npz each, never a pickle, written whole or not at all; its head is read without the arrays."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine.records.kinds import KINDS, upgraded
from engine.records.record import Record, RecordError, check_plain, named


def save(path: Path, record: Record, rows: Path | None = None) -> None:
    """Keeps a record in a file.

    With `rows`, the record's growing array lies in that file, to which only the rows that are new are appended.
    RecordError where the disk is full or cannot be written.
    """
    head: dict[str, Any] = {"kind": type(record).__name__, "summary": record.summary}
    arrays: dict[str, np.ndarray] = {}
    grown: np.ndarray | None = None
    for f in fields(record):
        value = getattr(record, f.name)
        if rows and f.name == record.grows:
            grown, head["rows"] = value, {"name": f.name, "dtype": value.dtype.str, "shape": value.shape}
        elif isinstance(value, np.ndarray):
            arrays[f.name] = value
        elif "axes" in f.metadata:
            arrays |= {f"{f.name}/{key}": part for key, part in value.items()}
        else:
            head[f.name] = value
    with _one_line(path):
        if rows and grown is not None:
            append(rows, grown, _rows_of(path))
        write(path, lambda file: np.savez(file, allow_pickle=False, record=np.array(json.dumps(head)), **arrays))


def append(path: Path, values: np.ndarray, have: int = 0) -> None:
    """Makes a file hold the bytes of values [T, ...], whose first `have` rows it has already; what follows these is
    of a write that was torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if have and path.exists() else "wb") as file:
        file.truncate(have * values[:1].nbytes)
        file.seek(0, os.SEEK_END)
        file.write(np.ascontiguousarray(values[have:]).tobytes())
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, rows: Path | None = None) -> Record:
    """The record in a file; RecordError, in one line, for one that is missing, torn, foreign or of wrong contents."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = _head(file)
            cls, grown = KINDS[values.pop("kind")], values.pop("rows", None)
            values.pop("summary", None)
            nested: dict[str, dict[str, np.ndarray]] = {name: {} for name in named(cls)}
            for key in file.files:
                name, _, part = key.partition("/")
                if part:
                    nested[name][part] = file[key]
                elif name != "record":
                    values[name] = file[key]
        if grown and rows:
            values[grown["name"]] = _rows(rows, grown)
        return cls(**upgraded(cls, nested | _tuples(values)))
    except Exception as error:  # a torn or foreign file makes zipfile, zlib, json and numpy raise all sorts of things
        raise RecordError(f"{_name(path)}: {_why(error)}") from error


def head(path: Path) -> dict[str, Any]:
    """A record's plain fields, with its "kind" and "summary"; a small part of the file. RecordError as from `load`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = _head(file)
            cls = KINDS[values["kind"]]
            values = upgraded(cls, _tuples(values))
        check_plain(cls, values)
        summary = values.get("summary")
        if summary is None:  # a file of the first version
            summary = load(path).summary
        numbers = isinstance(summary, dict) and all(isinstance(value, int | float) for value in summary.values())
        if not numbers:
            raise RecordError("summary: expected numbers")
        return {"made": {}, "reason": ""} | values | {"summary": summary}
    except Exception as error:
        raise RecordError(f"{_name(path)}: {_why(error)}") from error


def _head(file: Mapping[str, np.ndarray]) -> dict[str, Any]:
    values = json.loads(str(file["record"]))
    if not isinstance(values, dict) or not isinstance(values.get("spec"), dict):
        raise RecordError("spec: expected an object")
    return values


def _rows_of(path: Path) -> int:
    """How many rows of its growing array a record in a file speaks of; 0 where there is none."""
    try:
        return int(head(path)["rows"]["shape"][0])
    except (RecordError, KeyError, TypeError, IndexError):
        return 0


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists only."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _rows(path: Path, grown: Mapping[str, Any]) -> np.ndarray:
    """The rows that a record speaks of; later ones are of a write that was torn."""
    dtype, shape = np.dtype(grown["dtype"]), tuple(int(length) for length in grown["shape"])
    values = np.fromfile(path, dtype, count=int(np.prod(shape)))
    return values.reshape(shape)


def write(path: Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Writes a file atomically: `fill(file)` writes its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Says what the system says of a file in a line without its path."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{_name(path)}: cannot be kept ({error.strerror or 'input or output failed'})") from error


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, RecordError):
        return f"not a record of this program ({error})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return f"not a record that can be read ({type(error).__name__})"
