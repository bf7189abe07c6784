"""The worker: a process that advances its tasks in time slices. `python -m engine.work.worker DEVICE STORE`.

JSON lines both ways: commands come in on standard input, events leave on standard output; results go through the store.
When the input closes (the server is gone) every task is closed, which leaves its checkpoint, and the process ends.
"""

from __future__ import annotations

import gc
import json
import math
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from engine.machine import bound, settle
from engine.records import Progress, RecordError, Stop
from engine.spec import SpecError
from engine.training.loop import train
from engine.training.runs import RunSpec
from engine.work.kinds import of_message
from engine.work.niceness import give_way
from engine.work.perform import ELSEWHERE, LOOK, perform
from engine.work.process import share_of_memory
from engine.work.reasons import in_a_line
from engine.work.store import Store

SLICE = 0.1
"""Seconds that a task runs before the next one's turn, when there are few."""
PULSE = 0.25
"""Seconds between events that only say how far a task is."""
NICE = 3
"""How far the system is to prefer others, above all the server that answers people."""
ROUND = 1.0
"""Seconds that all tasks together take for a turn each, when there are many."""

Commands = queue.SimpleQueue[dict[str, Any] | None]
"""What the server says, in its order; None where it says no more."""


class Task:
    """One job inside the worker."""

    def __init__(self, name: str, owner: str, progress: Iterator[Progress]):
        self.name, self.owner, self.progress = name, owner, progress
        self.status = "queued"
        self.turn = 0  # its last
        self.told = self.since = self.rests = 0.0
        self.counted: int | None = None
        self.kept = 0  # what was done before this task began, which it may tell again from the start
        self.rate = math.nan
        self.seen = False  # whether there was anything to show yet

    def advance(self, seconds: float) -> Iterator[Progress]:
        """Runs for a slice, the first time no longer than until there is something to show, for which others wait, too;
        yields what is worth telling."""
        end = time.monotonic() + seconds
        while True:
            at = next(self.progress)
            now = time.monotonic()
            self._count(at.done, now)
            if at.frame or at.saved or at.status != "running" or now - self.told > PULSE:
                self.told = now
                yield at
            if at.idle:
                self.rests = now + LOOK
            first = bool(at.frame) and not self.seen
            self.seen |= first
            if first or now > end or at.status != "running" or at.idle:
                return

    def ready(self, now: float) -> bool:
        """Whether there is something to do: what another process does is looked at now and then."""
        return self.status != "paused" and now > self.rests and (self.status != ELSEWHERE or now - self.told > LOOK)

    def pace_anew(self) -> None:
        """Forgets the speed so far, as after a pause."""
        self.counted = None

    def _count(self, done: int, now: float) -> None:
        if self.counted is None:
            self.kept = done
        if self.counted is None or done < self.counted or done <= self.kept:
            self.counted, self.since = done, now
        elif now - self.since > 1.0:
            speed = (done - self.counted) / (now - self.since)
            # a second with a measurement in it says little of the others
            self.rate = speed if math.isnan(self.rate) else 0.8 * self.rate + 0.2 * speed
            self.counted, self.since = done, now
        elif math.isnan(self.rate) and now - self.since > 0.3:
            self.rate = (done - self.counted) / (now - self.since)


class Worker:
    """The tasks of one device, taking turns."""

    def __init__(self, device: str, store: Store, events: TextIO, commands: Commands):
        self.device, self.store, self.events, self.commands = device, store, events, commands
        self.tasks: dict[str, Task] = {}
        self.nice = False
        self.clock, self.turns = 0, dict[str, int]()  # turns so far, and the last one of each owner

    def run(self) -> None:
        """Until the commands end (None)."""
        while True:
            turn = self._next()
            if turn is None:
                self._turn("")
            while turn is None or not self.commands.empty():
                try:
                    command = self.commands.get(timeout=LOOK if self.tasks else None)
                except queue.Empty:
                    command = {}
                if command is None:
                    self._close()
                    return
                if command:
                    self._obey(command)
                turn = self._next()
            self._slice(turn)

    def _next(self) -> Task | None:
        """Whose turn it is: owners take turns, and each one's jobs; None where nobody has anything to do."""
        now = time.monotonic()
        ready = [task for task in self.tasks.values() if task.ready(now)]
        if not ready:
            return None
        owner = min({task.owner: None for task in ready}, key=lambda name: self.turns.get(name, 0))
        return min((task for task in ready if task.owner == owner), key=lambda task: task.turn)

    def _obey(self, command: dict[str, Any]) -> None:
        name, task = command["job"], self.tasks.get(command["job"])
        match command["do"]:
            case "start" if task is None:
                self._start(name, command)
            case "pause" if task:
                task.status = "paused"
                self._tell(name, status="paused")
            case "resume" if task:
                task.status = "queued"
                task.pace_anew()
                self._tell(name, status="queued")
            case "stop" if task:
                self._stop(task)
            case "warm" if not self.tasks:
                deque(train([RunSpec(steps=1, every=1)], self.device), maxlen=0)  # imports all that a first step needs
            case "drop" if task:
                del self.tasks[name]
                self._end(task)

    def _start(self, name: str, command: dict[str, Any]) -> None:
        if not self.nice:  # not before: a worker is to be ready soon
            self.nice = True
            give_way(NICE)
        try:
            progress = perform(self.store, of_message(command), self.device, command["fresh"], command["over"])
            self.tasks[name] = Task(name, command["owner"], progress)
            self._tell(name, status="queued", begin=True)
        except (SpecError, RecordError) as error:
            self._tell(name, status="failed", reason=str(error))

    def _stop(self, task: Task) -> None:
        """Ends a task for good; one that never had its turn has nothing to keep."""
        del self.tasks[task.name]
        try:
            self._report(task, task.progress.throw(Stop()))  # type: ignore[attr-defined]  # a generator
        except Stop:
            self._tell(task.name, status="stopped", reason="stopped before its first step")
        except Exception as error:
            self._tell(task.name, status="failed", reason=in_a_line(error))

    def _slice(self, task: Task) -> None:
        self.clock += 1
        task.turn = self.turns[task.owner] = self.clock
        task.status = "running"
        self._turn(task.name)
        try:
            for at in task.advance(min(SLICE, ROUND / len(self.tasks))):
                self._report(task, at)
                task.status = at.status
                if at.status not in ("running", ELSEWHERE):
                    self.tasks.pop(task.name, None)
        except Exception as error:
            self.tasks.pop(task.name, None)
            self._tell(task.name, status="failed", reason=in_a_line(error))

    def _turn(self, name: str) -> None:
        """Says whose turn begins; "" where nobody has one."""
        self._write({"turn": name})

    def _report(self, task: Task, at: Progress) -> None:
        frame = {"frame": at.frame} if at.frame else {}
        self._tell(
            task.name,
            status=at.status,
            reason=at.reason,
            done=at.done,
            total=at.total,
            rate=task.rate,
            saved=at.saved,
            **frame,
        )

    def _tell(self, name: str, **event: Any) -> None:
        self._write({"job": name, **event})

    def _write(self, event: dict[str, Any]) -> None:
        try:
            self.events.write(json.dumps(event) + "\n")
            self.events.flush()
        except BrokenPipeError:  # the server died
            self.commands.put(None)

    def _close(self) -> None:
        for task in self.tasks.values():
            self._end(task)

    def _end(self, task: Task) -> None:
        """Leaves a task to be gone on with; what cannot be kept is lost, and no other with it."""
        with suppress(Exception):
            task.progress.close()  # type: ignore[attr-defined]  # a generator


def _read(lines: TextIO, commands: Commands) -> None:
    for line in lines:
        commands.put(json.loads(line))
    commands.put(None)


def main() -> None:
    """Takes standard output for events before anything else can print there."""
    device, root = sys.argv[1:]
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    settle()
    if device == "cpu":  # CUDA reserves far more addresses than it has memory
        bound(share_of_memory(device))
    gc.collect()
    gc.freeze()
    commands: Commands = queue.SimpleQueue()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to obey, which then closes the input
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: commands.put(None))
    threading.Thread(target=_read, args=(sys.stdin, commands), daemon=True).start()
    Worker(device, Store(Path(root)), events, commands).run()


if __name__ == "__main__":
    main()
