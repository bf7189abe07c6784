"""Processes for `benchmarks.live`, `benchmarks.page` and `benchmarks.soak`: the app on a port of its own, and a run
trained headless."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.records import RecordError
from engine.spec import digest, dumps
from engine.training.runs import RunSpec
from engine.work.store import Store

PATIENCE = 60.0
"""Seconds that anything may take to start."""
PORTS = range(20_000, 32_000)
"""Below those that systems give to connections as they please."""
ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def process(command: list[str], store: str, log: str = os.devnull) -> Iterator[None]:
    """Runs a command from the repository's root with a store of its own, what it says in a log; ends it."""
    environment = {**os.environ, "RAVINE_STORE": store, "OMP_NUM_THREADS": "1"}
    with Path(log).open("ab") as said:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said)
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(timeout=10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextlib.contextmanager
def serving(store: str, log: str = os.devnull, app: str = "app.py") -> Iterator[int]:
    """The app, or another script of Streamlit's, on a free loopback port."""
    port = free_port()
    options = [
        "--server.headless=true",
        "--server.address=127.0.0.1",
        f"--server.port={port}",
    ]
    with process([sys.executable, "-m", "streamlit", "run", app, *options], store, log):
        wait_for(lambda: healthy(port))
        yield port


def free_port() -> int:
    """A port that nobody listens on, and that no connection to another is given in the meantime, as those above are."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise SystemExit("serving: no port is free")


@contextlib.contextmanager
def headless(spec: RunSpec) -> Iterator[Store]:
    """A run that the command line trains, and its store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.json"
        path.write_text(dumps(spec), encoding="utf-8")
        with process(
            [sys.executable, "-m", "engine", "train", str(path), "--store", folder, "--device", "cpu"], folder
        ):
            wait_for(lambda: progress(Store(folder), spec))
            yield Store(folder)


def healthy(port: int) -> bool:
    """Whether the app answers on the port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def progress(store: Store, spec: RunSpec) -> tuple[int, float] | None:
    """(steps, seconds) of a run at the last measurement that its record holds; None before there is one."""
    try:
        run = store.run(digest(spec))
    except RecordError:
        return None
    return (int(run.steps[-1]), float(run.seconds[-1])) if len(run.steps) > 1 else None


def speed(first: tuple[int, float] | None, last: tuple[int, float] | None) -> float:
    """Steps per second between two such points."""
    if first is None or last is None or last[1] <= first[1]:
        raise SystemExit("live: the run made no progress")
    return (last[0] - first[0]) / (last[1] - first[1])


def wait_for(find: Callable[[], Any]) -> Any:
    """What `find` returns once that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := find()):
        if time.monotonic() > end:
            raise SystemExit("live: something did not start in time")
        time.sleep(0.1)
    return found
