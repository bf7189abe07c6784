"""Terminals: Ctrl-C and a terminal that is closed reach all of its processes at once, and each keeps what it has come
to."""

import fcntl
import os
import re
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.__main__ import main
from engine.records import head
from engine.spec import digest, dumps
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.nursery import NURSERY
from engine.work.perform import perform
from engine.work.store import Store
from tests.drive import last
from tests.work.test_lease import until
from tests.work.test_signals import usual

pytestmark = pytest.mark.xdist_group("jobs")
RUN, ENDLESS = RunSpec(steps=2000, every=200), RunSpec(steps=100_000, every=1000, curvature=False)
STEPS = re.compile(rf"\b[1-9]\d*/{RUN.steps}\b")
"""What a terminal says of the run once it has taken a step. Records tell it later: the first that is kept has none,
and where keeping that took long, the next is kept when the run has ended."""
SIZE = (24, 120)
"""Rows and columns: of nothing wide nothing could be read."""
SERVER = """
import atexit, sys, time
from engine.spec import parse
from engine.training.runs import RUNS
from engine.work.jobs import *
jobs = Jobs(Store())
atexit.register(jobs.close)
run, _ = [jobs.start(Work(parse(RUNS, spec))) for spec in sys.argv[1:]]
while True:
    print(f"{jobs.snapshot(run).done}/{jobs.snapshot(run).total}", flush=True)
    time.sleep(0.05)
"""


class Terminal:
    """A pseudo-terminal in which a Python command is at work, as the leader of its session."""

    def __init__(self, *command: str):
        self.master, terminal = os.openpty()
        termios.tcsetwinsize(terminal, SIZE)
        self.process = subprocess.Popen(
            [sys.executable, *command],
            **dict.fromkeys(("stdin", "stdout", "stderr"), terminal),
            start_new_session=True,
            preexec_fn=lambda: (usual(), fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)),
        )
        os.close(terminal)
        os.set_blocking(self.master, False)
        self.text = ""

    def said(self) -> str:
        """All that has been written to it: nobody may be kept waiting by a terminal that is full."""
        with suppress(BlockingIOError, OSError):
            while more := os.read(self.master, 65536):
                self.text += more.decode(errors="replace")
        return self.text

    def until(self, found) -> None:
        """Waits until what it has said is what is to be found."""
        until(lambda: self.process.poll() is not None or found(self.said()), 120)
        assert self.process.poll() is None

    def ended(self, how) -> int:
        """The exit status, after `how` has been done to it; all processes that belong to it end of themselves."""
        others = psutil.Process(self.process.pid).children(recursive=True)
        how(self)
        try:
            status = self.process.wait(60)
            assert psutil.wait_procs(others, timeout=60)[1] == []
        finally:
            self.process.kill()
        return status


def interrupted(terminal: Terminal) -> None:
    os.write(terminal.master, b"\x03")


def closed(terminal: Terminal) -> None:
    os.close(terminal.master)


@pytest.fixture(scope="module", name="alone")
def undisturbed(tmp_path_factory):
    """The same run that nothing happens to."""
    store = Store(tmp_path_factory.mktemp("alone"))
    assert last(perform(store, Work(RUN))).status == "finished"
    return store


@pytest.fixture(name="here")
def store_of_commands(tmp_path, monkeypatch):
    """A store that commands find."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    monkeypatch.delenv(NURSERY, raising=False)  # all that a command starts is its own
    return Store(tmp_path / "store")


def goes_on(store: Store, alone: Store, spec: Path) -> None:
    """What is kept is of a step that is not the first, and ends, at a second command, as what nothing happened to."""
    kept = store.run(digest(RUN))
    assert not kept.complete and 0 < kept.step < RUN.steps
    assert main(["train", str(spec)]) == 0
    one, other = (where.run(digest(RUN)) for where in (store, alone))
    assert one.path.tobytes() == other.path.tobytes() and one.steps.tolist() == other.steps.tolist()
    assert all(one.measures[name].tobytes() == other.measures[name].tobytes() for name in other.measures)


@pytest.fixture(name="spec")
def spec_of_the_run(tmp_path):
    """The run's file, for commands."""
    path = tmp_path / "spec.json"
    path.write_text(dumps(RUN))
    return path


@pytest.mark.parametrize("how", [interrupted, closed])
def test_a_server_in_a_terminal(here, alone, spec, how):
    """Wrong if its workers end with it, or it with them, before all jobs' last steps are kept."""
    terminal = Terminal("-c", SERVER, dumps(RUN), dumps(ENDLESS))
    terminal.until(STEPS.search)
    asked = time.time()
    terminal.ended(how)
    assert all(path.stat().st_mtime > asked - 0.01 for path in here.root.rglob("*.partial.npz"))
    assert not list(here.root.rglob("*.lease"))
    goes_on(here, alone, spec)


@pytest.mark.parametrize("how", [interrupted, closed])
def test_the_command_line_in_a_terminal(here, alone, spec, how):
    """Wrong if what can no longer be said on a terminal that is gone becomes an error of the run."""
    terminal = Terminal("-m", "engine", "train", str(spec))
    terminal.until(STEPS.search)
    assert terminal.ended(how) == 130
    assert here.run(digest(RUN)).status == "stopped"
    goes_on(here, alone, spec)


@pytest.mark.parametrize("how, name", [(interrupted, "LearningRates"), (closed, "renormalization")])
def test_experiments_in_a_terminal(here, how, name):
    """One in the command's own process, and several in processes of their own, which hear of it at the same moment:
    wrong if that breaks the step at hand, whose record cannot be kept then, or if one goes on alone."""
    terminal = Terminal("-m", "engine", "experiment", name)
    terminal.until(lambda _: list(here.root.rglob("*.partial.npz")))
    asked = time.time()
    assert terminal.ended(how) == 130
    kept = list(here.root.rglob("*.partial.npz"))
    assert kept and all(head(path)["status"] == "stopped" for path in kept)
    assert all(path.stat().st_mtime > asked - 0.01 for path in kept)
    assert not list(here.root.rglob("*.lease"))
