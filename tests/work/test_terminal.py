"""Terminals: Ctrl-C and a terminal that is closed reach all of its processes at once, and each keeps what it has come
to."""

import fcntl
import os
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
from engine.work.store import PARTIAL, Store
from tests.drive import last
from tests.work.test_lease import until
from tests.work.test_signals import usual

pytestmark = pytest.mark.xdist_group("jobs")
RUN, ENDLESS = RunSpec(steps=2000, every=200), RunSpec(steps=100_000, every=1000, curvature=False)
SOME = 1.5
"""Seconds in which a run has taken some of its steps, and not all."""
SERVER = """
import atexit, sys, time
from engine.spec import parse
from engine.training.runs import RUNS
from engine.work.jobs import *
jobs = Jobs(Store())
atexit.register(jobs.close)
for spec in sys.argv[1:]:
    jobs.start(Work(parse(RUNS, spec)))
time.sleep(150)
"""


class Terminal:
    """A pseudo-terminal in which a Python command is at work, as the leader of its session."""

    def __init__(self, *command: str):
        self.master, terminal = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            **dict.fromkeys(("stdin", "stdout", "stderr"), terminal),
            start_new_session=True,
            preexec_fn=lambda: (usual(), fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)),
        )
        os.close(terminal)
        os.set_blocking(self.master, False)

    def said(self) -> str:
        """What has been written to it since the last time: nobody may be kept waiting by a terminal that is full."""
        said = b""
        with suppress(BlockingIOError, OSError):
            while more := os.read(self.master, 65536):
                said += more
        return said.decode(errors="replace")

    def until(self, found) -> None:
        """Waits."""
        until(lambda: self.process.poll() is not None or (self.said(), found())[1], 120)
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


def under_way(store: Store) -> bool:
    """Whether a run has taken a step. The first record that is kept has none, and where that was slow the next is kept
    when the run has ended."""
    kept = store.file(digest(RUN), PARTIAL)
    return store.step(digest(RUN)) > 0 or (kept.exists() and time.time() - kept.stat().st_mtime > SOME)


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
    terminal.until(lambda: under_way(here))
    asked = time.time()
    terminal.ended(how)
    assert all(path.stat().st_mtime > asked - 0.01 for path in here.root.rglob("*.partial.npz"))
    assert not list(here.root.rglob("*.lease"))
    goes_on(here, alone, spec)


@pytest.mark.parametrize("how", [interrupted, closed])
def test_the_command_line_in_a_terminal(here, alone, spec, how):
    """Wrong if what can no longer be said on a terminal that is gone becomes an error of the run."""
    terminal = Terminal("-m", "engine", "train", str(spec))
    terminal.until(lambda: under_way(here))
    assert terminal.ended(how) == 130
    assert here.run(digest(RUN)).status == "stopped"
    goes_on(here, alone, spec)


@pytest.mark.parametrize("how, name", [(interrupted, "LearningRates"), (closed, "renormalization")])
def test_experiments_in_a_terminal(here, how, name):
    """One in the command's own process, and several in processes of their own, which hear of it at the same moment:
    wrong if that breaks the step at hand, whose record cannot be kept then, or if one goes on alone."""
    terminal = Terminal("-m", "engine", "experiment", name)
    terminal.until(lambda: list(here.root.rglob("*.partial.npz")))
    asked = time.time()
    assert terminal.ended(how) == 130
    kept = list(here.root.rglob("*.partial.npz"))
    assert kept and all(head(path)["status"] == "stopped" for path in kept)
    assert all(path.stat().st_mtime > asked - 0.01 for path in kept)
    assert not list(here.root.rglob("*.lease"))
