"""Signals: a server that is interrupted, asked to end, or killed keeps every job's last step."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.store import Store
from tests.work.test_lease import until

pytestmark = pytest.mark.xdist_group("jobs")
LONG = RunSpec(steps=100_000, every=1000, curvature=False)
SERVER = (
    "import atexit, sys, time; from engine.training.runs import RunSpec; from engine.work.jobs import *; "
    "jobs = Jobs(Store(sys.argv[1])); atexit.register(jobs.close); "
    "jobs.start(Work(RunSpec(steps=100_000, every=1000, curvature=False))); time.sleep(100)"
)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_a_server_that_ends_keeps_the_last_step(tmp_path, ending):
    """Of a run that is measured once in a thousand steps: what is kept is where it was, not the last measurement."""
    store, run = Store(tmp_path), digest(LONG)
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], stderr=subprocess.PIPE, process_group=0)
    until(lambda: store.step(run) > 0)
    workers = psutil.Process(server.pid).children()
    os.killpg(server.pid, ending)  # as a terminal does it
    server.wait(20)
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    kept = store.run(run)
    assert kept.status == "running" and kept.state["step"] % LONG.every
    assert not list(tmp_path.rglob("*.lease"))


def test_a_worker_that_is_asked_to_end_keeps_the_last_step(tmp_path):
    store, run = Store(tmp_path), digest(LONG)
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], stderr=subprocess.PIPE)
    until(lambda: store.has(run))
    before = store.step(run)
    workers = psutil.Process(server.pid).children()
    for worker in workers:
        worker.terminate()
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    until(lambda: store.step(run) > before)  # in the next one
    server.kill()
    server.wait(20)
