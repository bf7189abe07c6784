"""The nursery: forks are processes as any other, start with all that a first step needs, and end when they are told."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.work import nursery
from tests.drive import alone

FIRST_STEP = """
import sys
from collections import deque
from engine.training.loop import train
from engine.training.runs import RunSpec
before = {*sys.modules}
deque(train([RunSpec(steps=1, every=1)]), maxlen=0)
print(len({name for name in {*sys.modules} - before if not name.startswith("engine.")}))
"""
DEAF = """
print("here", flush=True)
sum(range(10 ** 10))  # in C, and nobody else's turn
"""
ECHO = """
import os, sys
print(os.environ["WORD"], os.getcwd(), *sys.argv[1:], sys.stdin.readline().strip(), flush=True)
raise SystemExit(3)
"""


@pytest.fixture(name="start")
def starting(tmp_path):
    """Starts a script as a fork of these tests' nursery, with words."""

    def start(text, *words):
        path = tmp_path / "script.py"
        path.write_text(text)
        return nursery.start([sys.executable, str(path), *words], os.environ | {"WORD": "ω"})

    return start


def test_a_fork_is_a_process_as_any_other(start):
    with start(ECHO, "a b") as fork:
        assert isinstance(fork, nursery.Fork)
        fork.stdin.write("line\n")
        fork.stdin.flush()
        assert fork.stdout.read() == f"ω {Path.cwd()} a b line\n"
        assert fork.wait(20) == fork.poll() == 0


def test_the_first_step_imports_nothing_more(start):
    """Finds a library that every worker would load again: some take a second."""
    with start(FIRST_STEP) as fork:
        assert int(fork.stdout.read()) < 30


@pytest.mark.parametrize("when", ["at work", "before it is there"])
def test_a_fork_is_ended(start, when):
    """Finds one that is only asked to: it may never listen."""
    with start(DEAF) as fork:
        if when == "at work":
            assert fork.stdout.readline() == "here\n"
            with pytest.raises(subprocess.TimeoutExpired):
                fork.wait(0.1)
        fork.kill()
        fork.wait(20)
    gone(fork.pid)


def gone(number):
    end = time.monotonic() + 30
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_nursery_that_has_died_is_replaced_and_the_last_ends_with_who_began_it(tmp_path):
    """Finds a server that can start no worker any more, and a process of 300 MB that stays for ever."""
    code = (
        "import os, sys, time; from engine.work import nursery\n"
        "for _ in range(2):\n"
        "    with nursery.start([sys.executable, sys.argv[1]], os.environ | {'WORD': 'w'}) as fork:\n"
        "        fork.stdin.close()\n"
        "        print(fork.stdout.read().split()[0], nursery.BEGUN[-1].pid, flush=True)\n"
        "    if not _: nursery.BEGUN[-1].kill(), nursery.BEGUN[-1].wait()\n"
        "time.sleep(60)"
    )
    path = tmp_path / "script.py"
    path.write_text(ECHO)
    begun = subprocess.Popen([sys.executable, "-c", code, str(path)], env=alone(), stdout=subprocess.PIPE, text=True)
    assert begun.stdout
    (word, first), (again, second) = (begun.stdout.readline().split() for _ in range(2))
    assert word == again == "w" and first != second
    begun.kill()
    begun.wait()
    gone(int(second))
