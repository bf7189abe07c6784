"""What is kept of datasets in the store's root: numpy arrays without pickles, believed only while their SHA-256 is
right."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.records import write
from engine.spec import SpecError

KeptArrays = dict[str, np.ndarray]


def home() -> Path:
    """The store's root, beside whose runs datasets are kept: the environment's RAVINE_STORE, else .ravine in the
    working directory."""
    return Path(os.environ.get("RAVINE_STORE") or ".ravine")


@contextmanager
def writing(what: str) -> Iterator[None]:
    """SpecError "what cannot be kept ..." in place of a disk's fault within: one that is full or read-only, or a
    store that is a file."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SpecError(f"{what} cannot be kept in the store ({reason})") from None


def intact(path: Path, sha: str) -> bool:
    """Whether a file is there and has this SHA-256 in hex; it is read anew only when it has changed."""
    try:
        about = path.stat()
        return _sha(path, about.st_mtime_ns, about.st_size) == sha
    except OSError:
        return False


@lru_cache(maxsize=64)
def _sha(path: Path, changed: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def keep(folder: Path, x: np.ndarray, y: np.ndarray) -> str:
    """Keeps examples in a folder under their digest, and says it; SpecError "file: ..." where they cannot be kept."""
    digest = digest_of(x, y)
    with writing("file: it"):
        write(folder / f"{digest}.npz", lambda file: np.savez_compressed(file, allow_pickle=False, x=x, y=y))
    return digest


def digest_of(x: np.ndarray, y: np.ndarray) -> str:
    """The same 16 hex digits wherever the same numbers are read, from whichever kind of file."""
    content = (str(x.shape).encode(), x.astype("<f8").tobytes(), y.astype("<i8").tobytes())
    return hashlib.sha256(b"\n".join(content)).hexdigest()[:16]


def arrays_of(path: Path) -> KeptArrays:
    """The arrays in an npz file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
