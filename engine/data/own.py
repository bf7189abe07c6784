"""Own files: a person's CSV or NPZ as a dataset, kept beside the runs and named by its content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.data.dataset import BY_FEATURE, Dataset, Inputs
from engine.data.holdout import leading, parted, trainable
from engine.data.single import misfit
from engine.files.kept import arrays_of, digest_of, home
from engine.files.upload import upload
from engine.spec import SpecError, knob, word


@dataclass(frozen=True)
class OwnFile(Dataset):
    """Your own examples: a CSV whose last column is the class, or an NPZ with x [N, D] or images x [N, C, S, S] and
    whole numbers y [N].

    The spec names a file by its content, and the file is kept beside the runs; where it is not, give the same file
    again. One in five examples is held out, as large a share of each class, and every class is trained on.
    """

    train: int = knob(
        100,
        10,
        1_000_000,
        "Training examples",
        "How many of the file's training examples to use; the held-out fifth stays the same.",
        log=True,
    )
    digest: str = word(
        "", "([0-9a-f]{16})?", 16, "File", "16 hex digits that name the file's content; giving the file fills them in."
    )
    draw: int = knob(0, 0, 9999, "Draw", "Which random fifth is held out.")
    standardize: str = BY_FEATURE

    @property
    def inputs(self):
        x, y = _content(self.digest)
        classes, most = int(y.max()) + 1, trainable(y)
        if not classes <= self.train <= most:
            bound = (
                f"most {most}, the file's training examples"
                if self.train > most
                else f"least {classes}, one of each class"
            )
            raise SpecError(f"data.train: expected at {bound}, got {self.train}")
        if fault := _misfit(self.digest, self.draw, self.train, self.standardize):
            raise SpecError(f"data.standardize: {fault}")
        return Inputs("image" if x.ndim == 4 else "points", x.shape[1:], classes)

    def split(self):
        x, y = _content(self.digest)
        train, test = _places(y, self.draw, self.train)
        return x[train], y[train], x[test], y[test]


class Given(NamedTuple):
    """What a person's file became: the dataset, all its training examples in use, and in one line what was read."""

    data: OwnFile
    line: str


def keep(content: bytes | memoryview, name: str) -> Given:
    """The dataset that a file holds, once the file is kept; SpecError "file: ..." where there is none in it, or where
    it cannot be read or kept."""
    digest, line = upload(content, name, _folder())
    return Given(OwnFile(train=trainable(_content(digest)[1]), digest=digest), line)


def _places(y: np.ndarray, draw: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Those of the training examples that are used, and of the held-out ones."""
    train, test = parted(y, draw)
    return leading(train, y, count), test


@lru_cache(maxsize=64)
def _misfit(digest: str, draw: int, count: int, standardize: str) -> str:
    """What of a file's numbers is lost in single precision, in one line; "" where nothing is."""
    x, y = _content(digest)
    return misfit(x, *_places(y, draw, count), standardize)


def _content(digest: str) -> tuple[np.ndarray, np.ndarray]:
    """All x and y of a kept file: treat them as read-only."""
    if not digest:
        raise SpecError("data: no file is chosen yet; give a CSV or NPZ of at most 5 MB on the Train page")
    try:
        changed = _path(digest).stat().st_mtime_ns
    except OSError:
        raise SpecError(
            f"data: the file {digest} is not kept on this machine; give it again on the Train page"
        ) from None
    return _read(_path(digest), digest, changed)


@lru_cache(maxsize=4)
def _read(path: Path, digest: str, changed: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        kept = arrays_of(path)
        if digest_of(kept["x"], kept["y"]) == digest:
            return kept["x"], kept["y"]
    except Exception:  # a torn file makes zipfile, zlib and numpy raise all sorts of things
        pass
    raise SpecError(
        f"data: the file {digest} is torn or was changed since it was kept; give it again on the Train page"
    )


def _path(digest: str) -> Path:
    return _folder() / f"{digest}.npz"


def _folder() -> Path:
    return home() / "own"


OWN = (OwnFile,)
