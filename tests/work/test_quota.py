"""The quota: what is oldest goes first, and what ships, is pinned or is at work stays."""

from __future__ import annotations

import json
import os
import shutil
import time

import numpy as np
import pytest

from engine.analyses.surface import SurfaceSpec
from engine.problems import Quadratic
from engine.sweeps.outcome import CURVES, ENDS, Outcome
from engine.training.runs import RunSpec
from engine.work import quota
from engine.work.cells import FILE, Cells
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import SHIPPED
from engine.work.quota import GRACE, kept, trim
from engine.work.store import Store

RUNS = [Work(RunSpec(problem=Quadratic(), batch=0, lr=0.01, steps=20, seed=0, every=every)) for every in (5, 10, 20)]
SURFACE = Work(SurfaceSpec(resolution=5), of=RUNS[0].address)
OWN = "own/0123456789abcdef"


@pytest.fixture
def store(tmp_path) -> Store:
    """Three runs, the first the oldest, an hour apart; a surface of the first that is older than any run; data."""
    store = Store(tmp_path / "store")
    for nth, work in enumerate([*RUNS, SURFACE]):
        for _ in perform(store, work):
            pass
        age(store, work.address, 10 - nth)
    age(store, SURFACE.address, 20)
    (store.root / "data").mkdir()
    (store.root / "data" / "MNIST.npz").write_bytes(bytes(10_000))
    return store


def age(store, address, hours) -> None:
    """Makes a record so old."""
    file = store.file(address)
    os.utime(file, (time.time() - 3600 * hours,) * 2)


def own(store, hours) -> None:
    file = store.file(OWN)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(bytes(5000))
    age(store, OWN, hours)


def size(store) -> int:
    return sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file())


def test_within_its_quota_a_store_keeps_all(store):
    assert trim(store, size(store)) == [] and len(store.runs()) == 3


def test_the_oldest_goes_first_and_no_more_than_must(store):
    """Finds another order, a quota that is missed, and one that takes more than it must."""
    first, second, third = (work.address for work in RUNS)
    assert trim(store, size(store) - 1) == [SURFACE.address]
    assert not store.has(SURFACE.address) and store.has(first)
    assert trim(store, size(store) - 1) == [first]
    most = size(store) - 1
    assert trim(store, most) == [second] and size(store) <= most
    assert store.runs() == [third]


@pytest.mark.parametrize("way", [1, -1])
def test_a_run_is_as_young_as_what_was_computed_of_it_last(store, monkeypatch, way):
    """Finds a run that is taken from under a surface of yesterday, and a surface that is left without its run, in
    whichever order the system lists them."""
    monkeypatch.setattr(quota, "kept", lambda store: sorted(kept(store))[::way])
    age(store, RUNS[0].address, 30)
    age(store, SURFACE.address, 1)
    first, second, third = (work.address for work in RUNS)
    assert trim(store, 0) == [second, third, SURFACE.address, first]
    assert store.runs() == [] and kept(store) == []


@pytest.mark.parametrize("most", [0, 1])
def test_what_ships_is_pinned_or_at_work_stays(store, most):
    """Finds each of them gone: by its address, by what a job names, by another process's lease; and data for all."""
    shutil.copytree(SHIPPED, store.root, dirs_exist_ok=True)
    ships = {one.address for one in kept(Store(SHIPPED))}
    for address in ships:
        age(store, address, 100)
    store.pin(RUNS[0].address)
    lease = store.lease(RUNS[1].address)
    assert lease.take()
    trim(store, most, lambda: [json.dumps({"job": RUNS[2].address})])
    assert {one.address for one in kept(store)} == ships | {work.address for work in RUNS}
    lease.give_back()
    store.pin(RUNS[0].address, stays=False)
    trim(store, most)
    assert {one.address for one in kept(store)} == ships and (store.root / "data" / "MNIST.npz").exists()


def test_a_pin_is_part_of_its_run(store):
    """Finds a pin that outlives its run, and one that a run which goes on throws away."""
    run = RUNS[0].address
    store.pin(run)
    store.forget(run)
    assert store.pinned(run)
    store.delete(run)
    assert not store.pinned(run) and run not in store.runs()


def test_data_that_no_run_names_go_and_others_stay(store):
    """Finds data taken from under a run that needs them, and data of a person who has just given them."""
    own(store, hours=(GRACE - 60) / 3600)
    trim(store, 0, lambda: [work.address for work in RUNS])
    assert store.file(OWN).exists()
    own(store, hours=200)
    summaries = store.summaries()
    summaries[0].spec["problem"]["digest"] = OWN.partition("/")[2]
    store.summaries = lambda: summaries
    trim(store, 0, lambda: [work.address for work in RUNS])
    assert store.file(OWN).exists()
    del summaries[0].spec["problem"]["digest"]
    assert OWN in trim(store, 0, lambda: [work.address for work in RUNS])


def test_cells_have_half_of_the_quota_and_what_ships_stays(store):
    """Finds a file of cells that grows for ever, or that is emptied of what ships."""
    cells = Cells(store.root)
    cells.adopt(SHIPPED / FILE)
    shipped, before = cells.count(), cells.path.stat().st_size
    for first in range(0, 3000, 1000):
        cells.put({f"{n:016x}": _outcome() for n in range(first, first + 1000)})
    whole = cells.path.stat().st_size
    most = (before + whole) // 2
    trim(store, 2 * most)
    left = cells.known([f"{n:016x}" for n in range(3000)])
    assert cells.path.stat().st_size <= 1.02 * most and cells.count() == shipped + len(left)
    assert 0 < len(left) < 3000 and min(left) == f"{3000 - len(left):016x}", "the oldest go"
    trim(store, 2)
    assert cells.count() == shipped and not cells.known([f"{n:016x}" for n in range(3000)])


def _outcome() -> Outcome:
    looks = 20
    return Outcome(np.arange(looks), np.ones((looks, len(CURVES)), "f4"), np.ones(len(ENDS)), 1.0, False)
