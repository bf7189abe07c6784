"""Performing: the one way in which work becomes a record in a store, for jobs and for the command line."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import replace

from engine.machine import made
from engine.records import ENDS, Progress, Record, RecordError, Stop
from engine.spec import SpecError
from engine.work.budget import Limits
from engine.work.endings import heard
from engine.work.kinds import Work
from engine.work.lease import Lease
from engine.work.reasons import in_a_line
from engine.work.store import Store

SAVE_EVERY = 0.5
"""Seconds from one saving of what there is so far to the next; more where saving takes long."""
SHARE = 0.05
"""Of the time that may go into saving."""
ELSEWHERE = "elsewhere"
"""The status of work that another process does."""
LOOK = 0.25
"""Seconds between two looks at what another process does."""
OTHERS = "another process is at work on it"
GONE = "it was deleted, or taken over by another process"
GROWN = "run: it has gone on since this was begun; compute it again"
OVERTAKEN = (GONE, GROWN)
"""Reasons that are no fault of the work itself, which can be begun again at once."""


def perform(
    store: Store,
    work: Work,
    device: str = "cpu",
    fresh: bool = False,
    over: bool = False,
    limits: Limits | None = None,
) -> Iterator[Progress]:
    """Computes work into the store, going on from what an earlier attempt has left (unless `fresh`).

    What it needs is made first where it is missing and known how. Where another process is at work on it, its
    progress is followed, and taken over if that process dies, or at once where `over` asks for that. Closing the
    generator leaves it to be gone on with; throwing Stop into it ends it, and what there is is kept as stopped. An
    error in computing keeps what there is as failed and is told as the reason. A complete record is only ever replaced
    by a complete one. SpecError, before anything is done, where the work would cost more than the limits allow.
    """
    work.check([store.spec(run) for run in work.runs], limits or Limits(), device)
    yield from _missing(store, work, device)
    lease = store.lease(work.address)
    if (yield from _followed(store, work.address, lease, over)):
        return
    try:
        end = yield from _performed(store, work, device, fresh, lease)
    finally:
        lease.give_back()
    yield end


def patiently(performing: Iterator[Progress]) -> Iterator[Progress]:
    """The same progress, for a process that has nothing else to do while another is at work. Asked to end, it stops
    after the step at hand, and raises KeyboardInterrupt once that is kept and told."""
    asked: list[int] = []
    with heard(lambda number, _: asked.append(number)):
        for progress in performing:
            yield progress
            if asked and progress.status in ("running", ELSEWHERE):
                with suppress(Stop):  # what it needs was being made, and can be gone on with
                    yield performing.throw(Stop())  # type: ignore[attr-defined]  # a generator
                raise KeyboardInterrupt
            if progress.status == ELSEWHERE or progress.idle:
                time.sleep(LOOK)


def _followed(store: Store, address: str, lease: Lease, over: bool) -> Generator[Progress, None, bool]:
    """Watches while another process writes the record; returns whether that has ended it, else the lease is ours.

    Stop ends the watching alone: what another process does is not ours to end.
    """
    told = None
    try:
        while not lease.take(over):
            told, before = store.version(address), told
            step = store.step(address)
            yield Progress(step, step, saved=told != before, status=ELSEWHERE, reason=OTHERS)
    except Stop:
        yield Progress(0, 0, status="stopped", reason="another process goes on with it")
        return True
    except OSError as error:
        raise RecordError(f"store: cannot be written to ({error.strerror})") from error
    if told is None or not store.complete(address):
        return False
    lease.give_back()
    record = store.get(address)
    yield Progress(0, 0, saved=True, status=record.status, reason=record.reason)
    return True


def _performed(store: Store, work: Work, device: str, fresh: bool, lease: Lease) -> Generator[Progress, None, Progress]:
    """As `perform`, with the lease of its record taken; returns how it ended."""
    address = work.address
    inputs = [store.get(needed) for needed in map(_address, work.needs)]
    unfinished = [_address(needed) for needed, record in zip(work.needs, inputs, strict=True) if not record.complete]
    before = None if fresh else store.partial(address)
    if before is None:
        store.drop_partial(address)
    ended = store.complete(address)
    if not ended:
        store.forget(address)
    keeper = _Keeper(store, address, unfinished, device, lease)
    latest, computing = Progress(0, 0), work.kind.compute(work.spec, inputs, device, before)
    try:
        while True:
            latest = next(computing)
            yield latest._replace(partial=None, saved=keeper.note(latest.partial))
    except StopIteration as end:
        complete = end.value
        status, reason = keeper.keep(complete, complete.status, complete.reason)
        if not ended:
            # what was computed on the way speaks of an unfinished record; who has just begun has the finished one
            store.forget(address, beginners=True)
    except GeneratorExit:
        keeper.keep(keeper.latest(), "running")
        raise
    except Stop:
        done = f"stopped at {latest.done:,} of {latest.total:,} {work.kind.unit}"
        status, reason = keeper.keep(keeper.latest(), "stopped", done)
    except Exception as error:  # whatever breaks one piece of work must not break the worker that also does the others
        status, reason = keeper.keep(keeper.latest(), "failed", in_a_line(error))
    return Progress(latest.done, latest.total, None, None, True, status, reason)


def _missing(store: Store, work: Work, device: str) -> Iterator[Progress]:
    """Makes what is needed and missing, as far as it is known how."""
    for needed in work.needs:
        if isinstance(needed, str) or store.complete(needed.address):
            continue
        for progress in perform(store, needed, device):
            if progress.status in ("running", ELSEWHERE):
                yield progress
            elif progress.status not in ENDS:
                raise SpecError(f"{needed.kind.name}: {progress.reason or progress.status}")


def _address(needed: str | Work) -> str:
    return needed if isinstance(needed, str) else needed.address


class _Keeper:
    """Keeps what there is of a record, now and then."""

    def __init__(self, store: Store, address: str, unfinished: list[str], device: str, lease: Lease):
        self.store, self.address, self.unfinished, self.device, self.lease = store, address, unfinished, device, lease
        self.partial: Callable[[], Record] | None = None
        self.kept, self.cost, self.new = -math.inf, 0.0, False

    def note(self, partial: Callable[[], Record] | None) -> bool:
        """Takes note of what there is, and keeps it if it is time; whether it did. RecordError where that fails."""
        self.partial, self.new = partial or self.partial, self.new or partial is not None
        if not self.new or time.monotonic() - self.kept < max(SAVE_EVERY, self.cost / SHARE):
            return False
        started = time.monotonic()
        status, reason = self.keep(self.latest(), "running")
        if status != "running":
            raise RecordError(reason)
        self.kept, self.new = time.monotonic(), False
        self.cost = self.kept - started
        return True

    def latest(self) -> Record | None:
        """The record of what there is; None before there is anything."""
        return self.partial() if self.partial else None

    def keep(self, record: Record | None, status: str, reason: str = "") -> tuple[str, str]:
        """Keeps a record with a status; returns how that ended, which a full disk may change, or who deletes it."""
        if any(self.store.complete(needed) for needed in self.unfinished):
            return "failed", GROWN
        if not self.lease.held:
            return "stopped", GONE
        try:
            if record is not None:
                self.store.keep(self.address, replace(record, status=status, reason=reason, made=made(self.device)))
            return status, reason
        except RecordError as error:
            return "failed", reason or str(error)
