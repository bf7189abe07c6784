"""Executors: who carries out a sweep's blocks. This process, others on this machine, or a cluster of Dask's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple

from engine.files.child import environment
from engine.machine import CORES
from engine.records import RecordError
from engine.work import nursery
from engine.work.block import Block, carry_out
from engine.work.nursery import Started
from engine.work.reasons import in_a_line

COMMAND = (sys.executable, "-m", "engine.work.block")
SLICE = 0.1
"""Seconds that this process computes before it looks up, where it carries out blocks itself."""
AHEAD = 2
"""Blocks that each process is given at once, so that none waits for the next."""
ENDING = 5.0
"""Seconds that a process which was killed is waited for: one that the system cannot end must not stop this one, too."""
DIED = "the process died"


class Answer(NamedTuple):
    """A block that has ended, the seconds it took, and why some of its cells were not done, if so."""

    block: Block
    seconds: float = 0.0
    why: str = ""
    store: bool = False  # whether it was the store that would not take them


class Executor(ABC):
    """Takes blocks, and answers as they end, in any order."""

    room: int  # blocks that it takes at once
    elsewhere: bool = True  # whether others compute, so that who waits for them may rest

    @abstractmethod
    def submit(self, block: Block) -> None:
        """Takes a block; there is room for it."""

    @abstractmethod
    def answers(self) -> Iterator[Answer]:
        """Those that have ended since this was last asked; does not wait."""

    @abstractmethod
    def close(self) -> None:
        """Ends whatever is at work: what is done of it is in the store."""


class Here(Executor):
    """This process, a slice at a time."""

    room = 1
    elsewhere = False

    def __init__(self):
        self.block: Block | None = None
        self.work: Generator[None, None, None] | None = None
        self.seconds = 0.0

    def submit(self, block: Block) -> None:
        self.block, self.work, self.seconds = block, carry_out(block), 0.0

    def answers(self) -> Iterator[Answer]:
        started = time.monotonic()
        try:
            while self.work and time.monotonic() < started + SLICE:
                next(self.work)
            self.seconds += time.monotonic() - started
            return
        except StopIteration:
            why, store = "", False
        except Exception as error:  # some cells that fail must not take with them the others
            why, store = in_a_line(error), isinstance(error, RecordError)
        assert self.block
        self.work = None
        yield Answer(self.block, self.seconds + time.monotonic() - started, why, store)

    def close(self) -> None:
        if self.work:
            self.work.close()


class Pool(Executor):
    """Processes on this machine, each with one block at a time, and the next one at hand."""

    def __init__(self, size: int = CORES):
        self.size, self.room = size, AHEAD * size
        self.waiting, self.ended = SimpleQueue[Block | None](), SimpleQueue[Answer]()
        self.processes: list[Started] = []
        self.closed, self.opening = False, Lock()
        self.threads: list[Thread] = []

    def submit(self, block: Block) -> None:
        self.waiting.put(block)
        if len(self.threads) < self.size:
            self.threads.append(Thread(target=self._serve, daemon=True))
            self.threads[-1].start()

    def answers(self) -> Iterator[Answer]:
        while True:
            try:
                yield self.ended.get_nowait()
            except Empty:
                return

    def close(self) -> None:
        with self.opening:
            self.closed = True
        for process in self.processes:
            process.kill()
        for _ in self.threads:
            self.waiting.put(None)
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(ENDING)

    def _serve(self) -> None:
        """One process after the other, as each dies, and one block after the other."""
        process = None
        while (block := self.waiting.get()) and not self.closed:
            process = process or self._open(block.device)
            answer = ask(process, block.message()) if process else None
            self.ended.put(Answer(block, **answer) if answer else Answer(block, why=DIED))
            if process and not answer:
                _end(process)
                process = None
        if process:
            _end(process)

    def _open(self, device: str) -> Started | None:
        """A new process for blocks of a device; None where there are to be no more."""
        with self.opening:
            if self.closed:
                return None
            process = nursery.start(COMMAND, environment(), device)
            self.processes.append(process)
        return process


def ask(process: Started, message: dict[str, Any]) -> dict[str, Any] | None:
    """A process's answer to a block's message; None where it died before."""
    assert process.stdin and process.stdout
    try:
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    except (OSError, ValueError):  # in the middle of a line, or before one
        return None


def _end(process: Started) -> None:
    process.kill()
    with suppress(OSError), process:  # closes its pipes, and waits
        pass
