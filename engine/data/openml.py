"""Downloading: what scikit-learn fetches from OpenML when asked to, kept with its checksum beside the runs; nothing
comes by itself."""

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
from typing import NamedTuple

from engine.files.child import environment
from engine.files.kept import KeptArrays, arrays_of, home, intact, writing
from engine.records import write
from engine.spec import SpecError


class Source(NamedTuple):
    """A set that can be downloaded: its name here, OpenML's name and version of it, the shape [channels, side, side] of
    its images, about how many bytes travel, its terms, what to cite, and the MD5 of OpenML's file in hex; "" where none
    is known, and what OpenML says of its file by itself is all that is checked."""

    name: str
    openml: str
    version: int
    shape: tuple[int, int, int]
    size: int
    licence: str
    citation: str
    md5: str = ""


class Fetching(NamedTuple):
    """How far a download is: bytes on the disk, and about how many there will be."""

    done: int
    total: int


FETCH = (sys.executable, "-m", "engine.data.fetch")
"""What fetches: a process of its own, since reading OpenML's text format takes gigabytes for a while, and since it
can be ended."""
MANY = 4
"""How often a set's expected size may arrive before the download is given up."""


def present(source: Source) -> bool:
    """Whether a set is on this machine, and is what was downloaded."""
    path, sha = _kept(source)
    return bool(sha) and intact(path, sha)


def downloaded(source: Source) -> KeptArrays:
    """What `engine.data.fetch` made of a set; SpecError where it is not here or has changed."""
    path, sha = _kept(source)
    how = f"(about {source.size / 1e6:.0f} MB) on the Train page or with `python -m engine download {source.name}`"
    if not sha or not path.exists():
        raise SpecError(f"data: {source.name} is not on this machine yet; download it {how}")
    if not intact(path, sha):
        raise SpecError(
            f"data: the file of {source.name} is torn or was changed since its download; download it anew {how}"
        )
    return arrays_of(path)


def fetched(source: Source) -> Iterator[Fetching]:
    """Fetches a set that is not here; yields how far it is, several times a second. SpecError in one line where that
    fails: then nothing has changed.

    Leaving the generator ends the download.
    """
    if present(source):
        return
    path, _ = _kept(source)
    with writing(f"data: {source.name}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".", suffix=".part") as folder:
            yield from _fetch(source, Path(folder))
            content = (Path(folder) / "set.npz").read_bytes()
        write(path, lambda file: file.write(content))
        about = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "from": f"OpenML, {source.openml}, version {source.version}",
        }
        write(path.with_suffix(".json"), lambda file: file.write(json.dumps(about).encode()))


def _fetch(source: Source, folder: Path) -> Iterator[Fetching]:
    """Has another process write set.npz into a folder, and watches the folder grow."""
    command = [*FETCH, source.openml, str(source.version), str(folder), source.md5]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment())
    try:
        while child.poll() is None:
            yield Fetching(_size(folder), source.size)
            if _size(folder) > MANY * source.size:
                raise SpecError(
                    f"data: {source.name} could not be downloaded: more than {MANY * source.size / 1e6:.0f} MB came; "
                    "nothing was changed"
                )
            time.sleep(0.1)
    finally:
        child.kill()
        said = child.communicate()[0].strip()
    if child.returncode:
        reason = said.splitlines()[-1] if said else "its process ended without a word, perhaps for lack of memory"
        raise SpecError(f"data: {source.name} could not be downloaded: {reason}")


def _kept(source: Source) -> tuple[Path, str]:
    """Where a set's arrays are kept, and the SHA-256 that they had when they came; "" where none did."""
    path = home() / "data" / f"{source.name}.npz"
    try:
        return path, str(json.loads(path.with_suffix(".json").read_text())["sha256"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return path, ""


def _size(folder: Path) -> int:
    """Bytes below a folder whose files come and go."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size
