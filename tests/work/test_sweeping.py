"""Sweeping: what fails costs no other cell, is told in a line, and is tried again alone."""

import re
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from engine.files.child import environment
from engine.records import Stop
from engine.rules import SAM, SGD
from engine.spec import digest
from engine.sweeps.naming import names
from engine.sweeps.spec import Axis, SweepSpec
from engine.work import board, executors, nursery, sweeping
from engine.work.board import Board
from engine.work.cells import FILE, Cells
from engine.work.executors import Here, Pool
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.store import Store
from tests.drive import last
from tests.sweeps.poisoned import POISON
from tests.sweeps.same import MLPS
from tests.sweeps.sets import counted, trainings

SWEEP = SweepSpec(MLPS, Axis("lr", 0.001, 1.0, 4), Axis("rule.rho", 0.01, 1.0, 3), (SAM(), SGD()))
CELLS = 12 + 4
"""SGD has no rho: one cell for each rate."""
LONG = SweepSpec(replace(MLPS, steps=10**6, every=10**5), Axis("lr", 0.001, 0.01, 4), Axis(""))
SOON = 60
"""Seconds that all takes at most on a busy machine."""


@pytest.fixture(autouse=True)
def small(store, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(store.root))
    monkeypatch.setattr(sweeping, "executor", lambda settings: Here())
    store.root.mkdir()


def by(monkeypatch, *command):
    monkeypatch.setattr(executors, "COMMAND", (sys.executable, "-m", *command))
    monkeypatch.setattr(sweeping, "executor", lambda settings: Pool(1))


def performed(store, sweep=SWEEP):
    return last(patiently(perform(store, Work(sweep))))


def until(true):
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    "way, why", [("death", "the process died"), ("memory", "Not enough memory"), ("error", "lr: it is poison")]
)
def test_cells_that_fail_are_given_up_alone_and_tried_again_alone(store, monkeypatch, way, why):
    """Finds others given up with them, a retry of others, a limit of memory that is none, and an endless retry."""
    monkeypatch.setenv("RAVINE_MEMORY", str(4 * 10**9))
    counted(store.root)
    by(monkeypatch, "tests.sweeps.poisoned", way)
    end, record = performed(store), store.get(Work(SWEEP).address)
    states = record.outcomes["state"]
    poisoned = [i for i, rate in enumerate(SWEEP.columns) if rate == POISON]
    assert (states[:, :, poisoned] == board.FAILED).all() and (states == board.FAILED).sum() == 6
    assert ((states == board.ENDED) | (states == board.FAILED)).all()
    assert end.status == record.status == "failed" and len(record.failures) == 1
    assert end.reason.startswith(f"6 of 24 runs failed ({why}") and "\n" not in end.reason
    assert trainings(store.root) == CELLS - 4
    by(monkeypatch, "engine.work.block")
    assert performed(store).status == "finished" and trainings(store.root) == Cells(store.root).count() == CELLS


def test_processes_that_never_live(store, monkeypatch):
    """Finds an endless start of processes that cannot start."""
    monkeypatch.setattr(executors, "COMMAND", (sys.executable, "-IS", "-c", "0"))
    monkeypatch.setattr(sweeping, "executor", lambda settings: Pool(2))
    end = performed(store)
    assert end.status == "failed" and end.reason.startswith("sweep: 12 processes in a row died")


@pytest.mark.parametrize("way", ["stop", "close"])
def test_what_ends_leaves_no_process(store, monkeypatch, way):
    """Finds a process that goes on: it would hold its claims."""
    by(monkeypatch, "engine.work.block")
    work = perform(store, Work(LONG))
    names = [digest(cell.spec) for cell in LONG.cells()]
    until(lambda: next(work) and Cells(store.root).claimed(names))
    if way == "stop":
        assert work.throw(Stop()).status == "stopped"
    work.close()
    assert Cells(store.root).claimed(names) == set()
    assert Cells(store.root).claim(names, "another") == names


def test_processes_end_with_who_has_started_them(store):
    """Finds blocks that go on for hours after a kill -9."""
    child = [sys.executable, "-m", "tests.sweeps.child", str(store.root), "pool"]
    encoded = f"[{Work(LONG).message()['spec']}]".replace("'", '"').replace("False", "false").replace("True", "true")
    counted(store.root)
    names = [digest(cell.spec) for cell in LONG.cells()]
    with nursery.start([*child, encoded], environment()) as process:
        until(lambda: Cells(store.root).claimed(names))
        process.kill()
    until(lambda: not Cells(store.root).claimed(names))


def damaged(path):
    path.write_bytes(b"no database " * 1000)


def foreign(path):
    with sqlite3.connect(path) as database:
        database.execute("create table books (title text)")


@pytest.mark.parametrize("spoil", [damaged, foreign])
def test_a_file_of_cells_that_is_none(store, spoil):
    """Finds one that is overwritten or added to."""
    spoil(store.root / FILE)
    before = (store.root / FILE).read_bytes()
    end = performed(store)
    assert end.status == "failed" and end.reason.startswith(f"{FILE}: ") and "\n" not in end.reason
    assert (store.root / FILE).read_bytes() == before
    (store.root / FILE).unlink()
    assert performed(store).status == "finished"


def test_a_damaged_row_is_trained_again(store):
    """Finds a row that is neither read nor replaced: the sweep would wait for it for ever."""
    assert performed(store).status == "finished"
    with sqlite3.connect(store.root / FILE) as database:
        database.execute("update cells set curves = x'00' where digest in (select digest from cells limit 2)")
    assert performed(store).status == "finished"
    assert len(Cells(store.root).known([digest(cell.spec) for cell in SWEEP.cells()])) == CELLS


def test_a_disk_that_runs_full(tmp_path, monkeypatch):
    """Finds cells that are trained on and on into a full disk, and a store that does not recover."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if (made := subprocess.run(mount, capture_output=True, text=True)).returncode:
        pytest.skip(f"a file system cannot be mounted here: {made.stderr.strip()}")
    try:
        monkeypatch.setenv("RAVINE_STORE", str(folder / "store"))
        store = Store(folder / "store")
        small = replace(SWEEP, rules=())
        assert performed(store, small).status == "finished"
        filled = folder / "filled"
        with filled.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while file.write(b"x" * 512):
                pass
        end = performed(store, replace(SWEEP, seeds=4))
        assert end.status == "failed" and re.fullmatch(".*(No space left|disk is full).*", end.reason), end
        filled.unlink()
        assert performed(store, replace(SWEEP, seeds=4)).status == "finished"
        assert Cells(store.root).count() == 4 * CELLS
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_sweep_that_is_deleted_leaves_its_cells(store):
    """Finds cells that go with one of the sweeps that they are in."""
    assert performed(store).status == "finished"
    store.delete(Work(SWEEP).address)
    store.sweep()
    assert Cells(store.root).count() == CELLS and performed(store).status == "finished"
    assert Cells(store.root).count() == CELLS


def test_a_run_that_was_trained_before_is_a_cell(store):
    """Finds a run that is trained again for a sweep."""
    run = SWEEP.cell((0, 1, 2, 0))
    last(perform(store, Work(run)))
    counted(store.root)
    performed(store)
    assert Cells(store.root).get([digest(run)])[digest(run)].alone and trainings(store.root) == CELLS


def test_chunks_are_full_and_the_coarse_map_comes_first(store, monkeypatch):
    """Finds small chunks for the few cells of a coarse map, each filled up with runs that nobody asked for, and cells
    that are left out, or in another family's chunk."""
    monkeypatch.setattr(sweeping, "width", lambda run, device: 32)
    sweep = replace(SWEEP, x=Axis("lr", 0.001, 1.0, 9), y=Axis("rule.rho", 0.01, 1.0, 9))
    plan = Board(sweeping.Grid(sweep))
    for _ in plan.find(store.root, names(sweep)):
        pass
    found = [*sweeping.chunks(plan, plan.missing(), "cpu")]
    sam, sgd = ([chunk for chunk in found if isinstance(chunk[0].rule, rule)] for rule in (SAM, SGD))
    assert [len(chunk) for chunk in sam] == [32, 32, 17] and [len(chunk) for chunk in sgd] == [9]
    assert {digest(run) for chunk in found for run in chunk} == {*plan.places}
    assert {(run.lr, run.rule.rho) for run in sam[0][:4]} == {(a, b) for a in (0.001, 1.0) for b in (0.01, 1.0)}
    assert found[-1] is sam[-1]
