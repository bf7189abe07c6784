"""People watch runs train on the app's start page, all on the same machine.

30 who watch one run: `live.p50_ms` at most 100, and `live.training_share` of the speed that the run has headless,
beside 30 who look at what is finished: at least 0.85. 100 who watch it: `live.hundred.p50_ms` at most 150, `p95_ms` at
most 1000. 30 who watch ten different runs: `live.ten_runs.p50_ms` at most 100. 30 who start a run each at the same
moment: the last sees its first measurement after `live.first_frame_s`, at most 5.

The sessions speak Streamlit's websocket protocol and ask for the page's timed fragment as a browser does, whether or
not the machine keeps up. Speeds are read from the run's own record. Loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.measure import device, report
from benchmarks.serving import headless, progress, serving, speed, wait_for
from engine.spec import digest, flatten
from engine.training.runs import RunSpec
from engine.work.store import Store

WATCHED, APART, PATIENCE = 10.0, 0.12, 60.0
"""Seconds of watching, from one arrival to the next, and that a page may take."""
SPEC = RunSpec(steps=50_000)
"""The app's default run, too long to end while it is watched."""
TEN = [replace(SPEC, seed=seed) for seed in range(10)]
THIRTY = [RunSpec(seed=seed) for seed in range(100, 130)]
SHIPPED = digest(RunSpec())


@dataclass
class Seen:
    """What the sessions met."""

    answers: list[float] = field(default_factory=list)  # seconds from asking for the fragment to its end
    loaded: int = 0
    skipped: int = 0  # timer ticks at which the last answer was still due
    bytes: int = 0
    exceptions: list[str] = field(default_factory=list)


def main() -> None:
    """All of it, in two minutes and a half."""
    if device(__doc__) != "cpu":
        raise SystemExit("--device cuda: this benchmark measures the server beside a run on the CPU")
    with tempfile.TemporaryDirectory() as folder, serving(folder) as port:
        asyncio.run(scenes(port, Store(folder)))


async def scenes(port: int, store: Store) -> None:
    """One after the other, on one server."""
    async with crowd(port, [SHIPPED] * 30):
        with headless(SPEC) as alone:
            first = progress(alone, SPEC)
            await asyncio.sleep(WATCHED)
            unwatched = speed(first, progress(alone, SPEC))
    async with started(port, [SPEC]):
        await asyncio.to_thread(wait_for, lambda: progress(store, SPEC))
        async with crowd(port, [digest(SPEC)] * 30) as seen:
            first = progress(store, SPEC)
            told("live", await watched(seen), percentiles=(50,))
            share = speed(first, progress(store, SPEC)) / unwatched
            print(f"ratio live.training_share {share:.3g}\n#   headless {unwatched:.0f} steps/s", flush=True)
        async with crowd(port, [digest(SPEC)] * 100) as seen:
            told("live.hundred", await watched(seen), percentiles=(50, 95))
    async with started(port, TEN), crowd(port, [digest(TEN[i % 10]) for i in range(30)]) as seen:
        told("live.ten_runs", await watched(seen), percentiles=(50,))
    async with started(port, THIRTY, together=True) as waits:
        report("live.first_frame_s", [max(waits)], f"the first {min(waits):.2f}, the median {sorted(waits)[15]:.2f} s")


@contextlib.asynccontextmanager
async def crowd(port: int, runs: Sequence[str]) -> AsyncIterator[Seen]:
    """People who come one after the other and look at a run each; once all are there, what they have seen."""
    from benchmarks.session import Session

    seen = Seen()
    async with contextlib.AsyncExitStack() as stack:
        sessions = []
        for run in runs:
            sessions.append(await stack.enter_async_context(Session(port, f"run={run}", seen)))
            await asyncio.sleep(APART)
        await asyncio.gather(*(asyncio.wait_for(session.loaded.wait(), PATIENCE) for session in sessions))
        await asyncio.sleep(len(runs) * APART)  # until their pages have found their rhythm
        yield seen


@contextlib.asynccontextmanager
async def started(port: int, specs: Sequence[RunSpec], together: bool = False) -> AsyncIterator[list[float]]:
    """Runs that a session each has started, one after the other or `together`; the seconds from pressing Train to the
    first measurement that each one's page shows. They are stopped in the end."""
    from benchmarks.session import Session

    async with contextlib.AsyncExitStack() as stack:
        sessions = []
        for spec in specs:
            address = "&".join(f"{name}={value}" for name, value in flatten(spec).items())
            sessions.append(await stack.enter_async_context(Session(port, address, Seen())))
            await asyncio.wait_for(sessions[-1].loaded.wait(), PATIENCE)
        begin = time.perf_counter()
        waits = []
        for session in sessions:
            await session.press("Train")
            if not together:
                waits.append(await asyncio.wait_for(session.measured(), PATIENCE) - begin)
        if together:
            shown = await asyncio.gather(*(asyncio.wait_for(session.measured(), PATIENCE) for session in sessions))
            waits = [moment - begin for moment in shown]
        yield waits
        for session in sessions:
            if "Stop" in session.buttons:
                await session.press("Stop")
        await asyncio.sleep(1)


async def watched(seen: Seen) -> Seen:
    """What is seen in the seconds of watching."""
    seen.answers.clear()
    seen.skipped = seen.bytes = 0
    await asyncio.sleep(WATCHED)
    if seen.exceptions or not seen.answers:
        raise SystemExit(f"live: {len(seen.answers)} answers; {seen.exceptions[:1]}")
    return seen


def told(name: str, seen: Seen, percentiles: Sequence[int]) -> None:
    """Prints how long answers took."""
    waits = sorted(1e3 * s for s in seen.answers)
    for percentile in percentiles:
        print(f"ratio {name}.p{percentile}_ms {waits[percentile * len(waits) // 100]:.4g}")
    print(
        f"#   {len(waits)} answers in {WATCHED:g} s, p95 {waits[95 * len(waits) // 100]:.0f} ms; {seen.skipped} ticks "
        f"skipped; {seen.bytes / WATCHED / 2**10:.0f} KiB/s",
        flush=True,
    )


if __name__ == "__main__":
    main()
