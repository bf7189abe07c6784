"""The quota: a store that is full loses its oldest records first, but not what ships, is pinned or is at work."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from engine.records import RecordError
from engine.work.cells import FILE, Cells
from engine.work.jobs import Jobs
from engine.work.presets import SHIPPED
from engine.work.store import Store, address_of

LOOK = 10.0
"""Seconds between two looks at a store's size: so long it may be beyond its quota."""
GRACE = 600.0
"""Seconds for which a file of data that no run names yet stays."""


class Kept(NamedTuple):
    """A record in a store, whatever its files."""

    address: str
    size: int  # bytes, without what was computed of it
    written: float  # when a file of it, or of what was computed of it, was written last: that goes before it


def watch(jobs: Jobs) -> None:
    """Keeps the store of a server within its quota for as long as the server runs, if it has one."""
    if jobs.settings.public and jobs.settings.quota:
        threading.Thread(target=_watch, args=(jobs,), daemon=True).start()


def _watch(jobs: Jobs) -> None:
    while not jobs.closing.wait(LOOK):
        with suppress(OSError):  # a store that disappears for a while
            trim(jobs.store, jobs.settings.quota, jobs.commands)


def trim(store: Store, quota: int, at_work: Callable[[], Iterable[str]] = tuple) -> list[str]:
    """Deletes the oldest records until the store has at most `quota` bytes; their addresses. `at_work()` gives the
    commands, as text, of jobs whose records, and what they need, stay. Sweeps' cells may have half of the bytes."""
    with suppress(RecordError):  # a store that cannot be written to for a while
        Cells(store.root).trim(quota // 2, SHIPPED / FILE)
    total = sum(path.stat().st_size for path in _files(store.root))
    if total <= quota:
        return []
    gone: list[str] = []
    named = " ".join(json.dumps(summary.spec) for summary in store.summaries())
    shipped = {address_of(path.relative_to(SHIPPED)) for path in SHIPPED.glob("**/*.npz")}
    for record in sorted(kept(store), key=lambda record: (record.written, -record.address.count("/"))):
        if total <= quota:
            break
        if record.address in shipped or store.pinned(record.address):
            continue
        own = record.address.startswith("own/")
        if own and (_digest(record) in named or time.time() - record.written < GRACE):
            continue
        if _digest(record) in " ".join(at_work()) or not _idle(store, record.address):
            continue
        store.delete(record.address)
        gone.append(record.address)
        total -= record.size
    return gone


def kept(store: Store) -> list[Kept]:
    """All records, and the files of people's own data, in a store."""
    sizes: dict[str, int] = {}
    written: dict[str, float] = {}
    for path in _files(store.root):
        if address := address_of(path.relative_to(store.root)):
            about = path.stat()
            sizes[address] = sizes.get(address, 0) + about.st_size
            for one in (address, address.rpartition("/")[0]):
                written[one] = max(written.get(one, 0.0), about.st_mtime)
    return [Kept(address, size, written[address]) for address, size in sizes.items()]


def _digest(record: Kept) -> str:
    return record.address.rpartition("/")[2]


def _idle(store: Store, address: str) -> bool:
    """Whether no process writes a record, or what is computed of it; else it is at work elsewhere."""
    leases = [store.lease(address)]
    below = [address_of(path.relative_to(store.root)) for path in (store.root / address).rglob("*.lease")]
    leases += [store.lease(name) for name in below if name and name != address]
    free = [lease.take() for lease in leases]
    for lease in leases:
        lease.give_back()
    return all(free)


def _files(root: Path) -> list[Path]:
    found = []
    for path in root.rglob("*"):
        with suppress(OSError):
            found += [path] if path.is_file() else []
    return found
