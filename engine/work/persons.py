"""Persons: who made what on a server, and how much each has used; in public mode it says what a person may do."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

from engine.spec import SpecError
from engine.work.settings import Settings


class Persons:
    """The persons of one server, each the owner that jobs are started for: a browser session.

    What a server finds in its store when it starts is nobody's. `by` is who asks; None is the server itself, which may
    do all, and so may everybody where the server is not public.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self._made: dict[str, str] = {}  # whose a record is, by its address
        self._seconds: defaultdict[str, float] = defaultdict(float)  # of computing, by person
        self._uploads: Counter[str] = Counter()
        self._lock = threading.Lock()

    def admit(self, by: str | None, address: str, there: bool, at_once: int, in_all: int) -> None:
        """Lets a person begin a job, whose record is theirs if it is not `there` yet; SpecError where they have as
        many jobs, or have used as many seconds, as they may."""
        if not self._bound(by):
            return
        most, limits = self.settings.jobs, self.settings
        if most and at_once >= most:
            raise SpecError(f"jobs: expected at most {most} of one person at once; let one end, or stop one")
        if limits.all_jobs and in_all >= limits.all_jobs:
            raise SpecError(f"jobs: expected at most {limits.all_jobs} on this server at once; try again later")
        if self.spent(by):
            raise SpecError(f"seconds: {self.spent(by)}; this server gives everybody as many")
        if not there:
            self._made[address] = str(by)

    def may_change(self, by: str | None, owner: str) -> bool:
        """Whether a person may pause or stop what `owner` started."""
        return not self._bound(by) or (bool(by) and by == owner)

    def may_delete(self, by: str | None, address: str) -> bool:
        """Whether a person may delete a record, or begin it from the start."""
        return self.may_change(by, self._made.get(address, ""))

    def charge(self, owner: str, seconds: float) -> None:
        """Counts seconds of computing."""
        self._seconds[owner] += seconds

    def spent(self, by: str | None, seconds: float = 0) -> str:
        """Why no more may be computed for a person, in whose job at hand so many seconds were; "" where it may."""
        if not self._bound(by):
            return ""
        limits = self.settings
        if 0 < limits.job_seconds <= seconds:
            return f"a job may compute for {limits.job_seconds:,} s here"
        if 0 < limits.person_seconds <= self._seconds[str(by)]:
            return f"{limits.person_seconds:,} s of computing are used"
        return ""

    def upload(self, by: str) -> None:
        """Counts a file that a person gives; SpecError where they have given as many as they may."""
        with self._lock:
            if self._bound(by) and 0 < self.settings.uploads <= self._uploads[by]:
                raise SpecError(f"file: expected at most {self.settings.uploads} files of one person")
            self._uploads[by] += 1

    def _bound(self, by: str | None) -> bool:
        return self.settings.public and by is not None
