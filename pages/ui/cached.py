"""Caches: the only module that holds any; what they keep is keyed on digests and versions, never on specs."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly
import streamlit as st

from engine.records import Record, RecordError, Result, Run
from engine.spec import SpecError, decode
from engine.training.runs import RUNS, RunSpec
from engine.work.jobs import Jobs
from engine.work.presets import SHIPPED
from engine.work.store import Store, Summary

ROOT = Path(__file__).resolve().parent.parent.parent


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The server's jobs and its store, which holds the shipped run from the first second."""
    store = Store()
    _publish_plotly()
    _adopt(store)
    made = Jobs(store)
    atexit.register(made.close)
    return made


def store() -> Store:
    return jobs().store


def run(digest: str) -> Run | None:
    """A run's record as last written; None where there is none that can be read."""
    record = _record(digest, "run", _version(digest, "run"))
    return record if isinstance(record, Run) else None


def spec(digest: str) -> RunSpec | None:
    """A run's spec, from its record or from the job that has not written one yet."""
    return _spec(digest, _version(digest, "summary", "json"))


def asked(digest: str) -> RunSpec | None:
    """The spec of a run that was started here but has not been written yet."""
    return _asked().get(digest)


def train(spec: RunSpec, device: str | None, fresh: bool) -> str:
    """Starts a run, and remembers its spec until the store has it."""
    run = jobs().train(spec, device, fresh)
    _asked()[run] = spec
    return run


def analysis(digest: str, name: str) -> Any:
    """A run's analysis as last written; None where there is none that can be read."""
    return _record(digest, name, _version(digest, name))


@st.cache_resource(show_spinner=False, max_entries=32)
def result(experiment: str, version: int) -> Result | None:
    """What an experiment has given, as written at a version or later; None where there is nothing that can be read."""
    try:
        return store().result(experiment)
    except (RecordError, SpecError):
        return None


def summaries() -> list[Summary]:
    """All runs, the newest first."""
    root = store().root
    return _summaries(
        tuple(sorted((p.parent.name, p.stat().st_mtime_ns) for p in root.glob("*/summary.json"))),
        len(list(root.glob("*"))),
    )


def status(summary: Summary) -> str:
    """A run's status, "interrupted" where the store has it as running and no job of this server is at work on it."""
    if summary.status != "running":
        return summary.status
    now = jobs().snapshot(summary.digest)
    return "running" if now and now.active else "interrupted"


@st.cache_resource(show_spinner=False)
def _asked() -> dict[str, RunSpec]:
    return {}


@st.cache_resource(show_spinner=False, max_entries=64)
def drawn(key: str, version: Any, dark: bool, _draw: Callable[[], Any]) -> Any:
    """Whatever `_draw()` makes, made once for all sessions that look at the same version of the same thing."""
    return _draw()


@st.cache_resource(show_spinner=False, max_entries=64)
def _record(digest: str, name: str, version: int) -> Record | None:
    try:
        return store().run(digest) if name == "run" else store().analysis(digest, name)
    except (RecordError, SpecError):
        return None


@st.cache_resource(show_spinner=False, max_entries=256)
def _spec(digest: str, version: int) -> RunSpec | None:
    try:
        summary = store().summary(digest)
        return decode(RUNS, summary.spec) if summary.status != "unreadable" else None
    except SpecError:
        return None


@st.cache_resource(show_spinner=False, max_entries=4)
def _summaries(version: Any, folders: int) -> list[Summary]:
    return store().summaries()


def _version(digest: str, name: str, suffix: str = "npz") -> int:
    """Changes whenever a file is written anew; 0 where it is missing."""
    try:
        return (store().folder(digest) / f"{name}.{suffix}").stat().st_mtime_ns
    except (OSError, SpecError):
        return 0


def _publish_plotly() -> None:
    """Plotly's script where the page can load it from this server, from the installed package."""
    source, target = Path(plotly.__file__).parent / "package_data" / "plotly.min.js", ROOT / "static" / "plotly.min.js"
    if not target.exists() or target.stat().st_size != source.stat().st_size:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target.with_suffix(".part"))
        target.with_suffix(".part").replace(target)


def _adopt(store: Store) -> None:
    """Copies the shipped run into a store that does not have it."""
    for folder in SHIPPED.glob("[0-9a-f]*"):
        if not store.folder(folder.name).exists():
            store.root.mkdir(parents=True, exist_ok=True)
            part = store.root / f".{folder.name}.part"
            shutil.copytree(folder, part, dirs_exist_ok=True)
            part.replace(store.folder(folder.name))
