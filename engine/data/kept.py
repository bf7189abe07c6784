"""Files of datasets in the store's root: numpy arrays without pickles, believed only while their SHA-256 is right."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

KeptArrays = dict[str, np.ndarray]


def home() -> Path:
    """The store's root, beside whose runs datasets are kept: the environment's RAVINE_STORE, else .ravine in the
    working directory."""
    return Path(os.environ.get("RAVINE_STORE") or ".ravine")


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


def arrays_of(path: Path) -> KeptArrays:
    """The arrays in an npz file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
