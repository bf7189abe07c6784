"""Cells: the outcomes of runs of sweeps, by the digests of their specs, in one file beside the runs.

A sweep may have tens of thousands of runs, of each of which some hundred bytes are kept: a database of one file, which
several processes read and write at once, and of which a write that is cut off leaves nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engine.records import RecordError
from engine.sweeps.outcome import CURVES, ENDS, Outcome

FILE = "cells.sqlite"
PATIENCE = 30.0
"""Seconds that one process waits for another's write."""
AT_ONCE = 500
"""Digests that are asked for at once: older versions of SQLite take no more than 999."""
TABLE = """create table if not exists cells
(digest text primary key, steps blob, curves blob, ends blob, seconds real, alone integer, made text, kept real)
without rowid"""


class Cells:
    """The cells of a store."""

    def __init__(self, root: Path):
        self.path = root / FILE

    def put(self, outcomes: Mapping[str, Outcome], made: str = "") -> None:
        """Keeps outcomes by digest, all or none; one that is there already stays. `made` says by what they were
        computed. RecordError where the store cannot be written to."""
        rows = [
            (
                name,
                outcome.steps.astype("<i8").tobytes(),
                outcome.curves.astype("<f4").tobytes(),
                outcome.ends.astype("<f8").tobytes(),
                outcome.seconds,
                int(outcome.alone),
                made,
                time.time(),
            )
            for name, outcome in outcomes.items()
        ]
        with self._open(write=True) as database:
            database.executemany("insert or ignore into cells values (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def get(self, names: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of those digests that have one; of damaged rows none."""
        if not self.path.exists():
            return {}
        found = {}
        with self._open() as database:
            for first in range(0, len(names), AT_ONCE):
                asked = names[first : first + AT_ONCE]
                marks = ",".join("?" * len(asked))
                query = f"select digest, steps, curves, ends, seconds, alone from cells where digest in ({marks})"
                for name, *row in database.execute(query, asked):
                    if (outcome := _outcome(*row)) is not None:
                        found[name] = outcome
        return found

    def known(self, names: Sequence[str]) -> set[str]:
        """Those of the digests that have an outcome."""
        return set(self.get(names))

    def drop(self, names: Sequence[str]) -> None:
        """Forgets outcomes, for the runs to be trained again."""
        with self._open(write=True) as database:
            database.executemany("delete from cells where digest = ?", [(name,) for name in names])

    def count(self) -> int:
        """How many there are."""
        if not self.path.exists():
            return 0
        with self._open() as database:
            return int(database.execute("select count(*) from cells").fetchone()[0])

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=PATIENCE)
            try:
                if write:
                    database.execute("pragma journal_mode = wal")
                    database.execute("pragma synchronous = normal")
                    database.execute(TABLE)
                with database:
                    yield database
            finally:
                database.close()
        except (OSError, sqlite3.Error) as error:
            raise RecordError(f"{FILE}: cannot be {'kept' if write else 'read'} ({error})") from None


def _outcome(steps: bytes, curves: bytes, ends: bytes, seconds: float, alone: int) -> Outcome | None:
    """An outcome from its row; None where that is none."""
    try:
        taken = np.frombuffer(steps, "<i8")
        seen = np.frombuffer(curves, "<f4").reshape(len(taken), len(CURVES))
        return Outcome(taken, seen, np.frombuffer(ends, "<f8").reshape(len(ENDS)), float(seconds), bool(alone))
    except (TypeError, ValueError):
        return None
