"""The store: records by address, each in a file of its own, what is unfinished beside what is complete.

An address is "<digest>" for a run, "<run>/<digest>" for what was computed of it, "<folder>/<digest>" for other things
that stand alone; digests are of specs. A file is written whole or not at all, and an unfinished record never takes the
place of a complete one. There is no list of what is kept but the files themselves.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.records import ENDS, Record, RecordError, Run, head, load, save
from engine.spec import SpecError, decode, fingerprint
from engine.training.runs import RUNS, RunSpec
from engine.work import settings
from engine.work.lease import Lease

DIGEST = re.compile("[0-9a-f]{16}")
ADDRESS = re.compile("([0-9a-f]{16}|[a-z]{2,20})(/[0-9a-f]{16}){0,3}")
PARTIAL, ROWS, LEASE = ".partial.npz", ".rows", ".lease"
"""What the names of the files of an unfinished record end with: the record, its growing array, and whose it is."""
PIN = ".pin"
"""What the name of the file of a pin ends with, which says that a run is to stay however full the store is."""


@dataclass(frozen=True)
class Summary:
    """What a list of records says of one."""

    digest: str
    status: str  # as Record.status; "unreadable" for a file that cannot be read
    reason: str
    spec: dict[str, Any]
    made: dict[str, Any]
    last: dict[str, float]  # the last value of every measure
    step: int = 0

    @property
    def ended(self) -> bool:
        """Whether it is no longer growing."""
        return self.status != "running"


class Store:
    """Records under a root folder."""

    def __init__(self, root: Path | str | None = None):
        """`root` defaults to the settings' store."""
        self.root = Path(root or settings.read().store)
        self._listed: dict[str, tuple[tuple[int, ...], Summary]] = {}
        if self.root.exists() and not self.root.is_dir():
            raise SpecError(f"store: {self.root.name} is a file, not a folder")

    def file(self, address: str, suffix: str = ".npz") -> Path:
        """The file of a complete record; refuses anything but an address, since names come from URLs."""
        if not ADDRESS.fullmatch(address) or not DIGEST.fullmatch(address.rpartition("/")[2]):
            what = "analysis" if DIGEST.fullmatch(address.partition("/")[0]) else "run"
            raise SpecError(f"{what}: expected 16 hex digits, got {address[:40]!r}")
        place = self.root / address
        return (place / "run" if "/" not in address else place).with_suffix(suffix)

    def has(self, address: str) -> bool:
        """Whether there is a record, complete or not."""
        return self.file(address).exists() or self.file(address, PARTIAL).exists()

    def complete(self, address: str) -> bool:
        """Whether there is a complete record."""
        try:
            return head(self.file(address))["status"] in ENDS
        except RecordError:
            return False

    def keep(self, address: str, record: Record) -> None:
        """Keeps a record: a complete one in its place, an unfinished one beside that. RecordError where it cannot."""
        if record.complete:
            save(self.file(address), record)
            self.drop_partial(address)
        else:
            save(self.file(address, PARTIAL), record, self.file(address, ROWS) if record.grows else None)

    def get(self, address: str, growing: bool = False) -> Record:
        """The complete record of an address, else the unfinished one; with `growing` that one first.

        RecordError, in one line, where there is none that can be read or it is not of this address.
        """
        partial = self.file(address, PARTIAL)
        if partial.exists() and (growing or not self.complete(address)):
            return self._checked(address, load(partial, self.file(address, ROWS)))
        return self._checked(address, load(self.file(address)))

    def find(self, address: str, growing: bool = False) -> Record | None:
        """As `get`; None where there is none that can be read."""
        try:
            return self.get(address, growing)
        except RecordError:
            return None

    def partial(self, address: str) -> Record | None:
        """What an unfinished computation can go on from; None where there is nothing of the sort that can be read."""
        record = self.find(address, growing=True)
        return None if record is None or record.complete else record

    def drop_partial(self, address: str) -> None:
        """Removes what is unfinished."""
        for suffix in (PARTIAL, ROWS):
            self.file(address, suffix).unlink(missing_ok=True)

    def step(self, address: str) -> int:
        """The step that an unfinished record has come to; 0 where it is not known or not counted in steps."""
        try:
            return int(head(self.file(address, PARTIAL))["summary"].get("step", 0))
        except RecordError:
            return 0

    def lease(self, address: str) -> Lease:
        """The right to write a record, which is yet to be taken."""
        return Lease(self.file(address, LEASE))

    def version(self, address: str) -> tuple[int, ...]:
        """Changes whenever the record is written anew; zeros where there is none."""
        return tuple(map(_stamp, (self.file(address), self.file(address, PARTIAL))))

    def forget(self, address: str, beginners: bool = False) -> None:
        """Removes whatever was computed of a record, which is about to grow or just has, and with it the right of those
        at work on such things to write them; unless `beginners` keep theirs."""
        folder = self.root / address
        for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
            kept = path.parent == folder and path.name.startswith("run.")
            if path.is_dir():
                with suppress(OSError):  # somebody is at work in it
                    path.rmdir()
            elif not kept and not (beginners and path.suffix == LEASE):
                path.unlink(missing_ok=True)

    def delete(self, address: str) -> None:
        """Removes a record with all that was computed of it."""
        for suffix in (LEASE, ".npz", PARTIAL, ROWS, PIN):  # the lease first: who writes it writes no more
            self.file(address, suffix).unlink(missing_ok=True)
        shutil.rmtree(self.root / address, ignore_errors=True)

    def pinned(self, address: str) -> bool:
        """Whether a record stays however full the store is."""
        return self.file(address, PIN).exists()

    def pin(self, address: str, stays: bool = True) -> None:
        """Says whether a record stays. SpecError where the store cannot be written to."""
        try:
            self.file(address, PIN).touch() if stays else self.file(address, PIN).unlink(missing_ok=True)
        except OSError as error:
            raise SpecError(f"store: cannot be written to ({error.strerror})") from None

    def sweep(self) -> None:
        """Removes what writes that were cut off have left behind; one that is going on is younger than a minute."""
        for path in self.root.glob("**/.*.part"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif time.time_ns() - _stamp(path) > 60 * 10**9:
                path.unlink(missing_ok=True)

    def run(self, run: str, growing: bool = False) -> Run:
        """The record of a run; RecordError where there is none that can be read."""
        record = self.get(run, growing)
        if not isinstance(record, Run):
            raise RecordError(f"{run}/run.npz: holds a {type(record).__name__}, not a Run")
        return record

    def spec(self, run: str) -> RunSpec:
        """The spec of a kept run; RecordError where there is none that can be read."""
        self.file(run)  # refuses what is no address
        summary = self.summary(run)
        if summary.status == "unreadable":
            raise RecordError(summary.reason)
        return decode(RUNS, summary.spec)

    def specs(self, folder: str, most: int = 50) -> dict[str, dict[str, Any]]:
        """The specs, encoded, of the newest complete records of things that are of nothing, by address; those that
        cannot be read are left out."""
        paths = sorted((self.root / folder).glob("*.npz"), key=lambda path: -_stamp(path))
        found = {}
        for path in [path for path in paths if address_of(path.relative_to(self.root))][:most]:
            with suppress(RecordError):
                found[address_of(path.relative_to(self.root))] = head(path)["spec"]
        return found

    def runs(self) -> list[str]:
        """The digests of all runs, the newest first."""
        return [summary.digest for summary in self.summaries()]

    def summaries(self) -> list[Summary]:
        """All runs, the newest first, from the heads of their records; a run that is as it was costs two looks at its
        files' times, some ten microseconds."""
        listed = {}
        for name, stamps in _runs(self.root):
            known = self._listed.get(name)
            if known is None or known[0] != stamps:
                known = stamps, self.summary(name)
            if any(stamps) or not self.file(name, LEASE).exists():  # else it has just begun
                listed[name] = known
        self._listed = listed
        newest = sorted(listed.values(), key=lambda known: -max(known[0]))
        return [summary for _, summary in newest]

    def summary(self, run: str) -> Summary:
        """One run's summary, of status "unreadable" where its record is damaged."""
        known = self._listed.get(run)
        if known and known[0] == self.version(run):
            return known[1]
        try:
            path = self.file(run, PARTIAL)
            return self._summary(run, path if path.exists() and not self.complete(run) else self.file(run))
        except (RecordError, SpecError) as error:
            return Summary(run, "unreadable", f"{run}: {error}"[:200], {}, {}, {})

    def _summary(self, run: str, path: Path) -> Summary:
        values = head(path)
        if values["kind"] != Run.__name__ or fingerprint(values["spec"]) != run:
            raise RecordError(f"{path.name}: not the record of this run")
        decode(RUNS, values["spec"])
        last = values["summary"]
        step = int(last.pop("step", 0))
        return Summary(run, values["status"], values["reason"], values["spec"], values["made"], last, step)

    def _checked(self, address: str, record: Record) -> Record:
        """The record, if it is what its address says."""
        parent, _, name = address.rpartition("/")
        if fingerprint(record.spec) != name:
            raise RecordError(f"{address}: holds a record of another spec")
        if DIGEST.match(parent) and record.inputs != (parent,):
            raise RecordError(f"{address}: holds a record of another run")
        return record


def address_of(path: Path) -> str:
    """The address of the record that a file, relative to a store's root, belongs to; "" where it belongs to none."""
    name = path.name.partition(".")[0]
    address = path.parent.as_posix() if name == "run" else path.with_name(name).as_posix() if name else ""
    return address if ADDRESS.fullmatch(address) and DIGEST.fullmatch(address.rpartition("/")[2]) else ""


def outline(record: Record) -> Record:
    """A record as those hold it who only show it: of a run's path, which may be half a gigabyte, its shape alone."""
    if not isinstance(record, Run):
        return record
    return replace(record, path=np.broadcast_to(np.zeros((), record.path.dtype), record.path.shape), state={})


def _runs(root: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The folders of runs, and when their files were written, as in `Store.version`."""
    with suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            if DIGEST.fullmatch(entry.name) and entry.is_dir():
                yield entry.name, tuple(_stamp(f"{entry.path}/run{suffix}") for suffix in (".npz", PARTIAL))


def _stamp(path: Path | str) -> int:
    """When a file was written; 0 where it is missing."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  # a Path for each of thousands takes longer than the look
    except OSError:
        return 0
