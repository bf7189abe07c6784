"""Caches: the only module that holds any; what they keep is keyed on digests and versions, never on specs.

Records, drawings and encoded charts share one cache that is bounded in bytes. Besides, there are titles and specs, at
most some kilobytes of each run and thousands of runs.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from threading import BoundedSemaphore, Event, Thread
from typing import Any

import streamlit as st
from streamlit.runtime.caching.cache_resource_api import CACHE_RESOURCE_MESSAGE_REPLAY_CTX as REPLAY
from streamlit.runtime.caching.cache_type import CacheType
from streamlit.runtime.caching.cached_message_replay import CachedResult, replay_cached_messages

from engine.figures import words
from engine.records import Record, RecordError, Run, write
from engine.spec import SpecError, decode, encode, fingerprint
from engine.training.runs import RUNS, RunSpec
from engine.work import quota
from engine.work.cells import FILE, Cells
from engine.work.cost import Cost
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.presets import SHIPPED
from engine.work.store import Store, Summary, outline
from pages.ui.weighed import Weighed

MOST, TRAYS = 256_000_000, 64_000_000
"""Bytes that records, drawings and encoded charts may take together, and the panels of all figures."""
LATER = 15.0
"""Seconds after the first page for which what counts costs is not loaded: it would slow down those that come first."""
ENDING = 20.0
"""Seconds that a server which ends waits at most for what it is loading."""
AT_ONCE, MOST_COSTS = 0.15, 2000
"""Seconds that a page waits for a cost to be counted, and how many costs are remembered."""
SERVING: list[Jobs] = []
"""The jobs that are to be closed when the server ends."""


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The server's jobs and its store, which holds what ships from the first second."""
    store = Store()
    store.sweep()
    _adopt(store)
    made = Jobs(store)
    made.warm()
    quota.watch(made)
    SERVING.append(made)
    return made


@atexit.register
def close() -> None:
    """Lets the jobs keep their last steps and end, if there are any: for a server that ends."""
    while SERVING:
        SERVING.pop().close()


def store() -> Store:
    """The server's store."""
    return jobs().store


def version(address: str) -> tuple[int, ...]:
    """Changes whenever a record is written anew. To be read before the record: what is made of a record that is older
    than its version would be kept for the new one."""
    try:
        return store().version(address)
    except SpecError:
        return ()


def record(address: str, growing: bool = False) -> Record | None:
    """A record as last written, the complete one unless the `growing` one is wanted; None where there is none that can
    be read."""
    return _record(address, version(address), growing)


def run(digest: str) -> Run | None:
    """A run's record as last written; None where there is none that can be read."""
    found = record(digest, growing=at_work(digest))
    return found if isinstance(found, Run) else None


def at_work(address: str) -> bool:
    """Whether a job of this server is at work on it."""
    now = jobs().snapshot(address)
    return bool(now and now.active)


def spec(digest: str) -> RunSpec | None:
    """A run's spec, from its record or from the job that has not written one yet."""
    return (_spec(digest) if any(version(digest)) else None) or started().get(digest)


def title(digest: str) -> str:
    """A kept run in one line, as `words.brief` has it; the digest where its record cannot be read."""
    try:
        return _known(digest)[0]
    except LookupError:
        return digest


def problem(digest: str) -> str:
    """What stands for a kept run's problem, the same for all runs that can share a plane; "" where its record cannot be
    read."""
    try:
        return _known(digest)[1]
    except LookupError:
        return ""


@lru_cache(maxsize=20_000)
def _known(digest: str) -> tuple[str, str]:
    """The title and the problem of a run: a digest says them for good. LookupError where it cannot be read."""
    found = spec(digest)
    if found is None:
        raise LookupError(digest)
    return words.brief(found), fingerprint(encode(found.problem))


def cost(work: Work) -> Cost | None:
    """What work will cost; None as long as that is being counted, which no page waits for, and where it cannot be."""
    known = _costs()
    work = _alike(work)
    if _counting().is_set() and work.address not in known:
        known[work.address] = None
        counting = Thread(target=_count, args=(work, known), daemon=True)
        counting.start()
        counting.join(AT_ONCE)
    return known.get(work.address)


def _alike(work: Work) -> Work:
    """Work that costs the same, for whoever asks for other seeds: thirty people, above all."""
    return Work(replace(work.spec, seed=0)) if isinstance(work.spec, RunSpec) else work


def counts() -> bool:
    """Whether costs can be counted by now, which is a while after the first page."""
    return _counting().is_set()


def _count(work: Work, known: dict[str, Cost | None]) -> None:
    if len(known) > MOST_COSTS:
        known.clear()
    with suppress(SpecError, RecordError):
        known[work.address] = work.cost([store().spec(run) for run in work.runs])


@st.cache_resource(show_spinner=False)
def _costs() -> dict[str, Cost | None]:
    """What is known of costs, by address."""
    return {}


@st.cache_resource(show_spinner=False)
def _counting() -> Event:
    """Set when costs can be counted. A server that ends waits for nothing but imports that have begun: torch takes down
    an interpreter that ends in the middle of them."""
    loaded, ending = Event(), Event()

    def load() -> None:
        if not ending.wait(LATER):
            Work(RunSpec()).cost(())
            loaded.set()

    loading = Thread(target=load, daemon=True)
    atexit.register(loading.join, ENDING)
    atexit.register(ending.set)  # the last that is registered is the first that is done
    loading.start()
    return loaded


def summaries() -> list[Summary]:
    """All runs, the newest first."""
    return store().summaries()


def status(summary: Summary) -> str:
    """A run's status, "interrupted" where the store has it as running and no job of this server is at work on it."""
    return "interrupted" if summary.status == "running" and not at_work(summary.digest) else summary.status


@st.cache_resource(show_spinner=False)
def started() -> dict[str, RunSpec]:
    """The specs of runs that were started here: the store has none of a run's before its first record."""
    return {}


@st.cache_resource(show_spinner=False)
def turnstile() -> BoundedSemaphore:
    """Lets few pages run at once: a crowd that comes in one moment is served one after the other, which takes no
    longer, and those who watch meanwhile are not kept waiting."""
    return BoundedSemaphore(2)


@st.cache_resource(show_spinner=False)
def freeze() -> None:
    """Takes what the imports have left out of the garbage collector's way, once: it then takes 1 ms instead of 155. To
    ask it each time whether that has been done would take 30."""
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def looks() -> dict[str, float]:
    """Until when each session counts as one that looks at what is at work."""
    return {}


@st.cache_resource(show_spinner=False)
def trays() -> Weighed:
    """The panels that sessions have put aside for a figure, by their names."""
    return Weighed(TRAYS)


@st.cache_resource(show_spinner=False)
def _kept() -> Weighed:
    """Not Streamlit's own cache of what functions give, which counts entries and weighs none, and remembers every key
    for good."""
    return Weighed(MOST)


def drawn(key: str, version: Any, dark: bool, draw: Callable[[], Any]) -> Any:
    """Whatever `draw()` makes, made once for all sessions that look at the latest version of the same thing."""
    return _kept().get(("drawn", key, dark), draw, version)


def shown(key: str, version: Any, dark: bool, show: Callable[[], None]) -> None:
    """Whatever elements `show()` puts on the page, made and encoded once for all sessions that look at the latest
    version of the same thing: Streamlit sends the others the same messages again, as it does for what it caches."""
    mine: list[CachedResult[None]] = []

    def make() -> CachedResult[None]:
        with REPLAY.calling_cached_function(show):
            show()
        mine.append(CachedResult(None, REPLAY._most_recent_messages, st._main._id, st.sidebar._id))
        return mine[0]

    found = _kept().get(("shown", key, dark), make, version)
    if not mine:
        replay_cached_messages(found, CacheType.RESOURCE, show)


def _record(address: str, version: tuple[int, ...], growing: bool) -> Record | None:
    return _kept().get(("record", address, growing), lambda: _outline(address, growing), version)


def _outline(address: str, growing: bool) -> Record | None:
    try:
        found = store().find(address, growing)
    except SpecError:
        return None
    return outline(found) if found else None


def _spec(digest: str) -> RunSpec | None:
    try:
        return _read_spec(digest)
    except LookupError:
        return None


@lru_cache(maxsize=2000)
def _read_spec(digest: str) -> RunSpec:
    """The spec of a kept run, which its digest says for good; LookupError where its record cannot be read."""
    summary = store().summary(digest)
    if summary.status == "unreadable":
        raise LookupError(digest)
    return decode(RUNS, summary.spec)


def _adopt(store: Store) -> None:
    """Copies what ships into a store that does not have it."""
    with suppress(OSError):  # a store that cannot be written to goes without
        for source in sorted(SHIPPED.glob("**/*.npz")):
            target = store.root / source.relative_to(SHIPPED)
            if not target.exists():
                write(target, lambda file, source=source: file.write(source.read_bytes()))
        with suppress(RecordError):
            if Cells(store.root).count() == 0:
                Cells(store.root).adopt(SHIPPED / FILE)
