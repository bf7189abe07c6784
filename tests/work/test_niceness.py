"""Niceness: workers give way to others' processes, which are of other sessions."""

import subprocess
import sys

import pytest

from engine.work.niceness import SESSION

GIVES_WAY = "import os; from engine.work import niceness as n; n.give_way(7); print(os.nice(0), n.SESSION.read_text())"


@pytest.mark.skipif(not SESSION.exists(), reason=f"{SESSION} is not there: sessions have no niceness here")
@pytest.mark.parametrize(("own", "nice"), [(True, 7), (False, 0)])
def test_a_session_gives_way_as_a_whole(own, nice):
    """Finds a process that is nice to those of its own session alone, and one that takes its terminal with it: the
    system shares a processor out among sessions first."""
    command = [sys.executable, "-c", f"import os; os.setsid() if {own} else None; {GIVES_WAY}"]
    if not own:
        command = [sys.executable, "-c", f"import os, subprocess, sys; os.setsid(); subprocess.run({command!r})"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == "7" and said.strip().endswith(f"nice {nice}")
