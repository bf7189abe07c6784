"""What the first version has kept: its records are read, and its unfinished run goes on."""

import shutil
from pathlib import Path

import numpy as np

from engine.records import head
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from tests.drive import last

OLD = Path(__file__).parent / "kept"
"""A store that the first version has made: runs that finished, diverged and were cut off, analyses, a result."""


def test_a_store_of_the_first_version_opens(tmp_path):
    """Every record in it, under its old name; and its unfinished run goes on."""
    shutil.copytree(OLD, tmp_path / "store")
    store = Store(tmp_path / "store")
    for path in sorted(store.root.glob("**/*.npz")):
        address = str(path.relative_to(store.root).with_suffix("")).removesuffix("/run")
        record = store.get(address)
        assert head(path)["spec"] == record.spec
    summaries = {s.digest: s for s in store.summaries()}
    assert sorted(s.status for s in summaries.values()) == ["diverged", "finished", "finished", "running"]
    (cut,) = (s for s in summaries.values() if s.status == "running")
    before = store.run(cut.digest).path
    frames = [p.frame for p in perform(store, Work(store.spec(cut.digest))) if p.frame]
    assert frames[0]["step"] == 0 and store.run(cut.digest).status == "finished"
    fresh = Store(tmp_path / "fresh")
    last(perform(fresh, Work(store.spec(cut.digest))))
    path, whole = store.run(cut.digest).path, fresh.run(cut.digest).path
    assert len(before) < len(path) and np.array_equal(path[: len(before)], before), "what it had is not done again"
    # its first half was computed on another CPU, which rounds otherwise
    np.testing.assert_allclose(path, whole, rtol=1e-4, atol=1e-5)
