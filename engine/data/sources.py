"""Downloading: image sets in the files of their authors, held against the hashes that are known of them, and kept
beside the runs; nothing comes by itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from engine.files.child import environment
from engine.files.kept import KeptArrays, arrays_of, home, intact, writing
from engine.records import write
from engine.spec import SpecError


class File(NamedTuple):
    """A file that is known: its address, its size in bytes, and its SHA-256 in hex."""

    address: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The end of its address."""
        return self.address.rpartition("/")[2]

    @property
    def host(self) -> str:
        """The server that has it."""
        return urlsplit(self.address).netloc


class Source(NamedTuple):
    """A set that can be downloaded: its name here, the shape [channels, side, side] of its images, its files, its
    terms, and what to cite."""

    name: str
    shape: tuple[int, int, int]
    files: tuple[File, ...]
    licence: str
    citation: str

    @property
    def size(self) -> int:
        """Bytes that travel."""
        return sum(file.size for file in self.files)

    @property
    def host(self) -> str:
        """The server that has them."""
        return self.files[0].host

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each file, by its name."""
        return {file.name: file.sha256 for file in self.files}


class Fetching(NamedTuple):
    """How far a download is: bytes on the disk, and how many will travel."""

    done: int
    total: int


FETCH = (sys.executable, "-m", "engine.data.fetch")
"""What fetches: a process of its own, since images that are unpacked take half a gigabyte for a while, and since it
can be ended. A folder and what `asked` says follow."""


def present(source: Source) -> bool:
    """Whether a set is on this machine, is what was downloaded, and came from the files that are known."""
    return not _lacking(source)


def downloaded(source: Source) -> KeptArrays:
    """What `engine.data.fetch` made of a set; SpecError where it is not here, has changed, or came from other files."""
    if lacking := _lacking(source):
        raise SpecError(
            f"data: {lacking} (about {source.size / 1e6:.0f} MB) on the Train page or with "
            f"`python -m engine download {source.name}`"
        )
    return arrays_of(_path(source))


def fetched(source: Source) -> Iterator[Fetching]:
    """Fetches a set that is not here; yields how far it is, several times a second. SpecError in one line where that
    fails: then nothing has changed.

    Leaving the generator ends the download.
    """
    if present(source):
        return
    path = _path(source)
    with writing(f"data: {source.name}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".", suffix=".part") as folder:
            yield from _fetch(source, Path(folder))
            content = (Path(folder) / "set.npz").read_bytes()
        write(path, lambda file: file.write(content))
        about = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "from": source.hashes}
        write(path.with_suffix(".json"), lambda file: file.write(json.dumps(about).encode()))


def asked(source: Source) -> str:
    """What the process that fetches a set is told of it, as JSON: the shape of its images, and its files."""
    return json.dumps([source.shape, source.files])


def _fetch(source: Source, folder: Path) -> Iterator[Fetching]:
    """Has another process write set.npz into a folder, and watches the folder grow."""
    command = [*FETCH, str(folder), asked(source)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
    try:
        while child.poll() is None:
            yield Fetching(_size(folder), source.size)
            time.sleep(0.1)
    finally:
        child.kill()
        said = child.communicate()[0].strip()
    if child.returncode:
        reason = said.splitlines()[-1] if said else "its process ended without a word, perhaps for lack of memory"
        raise SpecError(f"data: {source.name} could not be downloaded: {reason}")


def _path(source: Source) -> Path:
    """Where a set's arrays are kept; beside them lies what is known of them, as JSON."""
    return home() / "data" / f"{source.name}.npz"


def _lacking(source: Source) -> str:
    """What is wrong with a set as it is kept, and what to do about it; "" where nothing is."""
    path = _path(source)
    about = _about(path)
    if not about or not path.exists():
        return f"{source.name} is not on this machine yet; download it"
    if about.get("from") != source.hashes:
        return f"{source.name} is here from other files than those of {source.host}; download it anew"
    if not intact(path, str(about.get("sha256"))):
        return f"the file of {source.name} is torn or was changed since its download; download it anew"
    return ""


def _about(path: Path) -> dict[str, Any]:
    """What was noted of a set when it came: its "bytes" and "sha256", and "from" which files it came; {} where none
    did."""
    try:
        about = json.loads(path.with_suffix(".json").read_text())
        return about if isinstance(about, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _size(folder: Path) -> int:
    """Bytes below a folder whose files come and go."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size
