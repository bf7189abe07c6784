"""A server over time: what its memory does while people come, look, compute, and go.

`python -m benchmarks.soak --minutes 30 --sessions 30 --runs 100`. `soak.rise_percent`: how much more memory the server
and its workers have at the end than after the warm-up: at most 3. `soak.hundred_runs_mb`: what looking at a hundred
kept runs adds to the server, each with a path of 40 MB, on the pages Train, Landscape and Runs: at most 200. Replies'
times, and errors on pages and in the server's log, stand below.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.live import Seen
from benchmarks.serving import serving
from engine.data import Digits, Moons
from engine.models import MLP
from engine.problems import Classification
from engine.records import Run
from engine.spec import digest, encode, flatten
from engine.training.runs import MEASURES, RunSpec
from engine.work.store import Store

WARM, LAST, EVERY = 0.2, 60.0, 5.0
"""The share of the time that warms up, seconds of samples that a figure is the median of, and from one to the next."""
PATIENCE = 300.0
"""Seconds that a page, or a surface, may take."""
SMALL = RunSpec(Classification(Moons(train=60), MLP(width=5)), batch=20, steps=500, every=50)
RUNS = [replace(SMALL, seed=seed) for seed in range(12)]
LARGE = RunSpec(Classification(Digits(100), MLP(64)), batch=20, steps=1100, every=1)
PAGES = ("", "landscape", "spectrum", "alignment", "runs", "encyclopedia", "papers")


@dataclass
class Soaked(Seen):
    """What the people met, and how long pages took."""

    turns: list[float] = field(default_factory=list)  # seconds until a page was there
    begun: int = 0  # runs and surfaces


def main() -> None:
    """Both, one after the other, each on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--runs", type=int, default=100)
    chosen = parser.parse_args()
    if chosen.minutes:
        with tempfile.TemporaryDirectory() as folder, serving(f"{folder}/store", f"{folder}/log") as port:
            asyncio.run(soak(port, 60 * chosen.minutes, chosen.sessions))
            said(f"{folder}/log")
    if chosen.runs:
        with tempfile.TemporaryDirectory() as folder:
            store, large = Store(f"{folder}/store"), [replace(LARGE, seed=seed) for seed in range(chosen.runs)]
            for spec in large:
                keep(store, spec)
            with serving(f"{folder}/store", f"{folder}/log") as port:
                asyncio.run(hundred(port, store, large))
                said(f"{folder}/log")


async def soak(port: int, seconds: float, sessions: int) -> None:
    """People for so long, and what the memory does meanwhile."""
    seen, end = Soaked(), time.monotonic() + seconds
    people = asyncio.gather(*(person(port, seen, random.Random(i), end) for i in range(sessions)))
    samples: list[tuple[float, float, float]] = []
    begun = time.monotonic()
    while not people.done():
        samples.append((time.monotonic() - begun, *memory()))
        if len(samples) % 24 == 0:
            print(f"#   after {samples[-1][0] / 60:.1f} min: {told(samples[-1:])}", flush=True)
        await asyncio.sleep(EVERY)
    await people
    first = [one for one in samples if WARM * seconds <= one[0] <= WARM * seconds + LAST]
    last = [one for one in samples if seconds - LAST <= one[0] <= seconds]
    (server, workers), (server_then, workers_then) = middle(last), middle(first)
    print(f"ratio soak.rise_percent {100 * ((server + workers) / (server_then + workers_then) - 1):.2f}")
    print(
        f"#   after the warm-up of {WARM * seconds / 60:.1f} min {told(first)}; after {seconds / 60:g} min {told(last)}"
    )
    print(f"#   the server alone: {100 * (server / server_then - 1):+.2f}%", flush=True)
    for name, waits in (("soak.page", seen.turns), ("soak.reply", seen.answers)):
        low, high = (1e3 * sorted(waits)[len(waits) * share // 100] for share in (50, 95))
        print(f"#   {name}: {len(waits)} of them, p50 {low:.0f} ms, p95 {high:.0f} ms")
    print(f"#   {seen.begun} runs and surfaces begun, {seen.loaded} pages seen, {len(seen.exceptions)} errors on them")
    print("".join(f"#   {line}\n" for line in sorted(set(seen.exceptions))), end="", flush=True)


async def person(port: int, seen: Soaked, rng: random.Random, end: float) -> None:
    """Comes, looks around, leaves, and comes again, until the end."""
    from benchmarks.session import Session

    await asyncio.sleep(rng.uniform(0, 20))
    while time.monotonic() < end:
        try:
            async with Session(port, address(rng), seen) as one:
                await asyncio.wait_for(visit(one, seen, rng, end), end - time.monotonic() + PATIENCE)
        except TimeoutError:
            seen.exceptions.append("a page that did not come")
        await asyncio.sleep(rng.uniform(0, 10))


async def visit(one: Any, seen: Soaked, rng: random.Random, end: float) -> None:
    """Some pages and runs, and something begun now and then."""
    for _ in range(rng.randint(2, 8)):
        if time.monotonic() > end:
            return
        seen.turns.append(await one.turn_to(rng.choice(PAGES), address(rng)))
        for button in sorted({"Train", "Draw"} & set(one.buttons)):
            if rng.random() < 0.3:
                await one.press(button)
                seen.begun += 1
        await asyncio.sleep(rng.uniform(2, 15))


def address(rng: random.Random) -> str:
    """One of the runs, by its digest or by its settings, and a small plane."""
    spec = rng.choice(RUNS)
    named = "&".join(f"{name}={value}" for name, value in flatten(spec).items())
    return rng.choice((f"run={digest(spec)}", f"run={digest(spec)}&resolution=9&plane.draw={rng.randrange(3)}", named))


async def hundred(port: int, store: Store, runs: Sequence[RunSpec]) -> None:
    """One who looks at all of these on three pages, at each until its surface is there."""
    from benchmarks.session import Session

    async with Session(port, "", Soaked()) as one:
        for page in (*PAGES, "", "landscape", "runs"):
            await asyncio.wait_for(one.turn_to(page, f"run={digest(RunSpec())}"), PATIENCE)
        await asyncio.sleep(20)  # until what the first pages begin is there
        before, _ = memory()
        for spec in runs:
            for page in ("", "landscape", "runs"):
                await asyncio.wait_for(one.turn_to(page, f"run={digest(spec)}"), PATIENCE)
                await asyncio.wait_for(surface(store, digest(spec)), PATIENCE)
        after, workers = memory()
        print(f"ratio soak.hundred_runs_mb {after - before:.0f}")
        print(f"#   the server {before:.0f} MB before, {after:.0f} after; workers {workers:.0f}; ", end="")
        print(f"{one.seen.loaded} pages, {len(one.seen.exceptions)} errors on them", flush=True)


async def surface(store: Store, run: str) -> None:
    """Waits until something has been computed of a run."""
    while not [path for path in (store.root / run).glob("*.npz") if len(path.name) == len("0" * 16 + ".npz")]:
        await asyncio.sleep(0.2)


def keep(store: Store, spec: RunSpec) -> None:
    """A finished run of that spec, its path made up."""
    steps = np.arange(0, spec.steps + 1, spec.every)
    path = np.random.default_rng(spec.seed).standard_normal((len(steps), spec.problem.size()), dtype=np.float32)
    measures = {name: np.linspace(2, 1, len(steps)) for name in MEASURES}
    made = Run(spec=encode(spec), steps=steps, seconds=steps / 100, measures=measures, path=path * np.float32(0.05))
    store.keep(digest(spec), made)


def memory() -> tuple[float, float]:
    """MB of the server, and of its workers together; what processes share is counted in parts where the system tells
    (PSS)."""
    server = next(one for one in psutil.Process().children() if "streamlit" in one.cmdline())
    return held(server), sum(map(held, server.children(recursive=True)))


def held(process: psutil.Process) -> float:
    """MB of one process; 0 once it has ended."""
    try:
        about = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0.0
    return getattr(about, "pss", about.rss) / 1e6


def middle(samples: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """The medians of the server's and the workers' memory."""
    _, server, workers = zip(*samples, strict=True)
    return statistics.median(server), statistics.median(workers)


def told(samples: Sequence[tuple[float, float, float]]) -> str:
    """Both in words."""
    return "server {:.0f} MB, workers {:.0f} MB".format(*middle(samples))


def faults(log: str) -> Iterator[str]:
    """The lines of a server's log that tell of errors."""
    for line in Path(log).read_text(errors="replace").splitlines():
        if "Error" in line or "Traceback" in line or "exception" in line.lower():
            yield line


def said(log: str) -> None:
    """Prints how many errors a server has told of, and the first."""
    found = list(faults(log))
    print(f"#   {len(found)} lines of errors in the server's log")
    print("".join(f"#   {line[:200]}\n" for line in found[:5]), end="", flush=True)


if __name__ == "__main__":
    main()
