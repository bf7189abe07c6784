"""A worker process as its server sees it: what it is told, what it says, and whose turn it is there."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.files.child import environment
from engine.machine import CORES, memory
from engine.work import nursery, settings

WORKER = (sys.executable, "-m", "engine.work.worker")
"""The command that a worker is; the device and the store's folder follow."""
WIDTH = {"cpu": max(2, CORES), "cuda": 2}
"""Processes for a device, by its type."""
PART = 0.8
"""Of all memory that the workers' data may take together, unless RAVINE_MEMORY gives the bytes for each."""
LONG = 4.0
"""Seconds of one turn after which a process is late and what waits there is done elsewhere: more than any usual step
takes on a machine that has ten times as much to do as it can, for to go on elsewhere costs time, too."""


def share_of_memory(device: str) -> int:
    """Bytes of data that one worker for a device may hold."""
    return settings.read().memory or int(memory() * PART / WIDTH[device])


class Process:
    """One worker."""

    def __init__(
        self,
        command: Sequence[str],
        device: str,
        root: Path,
        hear: Callable[[Process, dict[str, Any]], None],
        bury: Callable[[Process], None],
    ):
        """Starts it: a fork of the nursery or a new interpreter, not a fork of this process (torch's threads do not
        survive one) and not multiprocessing (which would run the app's script again)."""
        self.device, self.ready = device, False
        self.turn, self._since = "", 0.0
        self._pace = 0.1  # seconds a turn, the last ones weighing most
        self._used: defaultdict[str, float] = defaultdict(float)
        self._counted, self._counting = 0.0, threading.Lock()
        self.heavy = ""  # the job whose turn was long
        given = environment() | {"RAVINE_STORE": str(root)}  # where data of one's own lie too
        self._popen = nursery.start([*command, device, str(root)], given, device)
        threading.Thread(target=self._listen, args=(hear, bury), daemon=True).start()

    @property
    def pid(self) -> int:
        """The system's number of it."""
        return self._popen.pid

    @property
    def late(self) -> bool:
        """Whether the turn at hand has taken long."""
        return bool(self.turn) and time.monotonic() - self._since > LONG

    def wait(self, before: int) -> float:
        """About how many seconds until a job has its first turn that waits behind so many others: owners' turns go
        round, so that whoever is new is next."""
        at_hand = time.monotonic() - self._since if self.turn else 0.0
        return max(at_hand, self._pace) + before * self._pace

    def used(self) -> dict[str, float]:
        """Seconds of turns since this was last asked, by job."""
        self._count()
        with self._counting:
            used, self._used = self._used, defaultdict(float)
        return used

    def _count(self) -> None:
        with self._counting:
            now = time.monotonic()
            if self.turn:
                self._used[self.turn] += now - self._counted
            self._counted = now

    def send(self, command: dict[str, Any]) -> None:
        """Tells it something; one that has just died is buried by its listener, which also does what it was told."""
        assert self._popen.stdin
        try:
            self._popen.stdin.write(json.dumps(command) + "\n")
            self._popen.stdin.flush()
        except OSError:
            pass

    def kill(self) -> None:
        """Ends it at once; checkpoints are in the store."""
        self._popen.kill()

    def close(self, seconds: float = 30) -> None:
        """Lets it keep its jobs' last steps and end."""
        assert self._popen.stdin
        try:
            self._popen.stdin.close()
            self._popen.wait(seconds)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()

    def _listen(self, hear: Callable[[Process, dict[str, Any]], None], bury: Callable[[Process], None]) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                break  # a line cut off by its death
            self.ready = True
            if "turn" in event:
                self._count()
                now = time.monotonic()
                if self.turn:
                    self._pace += 0.2 * (now - self._since - self._pace)
                self.turn, self._since = event["turn"], now
                self.heavy = "" if self.heavy != event["turn"] else self.heavy
            else:
                hear(self, event)
        self._popen.wait()
        bury(self)
