"""Maps of learning rate x rho, SAM on a digits MLP, in the processes of this machine: forks, whose start counts, of a
nursery that is there, as in a server; how long that takes is told.

`sweep.per_core` (16x16, 200 steps) and `sweep.large_per_core` (32x32, 500 steps) are how many times faster than the
same runs one after the other through the single path, over the number of cores, at least 1.2 and 2; `sweep.over_plain`
how many times faster than a plain in-place loop in as many processes, at least 1.5; `sweep.growth` the cost of a cell
at 32x32 over that at 8x8, at most 1.1; `sweep.block_overhead` a Dask cluster's time for 10-second blocks over the local
processes', both at work already, at most 1.05; `sweep.fairness` the share of its speed that somebody's live run keeps
beside a sweep, at least 0.7. What runs take one after the other, and by the plain loop, is measured
on some of them, by their fastest repeat.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec

from benchmarks.measure import device, report, seconds
from benchmarks.step import advance, by_hand
from engine.files.child import environment
from engine.machine import CORES
from engine.models import MLP
from engine.problems import Classification
from engine.rules import SAM
from engine.sweeps.spec import Axis, SweepSpec
from engine.training.loop import train
from engine.training.runs import RunSpec
from engine.work import nursery, sweeping
from engine.work.cluster import Cluster
from engine.work.executors import COMMAND, Executor, Here, Pool
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.store import Store
from engine.work.sweeping import executor

SAMPLE, REPEATS = 3, 3
MODEL = MLP(width=64, depth=2)


def main() -> None:
    """All figures, one after the other; each cell is one run."""
    device(__doc__)
    print(f"# the nursery is there after {seconds(_wake):.1f} s")
    for name, side, steps in (("per_core", 16, 200), ("large_per_core", 32, 500)):
        sweep = _map(side, steps)
        alone = side**2 * min(seconds(partial(_alone, sweep)) for _ in range(REPEATS)) / SAMPLE
        together = _swept(sweep, Pool)
        note = f"{alone:.0f} s one after the other, {together:.1f} s together on {CORES} cores"
        report(f"sweep.{name}", [alone / together / CORES], note)
        if side == 16:
            plain = side**2 * steps * _plain() / CORES
            report("sweep.over_plain", [plain / together], f"{plain:.1f} s by hand on as many cores")
    each = {side: [_swept(_map(side, 40), Here) / side**2 for _ in range(REPEATS)] for side in (8, 32)}
    low, high = (1e3 * min(each[side]) for side in (8, 32))
    report("sweep.growth", [high / low], f"{high:.2f} and {low:.2f} ms a cell of 40 steps, in one process")
    _report_fairness()
    if find_spec("distributed"):
        _report_blocks()
    else:
        print("# sweep.block_overhead: not measured, distributed is not installed")


def _wake() -> None:
    """A fork that has nothing to do comes and goes."""
    with nursery.start(COMMAND, environment()):
        pass


def _map(side: int, steps: int, seed: int = 0) -> SweepSpec:
    run = RunSpec(Classification(model=MODEL), SAM(), steps=steps, every=steps, curvature=False, seed=seed)
    return SweepSpec(run, Axis("lr", 0.01, 1.0, side), Axis("rule.rho", 0.01, 0.5, side))


def _alone(sweep: SweepSpec) -> None:
    """Some of the map's runs, one after the other, measured at the start and the end as there."""
    side = len(sweep.columns)
    for i in range(SAMPLE):
        at = (side // 4) * (i + 1)
        for _ in train([sweep.cell((0, at, at, 0))]):
            pass


def _plain(steps: int = 200) -> float:
    """Seconds a step of the loop by hand."""
    run = by_hand(MODEL, "cpu")
    return min(seconds(lambda: advance(run, steps)) for _ in range(REPEATS)) / steps


def _swept(sweep: SweepSpec, executor: Callable[[], Executor]) -> float:
    """Seconds that a sweep takes in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAVINE_STORE"] = folder
        sweeping.executor = lambda settings: executor()
        end = []
        took = seconds(lambda: end.extend(patiently(perform(Store(folder), Work(sweep)))))
    if end[-1].status != "finished":
        raise SystemExit(f"sweep: {end[-1].reason}")
    return took


def _report_fairness() -> None:
    """Steps of somebody's live run, alone and beside somebody else's sweep, on a server of both."""
    sweeping.executor = executor
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAVINE_STORE"] = folder
        jobs = Jobs(Store(folder))
        live = jobs.start(Work(RunSpec(steps=10**6, every=10**5, curvature=False)), owner="live")
        pairs = []
        for seed in range(REPEATS):
            alone = _pace(jobs, live)
            sweep = jobs.start(Work(_map(32, 500, seed)), owner="sweep")
            _until(jobs, sweep)
            pairs.append((_pace(jobs, live), alone))
            jobs.stop(sweep)
        jobs.close()
    note = "; ".join(f"{beside:.0f} of {alone:.0f} steps a second" for beside, alone in pairs)
    report("sweep.fairness", [beside / alone for beside, alone in pairs], note)


def _pace(jobs: Jobs, job: str) -> float:
    """Steps of a job in a second, over ten."""
    _until(jobs, job)
    before = jobs.snapshot(job)
    time.sleep(10)
    after = jobs.snapshot(job)
    assert before and after and after.active, "it goes on"
    return (after.done - before.done) / 10


def _until(jobs: Jobs, job: str) -> None:
    """Waits until a job has done something new, at most a minute."""
    begun, end = jobs.snapshot(job), time.monotonic() + 60
    while begun and (now := jobs.snapshot(job)) and now.done <= begun.done:
        if time.monotonic() > end or not now.active:
            raise SystemExit(f"sweep: nothing comes of {job}: {now.status} {now.reason}")
        time.sleep(0.1)


def _report_blocks() -> None:
    """The same maps by a cluster of as many processes and by the pool, in turn, after a small one that wakes both."""
    sweeping.BLOCK = 10.0
    distributed = import_module("distributed")
    with distributed.LocalCluster(n_workers=CORES, threads_per_worker=1, dashboard_address=None) as cluster:
        executors = (Cluster(cluster.scheduler_address), Pool())
        closes = [executor.close for executor in executors]
        for executor in executors:
            executor.close = lambda: None  # it serves several maps
            _swept(_map(8, 40), partial(_same, executor))
        took = [[_swept(_map(32, 200, seed), partial(_same, one)) for one in executors] for seed in range(2)]
        for close in closes:
            close()
    note = "; ".join(f"Dask {there:.1f} s, local {here:.1f} s" for there, here in took)
    report("sweep.block_overhead", [there / here for there, here in took], note)


def _same(executor: Executor) -> Executor:
    return executor


if __name__ == "__main__":
    main()
