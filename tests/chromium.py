"""Finds a Chromium for the browser tests, and installs one where there is none: `python tests/chromium.py` prints
its path."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    f"--{flag}"
    for flag in (
        "no-sandbox",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    )
]
FLAGS += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # WebGL without a graphics card
FLAGS += ["--disable-gpu-compositing"]  # of all else that is drawn, for which such a one takes eight times as long
ROOT = ([] if os.geteuid() == 0 else ["sudo", "-n"]) + ["env", "DEBIAN_FRONTEND=noninteractive"]
PLAYWRIGHT = [sys.executable, "-m", "playwright"]
STEPS = (
    ("playwright's own", [[*PLAYWRIGHT, "install", "chromium"]]),
    ("its libraries", [[*ROOT, *PLAYWRIGHT, "install-deps", "chromium"]]),
    ("apt-get", [[*ROOT, "apt-get", "update", "-qq"], [*ROOT, "apt-get", "install", "-y", "-qq", "chromium"]]),
)


def find() -> str:
    """The path of an installed Chromium that starts; SystemExit, in one line that says why, where there is none."""
    faults = []
    for path in _candidates():
        fault = _fault(path)
        if fault is None:
            return path
        faults.append(f"{path}: {fault}")
    sys.exit(
        f"No Chromium for the browser tests ({'; '.join(faults) or 'none of ' + ', '.join(NAMES)}): apt-get install "
        "chromium"
    )


def provide() -> str:
    """As `find`, but installs one where there is none: playwright's, then the distribution's (as root, or by sudo
    without a password)."""
    tried = []
    for name, commands in STEPS:
        with contextlib.suppress(SystemExit):
            return find()
        tried.extend(f"{name}: {fault}" for fault in map(_run, commands) if fault)
    try:
        return find()
    except SystemExit as missing:
        sys.exit(f"{missing}. Tried {'; '.join(tried)}")


def _candidates() -> Iterator[str]:
    """Installed browsers, then playwright's own."""
    yield from filter(None, map(shutil.which, NAMES))
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if Path(own).exists():
        yield own


def _fault(path: str) -> str | None:
    """Why a browser does not start (a missing library, a wrapper of a package that is not there), or None where it
    does."""
    try:
        with sync_playwright() as playwright:
            playwright.chromium.launch(executable_path=path, args=FLAGS).close()
    except Error as error:
        return str(error).strip().splitlines()[0][:150]
    return None


def _run(command: list[str]) -> str:
    """The last line that a failing command said; nothing where it succeeded."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"exit {done.returncode}")[:200]


if __name__ == "__main__":
    print(provide())
