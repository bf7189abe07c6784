"""A run to analyse, made as the app makes it."""

from __future__ import annotations

import tempfile

from engine.records import Run
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store


def trained(spec: RunSpec, on: str) -> Run:
    """The run's record, from a store that is gone again."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        *_, last = perform(store, Work(spec), on)
        if last.status != "finished":
            raise SystemExit(f"the run to measure on ended as {last.status}: {last.reason}")
        return store.run(digest(spec))
