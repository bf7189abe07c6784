"""Leases: who may write a record, so that several servers and command lines can share one store."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO


class Lease:
    """The right to write one record.

    A lock on a file beside the record, which the system gives up with the process that holds it: nobody has to judge
    from a clock whether a holder is dead. Whoever removes the file, to delete the record or to take it over from a
    process that no longer answers, ends the lease: its holder finds that the file is no longer the one that it locked.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file: IO[str] | None = None

    def take(self, over: bool = False) -> bool:
        """Takes the lease; False where another holder has it, unless it is taken `over`. OSError where the folder
        cannot be written."""
        if over:
            self.path.unlink(missing_ok=True)
        while True:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                file = self.path.open("a")
            except FileNotFoundError:
                continue  # another has just given the folder back
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._file = file
            if self.held:
                return True
            self.give_back()  # it was removed between our opening and locking it

    @property
    def held(self) -> bool:
        """Whether the lease is ours still."""
        if self._file is None:
            return False
        try:
            there, ours = self.path.stat(), os.fstat(self._file.fileno())
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def give_back(self) -> None:
        """Ends the lease, if it is ours, and leaves no empty folder behind."""
        if self._file is None:
            return
        if self.held:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):
                self.path.parent.rmdir()
        self._file.close()
        self._file = None
