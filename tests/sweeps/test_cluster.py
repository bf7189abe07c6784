"""A real cluster of Dask's: the same cells as here, bit for bit, though workers are killed."""

import json
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from engine.files.child import environment
from engine.rules import SAM, SGD
from engine.spec import SpecError, digest
from engine.sweeps.spec import Axis, SweepSpec
from engine.work import cluster, nursery, sweeping
from engine.work.cells import Cells
from engine.work.executors import Here
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.store import Store
from tests.drive import last
from tests.sweeps.same import MLPS, bits
from tests.sweeps.sets import counted, trainings
from tests.work.test_lease import until

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install -r tests/requirements.txt"
)
pytestmark = pytest.mark.xdist_group("sweeps")
SWEEP = SweepSpec(
    replace(MLPS, steps=40, every=20), Axis("lr", 0.01, 1, 6), Axis("rule.rho", 0.01, 1, 4), (SAM(), SGD()), 2
)
WORKERS = 3


def command(name, *options):
    words = [sys.executable, "-m", f"distributed.cli.dask_{name}", *options, "--no-dashboard"]
    return nursery.start(words, environment())


def written(file):
    """What a scheduler says of itself; nothing before all of it is there."""
    with suppress(OSError, ValueError):
        return json.loads(file.read_text())


@pytest.fixture(name="scheduler")
def cluster_of_processes(tmp_path):
    """A scheduler's address, and its workers' processes."""
    file = tmp_path / "scheduler.json"
    processes = [command("scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", str(file))]
    until(lambda: written(file))  # who reads it too soon waits a tenth of a second for the rest, and no longer
    address = written(file)["address"]
    workers = [
        command("worker", address, "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path))
        for _ in range(WORKERS)
    ]
    with distributed.Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=60)
        yield client.scheduler.address, workers
    for process in (*workers, *processes):
        process.kill()
        process.wait()


def test_workers_that_are_killed(tmp_path, monkeypatch, scheduler):
    """Finds a cell that is lost with its worker, trained twice, or other than here; and other versions that are let
    in."""
    address, workers = scheduler
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    there.root.mkdir()
    counted(there.root)
    monkeypatch.setattr(sweeping, "BLOCK", 0.0)  # a chunk a block
    monkeypatch.setattr(cluster, "AHEAD", 1)
    monkeypatch.setenv("RAVINE_STORE", str(there.root))
    monkeypatch.setenv("RAVINE_SCHEDULER", address)

    def kill():
        for worker, count in zip(workers[:2], (1, 30), strict=True):
            while trainings(there.root) < count:
                time.sleep(0.01)
            worker.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    end = last(patiently(perform(there, Work(SWEEP))))
    killer.join(60)
    assert not killer.is_alive() and (end.status, end.reason) == ("finished", "")
    monkeypatch.setenv("RAVINE_STORE", str(here.root))
    monkeypatch.setattr(sweeping, "executor", lambda settings: Here())
    assert last(patiently(perform(here, Work(SWEEP)))).status == "finished"
    names = [digest(cell.spec) for cell in SWEEP.cells()]
    ours, theirs = (Cells(store.root).get(names) for store in (here, there))
    assert {name: bits(outcome) for name, outcome in ours.items()} == {n: bits(o) for n, o in theirs.items()}
    assert ours.keys() == {*names} and trainings(there.root) == len(ours)
    monkeypatch.setattr("numpy.__version__", "0.1")
    with pytest.raises(SpecError, match=r"scheduler: tcp://.* has numpy .*, here it is 0.1; cells would differ"):
        cluster.Cluster(address)
