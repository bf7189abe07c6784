"""Executors: who carries out a sweep's blocks. This process, others on this machine, or a cluster of Dask's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from engine.machine import CORES
from engine.work.block import Block, carry_out
from engine.work.process import HOME
from engine.work.settings import Settings

COMMAND = (sys.executable, "-m", "engine.work.block")
SLICE = 0.1
"""Seconds that this process computes before it looks up, where it carries out blocks itself."""
DIED = "the process died"


class Answer(NamedTuple):
    """A block that has ended, and why some of its cells were not done, if so."""

    block: Block
    why: str


class Executor(ABC):
    """Takes blocks, and answers as they end, in any order."""

    room: int  # blocks that it carries out at once

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

    def __init__(self):
        self.block: Block | None = None
        self.work: Iterator[object] = iter(())

    def submit(self, block: Block) -> None:
        self.block, self.work = block, carry_out(block)

    def answers(self) -> Iterator[Answer]:
        end = time.monotonic() + SLICE
        while self.block and time.monotonic() < end:
            try:
                next(self.work)
            except StopIteration:
                block, self.block = self.block, None
                yield Answer(block, "")

    def close(self) -> None:
        self.block, self.work = None, iter(())


class Pool(Executor):
    """Processes on this machine, each with one block at a time."""

    def __init__(self, size: int = CORES):
        self.room, self.ended = size, SimpleQueue[Answer]()
        self.idle: list[subprocess.Popen[str]] = []
        self.all: list[subprocess.Popen[str]] = []

    def submit(self, block: Block) -> None:
        process = self.idle.pop() if self.idle else self._open()
        Thread(target=self._carry_out, args=(process, block), daemon=True).start()

    def answers(self) -> Iterator[Answer]:
        while True:
            try:
                yield self.ended.get_nowait()
            except Empty:
                return

    def close(self) -> None:
        for process in self.all:
            process.kill()
            process.wait()

    def _open(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,
        )
        self.all.append(process)
        return process

    def _carry_out(self, process: subprocess.Popen[str], block: Block) -> None:
        """Hands a block to a process and waits for its answer, in a thread of its own."""
        assert process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(block.message()) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError):  # it died, in the middle of a line or before one
            process.kill()
            self.ended.put(Answer(block, DIED))
            return
        self.idle.append(process)
        self.ended.put(Answer(block, answer["why"]))


def executor(settings: Settings) -> Executor:
    """By what a sweep is carried out: the cluster that the settings name, or processes here; on a server for strangers
    the worker itself, whose time is counted and shared out."""
    if settings.scheduler:
        from engine.work.cluster import Cluster  # an optional requirement

        return Cluster(settings.scheduler)
    return Here() if settings.public else Pool()
