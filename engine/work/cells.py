"""Cells: the outcomes of runs of sweeps, by the digests of their specs, in one file beside the runs.

A sweep may have tens of thousands of runs, of each of which some hundred bytes are kept: a database of one file, which
several processes read and write at once, and of which a write that is cut off leaves nothing. Who trains a cell claims
it first, so that nobody else does: a claim holds for as long as the process lives that has made it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from engine.records import RecordError
from engine.sweeps.outcome import CURVES, ENDS, Outcome
from engine.work.lease import Lease

FILE = "cells.sqlite"
PATIENCE = 30.0
"""Seconds that one process waits for another's write."""
AT_ONCE = 500
"""Digests that are asked for at once: older versions of SQLite take no more than 999."""
TABLES = (
    """create table cells
    (digest text primary key, steps blob, curves blob, ends blob, seconds real, alone integer, made text, kept real)""",
    "create table claims (digest text primary key, owner text)",
)


class Cells:
    """The cells of a store."""

    def __init__(self, root: Path):
        self.path = root / FILE

    def put(self, outcomes: Mapping[str, Outcome], made: str = "") -> None:
        """Keeps outcomes by digest, all or none, and ends the claims to them; one that is there already stays. `made`
        says by what they were computed. RecordError where the store cannot be written to."""
        rows = [
            (
                name,
                outcome.steps.astype("<i4").tobytes(),
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
            database.executemany("delete from claims where digest = ?", [row[:1] for row in rows])

    def get(self, names: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of those digests that have one; of damaged rows none."""
        if not self.path.exists():
            return {}
        with self._open() as database:
            return _outcomes(database, names)

    def known(self, names: Sequence[str]) -> set[str]:
        """Those of the digests that have an outcome."""
        return set(self.get(names))

    def claim(self, names: Sequence[str], owner: str) -> list[str]:
        """Those of the digests that are now the owner's to train: who has no outcome, and is no living owner's."""
        with self._open(write=True) as database:
            done, others = _outcomes(database, names), _owned(database, names)
            alive = {other for other in {*others.values()} if self._lives(other)}
            ours = [name for name in names if name not in done and others.get(name) not in alive]
            database.executemany("delete from cells where digest = ?", [(name,) for name in ours])  # a damaged row
            database.executemany("insert or replace into claims values (?, ?)", [(name, owner) for name in ours])
        return ours

    def claimed(self, names: Sequence[str]) -> set[str]:
        """Those of the digests that a living owner has."""
        if not self.path.exists():
            return set()
        with self._open() as database:
            others = _owned(database, names)
        alive = {other for other in {*others.values()} if self._lives(other)}
        return {name for name, other in others.items() if other in alive}

    @contextmanager
    def owner(self) -> Iterator[str]:
        """The name of a new owner of claims, who lives as long as this does, or the process."""
        name = os.urandom(8).hex()
        lease = self._lease(name)
        try:
            lease.take()
        except OSError as error:
            raise RecordError(f"{FILE}: cannot be kept ({error.strerror})") from None
        try:
            yield name
        finally:
            lease.give_back()

    def adopt(self, shipped: Path) -> None:
        """Takes over the cells of another such file that are not here. RecordError where either cannot be used."""
        with self._open(write=True):
            pass  # the tables
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as database, database:
                database.execute("attach ? as other", (str(shipped),))
                columns = "digest, steps, curves, ends, seconds, alone, made, kept"
                database.execute(f"insert or ignore into cells ({columns}) select {columns} from other.cells")
        except sqlite3.Error as error:
            raise RecordError(f"{FILE}: what ships cannot be taken over ({error})") from None

    def drop(self, names: Sequence[str]) -> None:
        """Forgets outcomes, for the runs to be trained again."""
        with self._open(write=True) as database:
            database.executemany("delete from cells where digest = ?", [(name,) for name in names])

    def trim(self, size: int, shipped: Path) -> int:
        """Forgets the oldest outcomes, but those of another such file, which ship, until the file has at most `size`
        bytes; how many. RecordError where the store cannot be written to."""
        written = self.path.stat().st_size if self.path.exists() else 0
        if written <= size:
            return 0
        with self._open(write=True) as database:
            whole = int(database.execute("select count(*) from cells").fetchone()[0])
        excess = min(whole, -(-(written - size) * whole // written))
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as database:
                with database:
                    database.execute("attach ? as other", (str(shipped),))
                    oldest = "select digest from cells where digest not in (select digest from other.cells)"
                    query = f"delete from cells where digest in ({oldest} order by kept limit ?)"
                    forgotten = database.execute(query, (excess,)).rowcount
                database.execute("vacuum")  # else the file keeps its size
        except sqlite3.Error as error:
            raise RecordError(f"{FILE}: cannot be kept ({error})") from None
        return forgotten

    def count(self) -> int:
        """How many there are."""
        if not self.path.exists():
            return 0
        with self._open() as database:
            return int(database.execute("select count(*) from cells").fetchone()[0]) if _begun(database) else 0

    def _lease(self, owner: str) -> Lease:
        return Lease(self.path.with_name(f"cells.{owner}.lease"))

    def _lives(self, owner: str) -> bool:
        """Whether an owner's process holds its lock; the file that a dead one has left is removed."""
        lease = self._lease(owner)
        if not lease.path.exists():
            return False
        free = lease.take()
        lease.give_back()
        return not free

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """The database, in a transaction of its own; what other files of its name hold is left as it is."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            try:
                database.execute("begin immediate" if write else "begin")
                if write and not _begun(database):
                    for table in TABLES:
                        database.execute(table)
                yield database
                database.execute("commit")
            finally:
                database.close()  # which undoes what is not committed
        except (OSError, sqlite3.Error) as error:
            raise RecordError(f"{FILE}: cannot be {'kept' if write else 'read'} ({error})") from None


def _begun(database: sqlite3.Connection) -> bool:
    """Whether there are tables yet; RecordError where they are somebody else's."""
    tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
    if tables and not {"cells", "claims"} <= tables:
        raise RecordError(f"{FILE}: holds something else, the table {min(tables)}")
    return bool(tables)


def _outcomes(database: sqlite3.Connection, names: Sequence[str]) -> dict[str, Outcome]:
    found = {}
    columns = "digest, steps, curves, ends, seconds, alone"
    for name, *row in _rows(database, f"select {columns} from cells", names):
        if (outcome := _outcome(*row)) is not None:
            found[name] = outcome
    return found


def _owned(database: sqlite3.Connection, names: Sequence[str]) -> dict[str, str]:
    """The owners of those digests that are claimed."""
    return dict(_rows(database, "select digest, owner from claims", names))


def _rows(database: sqlite3.Connection, query: str, names: Sequence[str]) -> Iterator[tuple]:
    """The rows of those digests."""
    if not _begun(database):
        return
    for first in range(0, len(names), AT_ONCE):
        asked = names[first : first + AT_ONCE]
        yield from database.execute(f"{query} where digest in ({','.join('?' * len(asked))})", asked)


def _outcome(steps: bytes, curves: bytes, ends: bytes, seconds: float, alone: int) -> Outcome | None:
    """An outcome from its row; None where that is none."""
    try:
        taken = np.frombuffer(steps, "<i4").astype(int)
        if not len(taken):
            return None
        seen = np.frombuffer(curves, "<f4").reshape(len(taken), len(CURVES))
        return Outcome(taken, seen, np.frombuffer(ends, "<f8").reshape(len(ENDS)), float(seconds), bool(alone))
    except (TypeError, ValueError):
        return None
