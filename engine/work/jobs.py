"""Jobs: what a server asks of its workers, and an immutable snapshot of each for whoever watches. One worker process
per device."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from engine.spec import SpecError
from engine.work.kinds import Work
from engine.work.perform import ELSEWHERE
from engine.work.store import Store

WORKER = (sys.executable, "-m", "engine.work.worker")
"""The command that a worker is; the device and the store's folder follow."""
LIVES = 3
"""Workers that one job may see die under it before it is given up as the likely cause."""


@dataclass(frozen=True)
class Snapshot:
    """A job at one moment."""

    id: str  # the address of what is made
    kind: str  # the name of its kind of work
    device: str
    status: str = "queued"  # queued, running, elsewhere, paused, finished, stopped, diverged or failed
    reason: str = ""
    done: int = 0
    total: int = 0
    rate: float = math.nan  # done per second; NaN before it is known
    version: int = 0  # grows whenever the store holds something new of this job
    frames: tuple[dict[str, float], ...] = ()  # of a training: every measurement so far

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("queued", "running", ELSEWHERE, "paused")

    @property
    def left(self) -> float:
        """Seconds to go; NaN before they are known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else math.nan


@dataclass
class _Job:
    now: Snapshot
    start: dict[str, Any]  # the command that started it, to be sent again if its worker dies
    frames: list[dict[str, float]] = field(default_factory=list)
    deaths: int = 0


class Jobs:
    """The jobs of one server: commands go to the workers through pipes, light progress comes back, results are in
    the store."""

    def __init__(self, store: Store, worker: Sequence[str] = WORKER):
        self.store, self.worker = store, worker
        self.devices = [*(f"cuda:{i}" for i in range(torch.cuda.device_count())), "cpu"]
        self._jobs: dict[str, _Job] = {}
        self._workers: dict[str, subprocess.Popen[str]] = {}
        self._lock = threading.RLock()
        self._closing = False

    def start(self, work: Work, device: str | None = None, fresh: bool = False) -> str:
        """Starts work, goes on with what an earlier attempt has left of it (unless `fresh`), or joins it where it is
        being done; returns its address, which is the job's id.

        SpecError for a device that is not here, or where `work.of` is no address.
        """
        device = device or self.devices[0]
        if device not in self.devices:
            raise SpecError(f"device: expected one of {', '.join(self.devices)}, got {device[:40]!r}")
        job = work.address
        self.store.file(job)  # refuses what is no address
        with self._lock:
            known = self._jobs.get(job)
            if known is None or not known.now.active:
                start = {"do": "start", "job": job, "fresh": fresh, **work.message()}
                version = known.now.version if known else 0
                self._jobs.pop(job, None)
                self._jobs[job] = _Job(Snapshot(job, work.kind.name, device, version=version), start)
                self._write(device, start)
        return job

    def pause(self, job: str) -> None:
        """Holds a job until it is resumed; its checkpoint stays."""
        self._send(job, "pause")

    def resume(self, job: str) -> None:
        """Lets a paused job go on."""
        self._send(job, "resume")

    def stop(self, job: str) -> None:
        """Ends a job for good; a run keeps its curves and can still be gone on with by `train`."""
        self._send(job, "stop")

    def delete(self, address: str) -> None:
        """Ends what is at work on something, and removes it with all that was computed of it."""
        names = [name for name in self._jobs if name == address or name.startswith(f"{address}/")]
        for name in names:
            self.stop(name)
        end = time.monotonic() + 10
        while any((now := self.snapshot(name)) and now.active for name in names) and time.monotonic() < end:
            time.sleep(0.02)  # a job's last act is to write its record, which would bring the folder back
        with self._lock:
            for name in names:
                self._jobs.pop(name, None)
        self.store.delete(address)

    def snapshot(self, job: str) -> Snapshot | None:
        """The job now, or None where this server knows no such job."""
        with self._lock:
            known = self._jobs.get(job)
            return replace(known.now, frames=tuple(known.frames)) if known else None

    def active(self) -> list[Snapshot]:
        """Snapshots of all jobs that have not ended, the oldest first."""
        with self._lock:
            return [job.now for job in self._jobs.values() if job.now.active]

    def unfinished(self) -> list[str]:
        """Runs that the store holds as running but that no job of this server is at work on: their server died."""
        at_work = {job.id for job in self.active()}
        return [s.digest for s in self.store.summaries() if s.status == "running" and s.digest not in at_work]

    def close(self) -> None:
        """Lets the workers keep their checkpoints and end."""
        self._closing = True
        for worker in self._workers.values():
            if worker.stdin:
                worker.stdin.close()
            worker.wait(timeout=30)

    def _send(self, job: str, do: str) -> None:
        with self._lock:
            known = self._jobs.get(job)
            if known and known.now.active:
                self._write(known.now.device, {"do": do, "job": job})

    def _write(self, device: str, command: dict[str, Any]) -> None:
        worker = self._workers.get(device) or self._spawn(device)
        assert worker.stdin
        try:
            worker.stdin.write(json.dumps(command) + "\n")
            worker.stdin.flush()
        except OSError:
            pass  # the worker has just died: `_revive` starts every active job, this one included, on the next

    def _spawn(self, device: str) -> subprocess.Popen[str]:
        """A new interpreter, not a fork (torch's threads do not survive one) and not multiprocessing (which would
        run the app's script again)."""
        home = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
        root = str(self.store.root.resolve())
        environment = os.environ | {"PYTHONPATH": path, "RAVINE_STORE": root}  # where downloaded and own data lie too
        command = [*self.worker, device, root]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self._workers[device] = worker
        threading.Thread(target=self._listen, args=(device, worker), daemon=True).start()
        return worker

    def _listen(self, device: str, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout
        for line in worker.stdout:
            try:
                self._hear(json.loads(line))
            except json.JSONDecodeError:
                break  # a line cut off by the worker's death
        worker.wait()
        if not self._closing:
            self._revive(device)

    def _hear(self, event: dict[str, Any]) -> None:
        with self._lock:
            job = self._jobs.get(event.pop("job"))
            if job is None:
                return
            if event.pop("begin", False):
                job.frames.clear()
            if frame := event.pop("frame", None):
                job.frames.append(frame)
            if event.pop("saved", False):
                job.now = replace(job.now, version=job.now.version + 1)
            job.now = replace(job.now, **event)

    def _revive(self, device: str) -> None:
        """After a worker's death its jobs go on from their checkpoints in the next one."""
        with self._lock:
            self._workers.pop(device, None)
            for job in [j for j in self._jobs.values() if j.now.active and j.now.device == device]:
                job.deaths += 1
                if job.deaths >= LIVES:
                    job.now = replace(
                        job.now,
                        status="failed",
                        reason=f"the worker process died {job.deaths} times while this job was active",
                    )
                else:
                    job.start["fresh"] = False
                    paused = job.now.status == "paused"
                    self._write(device, job.start)
                    if paused:
                        self._write(device, {"do": "pause", "job": job.now.id})
