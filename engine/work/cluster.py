"""Clusters: a sweep's blocks on an existing Dask cluster, whose workers see the same store and run the same engine."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any

from engine.files.child import environment
from engine.spec import SpecError
from engine.work import nursery
from engine.work.block import Block, versions
from engine.work.executors import AHEAD, COMMAND, DIED, Answer, Executor, ask
from engine.work.nursery import Started

PATIENCE = 10
"""Seconds in which a scheduler must answer."""


class Cluster(Executor):
    """The workers behind a scheduler's address (tcp://...)."""

    def __init__(self, address: str):
        """SpecError where the scheduler does not answer, has no worker, or runs other versions than this process."""
        distributed = _distributed()
        try:
            self.client: Any = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SpecError(f"scheduler: nobody answers at {address[:80]} ({type(error).__name__})") from None
        try:
            self._greet(address)
        except SpecError:
            self.client.close()
            raise
        self.room = AHEAD * sum(self.client.nthreads().values())
        self.begun: dict[Any, Block] = {}

    def _greet(self, address: str) -> None:
        """Compares what this process and all workers run."""
        try:
            theirs = self.client.run(versions)
        except Exception as error:  # whatever a worker without this engine says
            raise SpecError(f"scheduler: the workers behind {address[:80]} cannot import engine ({error})") from None
        if not theirs:
            raise SpecError(f"scheduler: {address[:80]} has no worker")
        _check_versions(theirs)

    def submit(self, block: Block) -> None:
        self.begun[self.client.submit(carried_out, block.message(), pure=False)] = block

    def answers(self) -> Iterator[Answer]:
        if self.client.status != "running":
            raise SpecError("scheduler: it has gone")
        for future in [future for future in self.begun if future.done()]:
            block = self.begun.pop(future)
            yield Answer(block, **future.result()) if future.status == "finished" else Answer(block, why=DIED)

    def close(self) -> None:
        self.client.cancel([*self.begun])
        self.client.close()


IDLE = SimpleQueue[Started]()
"""In a worker of Dask's: processes that wait for a block."""


def carried_out(message: dict[str, Any]) -> dict[str, Any]:
    """What a process beside a Dask worker answers to a block's message; in the worker itself its other threads, its
    profiler and how it has memory handed back take a third of the time. RuntimeError where the process died."""
    try:
        process = IDLE.get_nowait()
    except Empty:
        process = nursery.start(COMMAND, environment(), message["device"])
    answer = ask(process, message)
    if answer is None:
        process.kill()
        raise RuntimeError(DIED)
    IDLE.put(process)
    return answer


def _check_versions(theirs: dict[str, dict[str, str]]) -> None:
    ours = versions()
    for worker, found in theirs.items():
        for name, version in found.items():
            if version != ours[name]:
                raise SpecError(
                    f"scheduler: {worker} has {name} {version}, here it is {ours[name]}; cells would differ"
                )


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError:
        raise SpecError("scheduler: needs the package distributed, which is not installed here") from None
