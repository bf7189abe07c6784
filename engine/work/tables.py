"""Tables: experiments performed headless, several at once, and each one's table of checks."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from engine.experiments import EXPERIMENTS, Experiment, current
from engine.experiments.verdicts import table
from engine.machine import settle
from engine.records import ENDS, Result
from engine.spec import decode, encode
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.store import Store


def tables(experiments: Sequence[Experiment], store: Path, device: str = "cpu") -> Iterator[dict[str, Any]]:
    """Performs experiments, as many at once as there are cores, into a store; yields each one's table as soon as it
    is there.

    The table of one that could not be performed says why under "failed", and is not reproduced.
    """
    if len(experiments) == 1 or device != "cpu":
        yield from (_performed(encode(experiment), store, device) for experiment in experiments)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ProcessPoolExecutor(min(len(experiments), cores), multiprocessing.get_context("spawn"), settle) as pool:
        waiting = [pool.submit(_performed, encode(experiment), store, device) for experiment in experiments]
        try:
            yield from (done.result() for done in as_completed(waiting))
        except BaseException:  # also when nobody wants the next one: what is at work keeps what there is
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _performed(encoded: dict[str, Any], root: Path, device: str) -> dict[str, Any]:
    work, store = Work(decode(EXPERIMENTS, encoded)), Store(root)
    *_, end = patiently(perform(store, work, device))
    ended = end.status in ENDS
    record = store.find(work.address, growing=not ended)
    made = table(work.spec, current(work.spec, record if isinstance(record, Result) else None))
    return made if ended else made | {"failed": end.reason, "reproduced": False}
