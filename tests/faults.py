"""Planted faults: `python -m tests.faults` breaks a copy of the engine in sixty ways, one at a time, and says of each
whether the suite catches it.

First the tests that a fault names are run, and where these pass, the whole unit suite. Exits with 1 where a fault is
not caught. Words on the command line choose the faults whose names hold one of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".ravine", ".*_cache", "__pycache__", "test-results")
"""What a copy of the tree does without."""
UNIT = ("-m", "not browser", "-n", "2", "--dist", "loadgroup")
PASSED, FAILED = 0, (1, 2)
"""pytest's exit codes: 2 where it or xdist stops at once; any other says that no test could be run."""


class Fault(NamedTuple):
    """A passage of the engine and what stands there when the fault is planted."""

    name: str
    place: str  # a file, or a folder in which files may be cut anew, from the root
    old: str
    new: str
    tests: Sequence[str]  # to try first: files, or tests in them, from the folder `tests`


def planned(table: Path = ROOT / "tests" / "faults.toml") -> list[Fault]:
    """The faults of a table."""
    return [Fault(**fault) for fault in tomllib.loads(table.read_text())["fault"]]


def holder(root: Path, fault: Fault) -> Path:
    """The file with the fault's passage in the tree at `root`; ValueError where it is not there exactly once."""
    place = root / fault.place
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    found = [file for file in files for _ in range(file.read_text().count(fault.old))]
    if len(found) != 1:
        raise ValueError(f"{fault.place}: expected once, found {len(found)} times: {fault.old}")
    return found[0]


@contextmanager
def planted(root: Path, fault: Fault) -> Iterator[None]:
    """The fault is in the tree at `root` for as long as this is open."""
    file = holder(root, fault)
    text = file.read_text()
    file.write_text(text.replace(fault.old, fault.new))
    try:
        yield
    finally:
        file.write_text(text)


def failing(root: Path, *arguments: str) -> str:
    """The first test that fails in the tree at `root`, "" where all pass; RuntimeError where none could be run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments]
    # byte code is told from older byte code by seconds, in which a fault comes and goes
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    if done.returncode == PASSED:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode not in FAILED or not found:
        raise RuntimeError(f"the tests could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[1]


def catcher(root: Path, fault: Fault) -> str:
    """The first test that fails with the fault planted; "" where all of them pass."""
    with planted(root, fault):
        return failing(root, *(f"tests/{file}" for file in fault.tests)) or failing(root, *UNIT)


def main(words: Sequence[str]) -> int:
    faults = [fault for fault in planned() if not words or any(word in fault.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(ROOT, Path(folder) / "tree", ignore=LEFT_OUT))
        for fault in faults:
            holder(root, fault)  # all passages are there before any test is run
        if test := failing(root, *sorted({f"tests/{file}" for fault in faults for file in fault.tests})):
            print(f"without a fault, {test} fails already")
            return 1
        caught = 0
        for fault in faults:
            test = catcher(root, fault)
            caught += bool(test)
            print(f"{'caught' if test else 'NOT CAUGHT'}: {fault.name}{f' ({test})' if test else ''}", flush=True)
        print(f"{caught} of {len(faults)} faults are caught")
    return int(caught < len(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
