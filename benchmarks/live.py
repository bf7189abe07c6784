"""30 sessions watch one run train on the app's start page: `live.p50_ms`, at most 100; `live.training_share` of the
headless speed, at least 0.85.

The sessions speak Streamlit's websocket protocol and ask for the page's timed fragment as a browser does, whether or
not the machine keeps up. Headless is `python -m engine train` of the same spec with nothing beside it, before and
after. Both speeds are read from the run's own record. Loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import device, report
from engine.records import RecordError
from engine.spec import digest, dumps
from engine.training.runs import RunSpec
from engine.work.store import Store

SESSIONS, RAMP, WATCHED, ALONE, PATIENCE = 30, 4.0, 12.0, 6.0, 20.0
"""How many sessions; seconds in which they arrive, of watching, of each headless run, and that anything may take to
start."""
SPEC = RunSpec(steps=50_000)
"""The app's default run, too long to end while it is watched."""
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Seen:
    """What the sessions met."""

    answers: list[float] = field(default_factory=list)  # seconds from asking for the fragment to its end
    loaded: int = 0
    skipped: int = 0  # timer ticks at which the last answer was still due
    bytes: int = 0
    exceptions: list[str] = field(default_factory=list)


def main() -> None:
    """Answers to 30 sessions in milliseconds, and the run's speed beside them against its headless speed."""
    if device(__doc__) != "cpu":
        raise SystemExit("--device cuda: this benchmark measures the server beside a run on the CPU")
    before = headless()
    with tempfile.TemporaryDirectory() as folder, serving(folder) as port:
        seen, watched = asyncio.run(watch(port, Store(folder)))
    after = headless()
    if not seen.answers or seen.loaded < SESSIONS or seen.exceptions:
        raise SystemExit(
            f"live: {seen.loaded} of {SESSIONS} sessions loaded, {len(seen.answers)} answers; {seen.exceptions[:1]}"
        )
    waits = sorted(1e3 * s for s in seen.answers)
    report(
        "live.p50_ms",
        waits,
        f"p95 {waits[int(0.95 * len(waits))]:.0f} ms; {seen.skipped} ticks skipped; {seen.bytes / WATCHED / 2**10:.0f} "
        "KiB/s",
    )
    print(f"ratio live.training_share {watched / statistics.mean((before, after)):.3g}")
    print(f"#   {watched:.0f} steps/s watched; headless {before:.0f} before and {after:.0f} after")


def headless() -> float:
    """Steps per second of the run in a process of its own, nothing beside it."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.json"
        spec.write_text(dumps(SPEC), encoding="utf-8")
        with process(
            [sys.executable, "-m", "engine", "train", str(spec), "--store", folder, "--device", "cpu"], folder
        ):
            first = wait_for(lambda: progress(Store(folder)))
            time.sleep(ALONE)
            return speed(first, progress(Store(folder)))


@contextlib.contextmanager
def process(command: list[str], store: str) -> Iterator[None]:
    """Runs a command from the repository's root with a store of its own; ends it."""
    environment = {**os.environ, "RAVINE_STORE": store, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
def serving(store: str) -> Iterator[int]:
    """The app on a free loopback port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--server.headless=true",
        "--server.address=127.0.0.1",
        f"--server.port={port}",
        "--server.fileWatcherType=none",
    ]
    with process([sys.executable, "-m", "streamlit", "run", "app.py", *options], store):
        wait_for(lambda: healthy(port))
        yield port


def healthy(port: int) -> bool:
    """Whether the app answers on the port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def progress(store: Store) -> tuple[int, float] | None:
    """(steps, seconds) of the run at the last measurement that its record holds; None before there is one."""
    try:
        run = store.run(digest(SPEC))
    except RecordError:
        return None
    return (int(run.steps[-1]), float(run.seconds[-1])) if len(run.steps) > 1 else None


def speed(first, last) -> float:
    """Steps per second between two such points."""
    if last is None or last[1] <= first[1]:
        raise SystemExit("live: the run made no progress")
    return (last[0] - first[0]) / (last[1] - first[1])


def wait_for(find: Callable):
    """What `find` returns once that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := find()):
        if time.monotonic() > end:
            raise SystemExit("live: something did not start in time")
        time.sleep(0.1)
    return found


async def watch(port: int, store: Store) -> tuple[Seen, float]:
    """One session sets the spec in its address and presses Train; then 30 watch the run by its id. What they saw,
    and the run's steps per second meanwhile."""
    from benchmarks.session import Session

    seen, starter = Seen(), Session(port, f"steps={SPEC.steps}", Seen())
    async with starter:
        await asyncio.wait_for(starter.press("Train"), PATIENCE)
        await asyncio.to_thread(wait_for, lambda: progress(store))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(SESSIONS):
            await stack.enter_async_context(Session(port, f"run={digest(SPEC)}", seen))
            await asyncio.sleep(RAMP / SESSIONS)
        seen.answers.clear()
        seen.skipped = seen.bytes = 0
        first = progress(store)
        await asyncio.sleep(WATCHED)
        return seen, speed(first, progress(store))


if __name__ == "__main__":
    main()
