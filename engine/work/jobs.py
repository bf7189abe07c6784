"""Jobs: what a server asks of its workers, and an immutable snapshot of each for whoever watches. A few processes for
each device share the jobs, so that one that takes long, or kills its process, hurts no other."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from engine.spec import SpecError
from engine.work import notes
from engine.work.kinds import Work
from engine.work.notes import Note
from engine.work.persons import Persons
from engine.work.process import WIDTH, WORKER, Process
from engine.work.settings import Settings, read
from engine.work.snapshot import Snapshot
from engine.work.store import Store

LIVES = 3
"""Processes that one job may see die in its turn before it is given up as the cause."""
PATIENCE = 3.5
"""Seconds after which a process that does not hear a stop is ended."""
WATCH = 0.1
"""Seconds between two looks at whether a process is late."""


@dataclass
class _Job:
    now: Snapshot
    start: dict[str, Any]  # the command that started it, to be sent again if its process dies
    frames: list[dict[str, float]] = field(default_factory=list)
    process: Process | None = None
    deaths: int = 0
    stopping: float = math.inf  # when it was told to stop
    why: str = ""  # it was, if not because somebody wanted it
    seconds: float = 0.0  # of computing

    def become(self, **changes: Any) -> None:
        """Changes what is to be seen of it; once it has ended, its frames are the store's to tell."""
        self.now = replace(self.now, **changes)
        if not self.now.active:
            self.frames.clear()


class Jobs:
    """The jobs of one server: commands go to the workers through pipes, light progress comes back, results are in
    the store."""

    def __init__(self, store: Store, worker: Sequence[str] = WORKER, settings: Settings | None = None):
        self.store, self.worker = store, worker
        self.settings = settings or read()
        self.persons = Persons(self.settings)
        self.devices = [*(f"cuda:{i}" for i in range(torch.cuda.device_count())), "cpu"]
        self._jobs: dict[str, _Job] = {}
        self._processes: list[Process] = []
        self._lock = threading.RLock()
        self.closing = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def warm(self) -> None:
        """Starts the processes for the first device before there is a job, which then does not wait for one."""
        first = self.devices[0]
        with self._lock:
            for _ in range(WIDTH[first.partition(":")[0]] - len(self._processes)):
                self._open(first).send({"do": "warm", "job": ""})

    def start(self, work: Work, device: str | None = None, fresh: bool = False, owner: str = "") -> str:
        """Starts work, goes on with what an earlier attempt has left of it (unless `fresh`), or joins it where it is
        being done; returns its address, which is the job's id. Owners take turns, however many jobs one has.

        SpecError for a device that is not here, where `work.of` is no address, or where a public server's limits are
        reached. There nobody begins somebody else's unfinished record from the start.
        """
        device = device or self.devices[0]
        if device not in self.devices:
            raise SpecError(f"device: expected one of {', '.join(self.devices)}, got {device[:40]!r}")
        job = work.address
        self.store.file(job)  # refuses what is no address
        with self._lock:
            known = self._jobs.get(job)
            if known is None or not known.now.active:
                theirs = [one for one in self._jobs.values() if one.now.active and one.start["owner"] == owner]
                self.persons.admit(owner, job, self.store.has(job), len(theirs), len(self.active()))
                fresh = fresh and self.persons.may_delete(owner, job)
                start = {"do": "start", "job": job, "fresh": fresh, "over": False, "owner": owner, **work.message()}
                version = known.now.version if known else 0
                self._jobs.pop(job, None)
                self._jobs[job] = _Job(Snapshot(job, work.kind.name, device, version=version), start)
                self._give(self._jobs[job])
        return job

    def may_change(self, job: str, by: str | None = None) -> bool:
        """Whether somebody may pause, resume and stop a job: on a public server only who started it (see Persons)."""
        with self._lock:
            known = self._jobs.get(job)
            return self.persons.may_change(by, known.start["owner"] if known else "")

    def may_delete(self, address: str, by: str | None = None) -> bool:
        """Whether somebody may delete a record: on a public server only who made it there."""
        return self.persons.may_delete(by, address)

    def pause(self, job: str, by: str | None = None) -> None:
        """Holds a job until it is resumed; its checkpoint stays. SpecError where it is somebody else's."""
        self._check(self.may_change(job, by))
        self._send(job, "pause")

    def resume(self, job: str, by: str | None = None) -> None:
        """Lets a paused job go on. SpecError where it is somebody else's."""
        self._check(self.may_change(job, by))
        self._send(job, "resume")

    def stop(self, job: str, by: str | None = None) -> None:
        """Ends a job for good; a run keeps its curves and can still be gone on with by `start`. SpecError where it is
        somebody else's."""
        self._check(self.may_change(job, by))
        with self._lock:
            if known := self._jobs.get(job):
                known.stopping = min(known.stopping, time.monotonic())
                self._send(job, "stop")

    def delete(self, address: str, by: str | None = None) -> None:
        """Ends what is at work on something, and removes it with all that was computed of it. SpecError where it is
        somebody else's."""
        self._check(self.may_delete(address, by))
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

    def note(self, run: str, note: Note, by: str | None = None) -> None:
        """Keeps what somebody writes about a run. SpecError where it is somebody else's."""
        self._check(self.may_delete(run, by))
        notes.keep(self.store, run, note)

    def snapshot(self, job: str) -> Snapshot | None:
        """The job now, or None where this server knows no such job."""
        with self._lock:
            known = self._jobs.get(job)
            return replace(known.now, frames=tuple(known.frames), **self._place(known)) if known else None

    def active(self) -> list[Snapshot]:
        """Snapshots of all jobs that have not ended, the oldest first."""
        with self._lock:
            return [job.now for job in self._jobs.values() if job.now.active]

    def commands(self) -> list[str]:
        """What started the jobs that have not ended, as text that names all they are of and need."""
        with self._lock:
            return [json.dumps(job.start) for job in self._jobs.values() if job.now.active]

    def unfinished(self) -> list[str]:
        """Runs that the store holds as running but that no job of this server is at work on: their server died."""
        at_work = {job.id for job in self.active()}
        return [s.digest for s in self.store.summaries() if s.status == "running" and s.digest not in at_work]

    def close(self) -> None:
        """Lets the processes keep their jobs' last steps and end."""
        self.closing.set()
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            process.close()

    @staticmethod
    def _check(may: bool) -> None:
        if not may:
            raise SpecError("owner: it is somebody else's; on this server one can stop and delete only one's own")

    def _send(self, job: str, do: str) -> None:
        with self._lock:
            known = self._jobs.get(job)
            if known and known.now.active and known.process:
                known.process.send({"do": do, "job": job})

    def _give(self, job: _Job, avoid: Process | None = None) -> None:
        """Gives a job to a process."""
        job.process = self._choose(job.now.device, avoid)
        job.process.send(job.start)
        if job.now.status == "paused":
            job.process.send({"do": "pause", "job": job.now.id})

    def _choose(self, device: str, avoid: Process | None) -> Process:
        """The process with the fewest jobs, among those that are not held up by a long turn, or a new one where all
        have some and there may be more."""
        ours = [process for process in self._processes if process.device == device]
        free = [process for process in ours if process is not avoid and not process.late and not process.heavy]
        idle = any(not self._at(process) for process in free)
        held_up = len(ours) - len(free)
        if not idle and len(free) < WIDTH[device.partition(":")[0]] and held_up < 2 * WIDTH["cpu"]:
            return self._open(device)
        return min(free or ours, key=lambda process: len(self._at(process)))

    def _open(self, device: str) -> Process:
        process = Process(self.worker, device, self.store.root.resolve(), self._hear, self._bury)
        self._processes.append(process)
        return process

    def _at(self, process: Process) -> list[_Job]:
        """The jobs that a process has."""
        return [job for job in self._jobs.values() if job.process is process and job.now.active]

    def _place(self, job: _Job) -> dict[str, Any]:
        """For one that waits for its first turn: how many others do that before it, and about how long."""
        if job.now.status != "queued" or job.process is None:
            return {}
        waiting = [other for other in self._at(job.process) if other.now.status == "queued"]
        before = next(i for i, other in enumerate(waiting) if other is job)
        return {"before": before, "wait": job.process.wait(before)}

    def _watch(self) -> None:
        while not self.closing.wait(WATCH):
            with self._lock:
                for process in list(self._processes):
                    self._relieve(process)
                    self._charge(process)

    def _relieve(self, process: Process) -> None:
        """Of a process whose turn takes long, the other jobs are given to others; one that does not hear a stop is
        ended."""
        ours = self._at(process)
        if process.ready and any(time.monotonic() - job.stopping > PATIENCE for job in ours):
            process.kill()
        elif process.late:
            process.heavy = process.turn
            for job in ours:
                if job.now.id != process.turn:
                    process.send({"do": "drop", "job": job.now.id})
                    job.start |= {"fresh": False, "over": True}
                    self._give(job, avoid=process)

    def _charge(self, process: Process) -> None:
        """Counts what the turns of a process took, and stops who has used all that a public server gives."""
        for name, seconds in process.used().items():
            if job := self._jobs.get(name):
                job.seconds += seconds
                self.persons.charge(job.start["owner"], seconds)
                if job.now.active and (why := self.persons.spent(job.start["owner"], job.seconds)) and not job.why:
                    job.why = why
                    self.stop(name)

    def _hear(self, process: Process, event: dict[str, Any]) -> None:
        with self._lock:
            job = self._jobs.get(event.pop("job"))
            if job is None or job.process is not process:
                return
            if event.pop("begin", False):
                job.frames.clear()
            if frame := event.pop("frame", None):
                job.frames.append(frame)
            if event.pop("saved", False):
                job.now = replace(job.now, version=job.now.version + 1)
            if job.why and event.get("status") == "stopped":
                event["reason"] = job.why
            job.become(**event)

    def _bury(self, process: Process) -> None:
        """After a process's death its jobs go on from their checkpoints in others, unless it is of one of them that
        processes die."""
        with self._lock:
            self._processes.remove(process)
            if self.closing.is_set():
                return
            for job in self._at(process):
                if job.now.id == process.turn or not process.ready:
                    job.deaths += 1
                if math.isfinite(job.stopping):
                    job.become(status="stopped", reason=job.why or "stopped in the middle of a step")
                elif job.deaths >= LIVES:
                    why = f"the worker process died {job.deaths} times in this job's turn"
                    job.become(status="failed", reason=why)
                else:
                    job.start |= {"fresh": False, "over": True}
                    self._give(job)
