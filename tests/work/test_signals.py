"""Signals: a server that is interrupted, and a worker that is asked to end, keep every job's last step."""

import io
import json
import os
import queue
import signal
import subprocess
import sys
import time

import psutil
import pytest

from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.endings import ENDINGS
from engine.work.kinds import Work
from engine.work.store import PARTIAL, Store
from engine.work.worker import Commands, Worker
from tests.drive import alone, workers
from tests.work.test_lease import until

pytestmark = pytest.mark.xdist_group("jobs")
TICK = 0.01
"""Seconds by which a file system's clock may be late."""
LONG = RunSpec(steps=100_000, every=1000, curvature=False)
SERVER = (
    "import atexit, sys, time; from engine.training.runs import RunSpec; from engine.work.jobs import *; "
    "jobs = Jobs(Store(sys.argv[1])); atexit.register(jobs.close); "
    "jobs.start(Work(RunSpec(steps=100_000, every=1000, curvature=False))); time.sleep(150)"
)


def test_a_server_that_is_interrupted_keeps_the_last_step(tmp_path):
    """As before it a worker that is asked to end, whose job goes on in the next one."""
    store, run = Store(tmp_path), digest(LONG)
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, process_group=0, preexec_fn=usual, env=alone())
    until(lambda: store.step(run) > 0, 60)
    ended(store, server, lambda: [worker.terminate() for worker in workers(server.pid)])
    kept = store.step(run)
    until(lambda: store.step(run) > kept, 60)  # in the next one
    ended(store, server, lambda: os.killpg(server.pid, signal.SIGINT))  # as a terminal does it
    server.wait(20)
    assert store.run(run).status == "running"
    assert not list(tmp_path.rglob("*.lease"))


def usual():
    """Of a process about to begin: it hears what who runs the tests may ignore, as a shell has its background do."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_DFL)


def ended(store, server, how):
    """The server's workers end of themselves, and have then kept what they have come to since."""
    forks, asked = workers(server.pid), time.time()
    how()
    assert psutil.wait_procs(forks, timeout=20)[1] == []
    assert store.file(digest(LONG), PARTIAL).stat().st_mtime > asked - TICK


class Broken(io.StringIO):
    """Events that nobody hears any more once a job has come some steps."""

    def flush(self):
        if json.loads(self.getvalue().splitlines()[-1]).get("done"):
            raise BrokenPipeError


def test_a_worker_that_nobody_hears_keeps_the_last_step(tmp_path):
    """Its server was killed, and the pipe of events is found broken before its input is found closed."""
    commands: Commands = queue.SimpleQueue()
    commands.put(
        {"do": "start", "job": digest(LONG), "fresh": False, "over": False, "owner": "", **Work(LONG).message()}
    )
    worker = Worker("cpu", Store(tmp_path), Broken(), commands)
    worker.nice = 1  # which this process is not to be
    worker.run()
    assert worker.store.step(digest(LONG)) > 0 and not list(tmp_path.rglob("*.lease"))
