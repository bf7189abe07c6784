"""Uploads: a person's file is read in a process of its own, for it may be made to crash, to fill or to hang what reads
it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from engine.files.child import environment
from engine.files.reading import SECONDS, kind_of, refuse_large
from engine.spec import SpecError

READ = (sys.executable, "-m", "engine.files.reading")
"""What reads; the kind of file and the folder follow."""
PATIENCE = 60.0
"""Seconds after which it is ended, on a machine that may have other things to do."""
PLACES = BoundedSemaphore(2)
"""As many files are read at once, the others wait: what they take together is bounded, too."""


def upload(content: bytes | memoryview, name: str, folder: Path) -> tuple[str, str]:
    """Keeps the table in a file in a folder: its digest there, and in one line what was read. SpecError "file: ..."
    where there is no table in it, or where it cannot be read or kept."""
    refuse_large(len(content))
    command = [*READ, kind_of(name), str(folder)]
    with PLACES:
        try:
            done = subprocess.run(
                command,
                input=content,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise SpecError(f"file: it takes more than {PATIENCE:g} s to read") from None
    if done.returncode == -signal.SIGXCPU:
        raise SpecError(f"file: it takes more than {SECONDS} s to read")
    said = done.stdout.decode(errors="replace").rstrip("\n")
    if done.returncode == 1 and said:
        raise SpecError(said)
    if done.returncode or not said:
        raise SpecError(f"file: it cannot be read: the process that reads it crashed ({done.returncode})")
    digest, _, line = said.partition(" ")
    return digest, line
