"""Fetching: one image set from its authors' files into one npz file. `python -m engine.data.fetch FOLDER JSON`, a
process that others start and watch; what it is to fetch is said by `engine.data.sources.asked`."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import math
import os
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import numpy as np

from engine.data.sources import File
from engine.spec import SpecError

TRAIN, HELD_OUT = 10_000, 1_000
"""Images kept to train on and to hold out."""
BATCHES = [f"cifar-10-batches-bin/{name}.bin" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]
"""The parts of CIFAR-10's archive that hold images; the test images are in the last one."""
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
"""What is wrong with this machine's disk and not with what was sent."""
PATIENCE = 30.0
"""Seconds without an answer after which a server counts as out of reach."""
PIECE = 1 << 18
"""Bytes that are taken from the network at once."""


class Images(NamedTuple):
    """Images [N, pixels] in 0 to 255 and their classes [N]."""

    x: np.ndarray
    y: np.ndarray


def main(folder: str, asked: str) -> int:
    """Writes set.npz into the folder; 1 with one line on standard output where that fails, or where a file is another
    than the one that is known."""
    shape, known = json.loads(asked)
    files = [File(*each) for each in known]
    read = archived if files[0].name.endswith(".tar.gz") else tables
    try:
        # Nothing is unpacked, nor looked at, before every file is the known one: its content is then known to be
        # harmless, and so is the size that it unpacks to.
        paths = [received(file, Path(folder)) for file in files]
        np.savez_compressed(Path(folder) / "set.npz", allow_pickle=False, **selected(*read(paths, shape)))
        return 0
    except Exception as error:  # a server that sends something else makes http and the disk raise all sorts of things
        sys.stdout.write(_said(error, files[0].host) + "\n")
        return 1


def _said(error: Exception, host: str) -> str:
    """In one line what has failed."""
    if isinstance(error, SpecError):
        return str(error)
    if isinstance(error, HTTPError):
        return f"{host} answered with an error ({error.code} {error.reason}); try again later"
    if isinstance(error, URLError | TimeoutError | ConnectionError):
        reason = getattr(error, "reason", error)
        return f"{host} cannot be reached from here ({reason}); nothing was changed, try again when there is a network"
    if isinstance(error, OSError) and error.errno in DISK:
        return f"the images cannot be written here ({os.strerror(error.errno).lower()})"
    return f"{host} sent something unexpected ({type(error).__name__}: {error})".splitlines()[0][:300]


def received(file: File, folder: Path) -> Path:
    """Where in the folder a file now lies, which is the known one; SpecError for another, of which no more than one
    byte too many was taken. Raises what urllib does where there is none."""
    path, sha, size = folder / file.name, hashlib.sha256(), 0
    with urlopen(file.address, timeout=PATIENCE) as answer, path.open("wb") as kept:
        while piece := answer.read(min(PIECE, file.size + 1 - size)):
            kept.write(piece)
            sha.update(piece)
            size += len(piece)
    if size > file.size:
        raise SpecError(f"{file.name}: expected {file.size:,} bytes, got more")
    if sha.hexdigest() != file.sha256:
        got = f"{sha.hexdigest()}, {size:,} bytes"
        raise SpecError(f"{file.name}: expected SHA-256 {file.sha256}, {file.size:,} bytes, got {got}")
    return path


def tables(paths: Sequence[Path], shape: Sequence[int]) -> tuple[Images, Images]:
    """Training and test images from four files in MNIST's format: images, classes, images, classes. ValueError where
    they are not in it."""
    sides = shape[1:]
    x, y, x_test, y_test = (table(path, () if i % 2 else sides) for i, path in enumerate(paths))
    return Images(x, y[:, 0]), Images(x_test, y_test[:, 0])


def table(path: Path, sides: Sequence[int]) -> np.ndarray:
    """The rows [N, pixels] of a gzipped file of bytes in MNIST's format (IDX), each of these sides; ValueError where it
    is none."""
    content = gzip.decompress(path.read_bytes())
    axes, pixels = 1 + len(sides), math.prod(sides)
    kind, *lengths = np.frombuffer(content, ">u4", 1 + axes).tolist()
    if kind != 0x800 + axes or lengths[1:] != [*sides]:
        raise ValueError(f"{path.name}: expected bytes in rows of {[*sides]}, got kind {kind:#x} with {lengths}")
    if len(content) != 4 * (1 + axes) + lengths[0] * pixels:
        raise ValueError(f"{path.name}: expected {lengths[0]} rows, got {len(content)} bytes")
    return np.frombuffer(content, np.uint8, offset=4 * (1 + axes)).reshape(-1, pixels)


def archived(paths: Sequence[Path], shape: Sequence[int]) -> tuple[Images, Images]:
    """Training and test images from CIFAR-10's archive, which is read from end to end and never unpacked to the disk;
    ValueError where it is not in its format: of each image a byte for its class, then those of its pixels, channel by
    channel."""
    (path,) = paths
    found: dict[str, np.ndarray] = {}
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.name in BATCHES and (file := archive.extractfile(member)):
                found[member.name] = np.frombuffer(file.read(), np.uint8)
    length = 1 + math.prod(shape)
    for name in BATCHES:
        if name not in found or len(found[name]) % length:
            raise ValueError(f"{path.name}: expected images of {length} bytes in {name}")
    *train, test = (found[name].reshape(-1, length) for name in BATCHES)
    rows = np.concatenate(train)
    return Images(rows[:, 1:], rows[:, 0]), Images(test[:, 1:], test[:, 0])


def selected(train: Images, test: Images) -> dict[str, np.ndarray]:
    """The images that are kept, as "x" and "x_test", and their classes as "y" and "y_test": the same ones everywhere,
    those to train on of the training images, the held-out ones of the test images. ValueError where they are no images
    of 10 classes."""
    for x, y in (train, test):
        if len(x) != len(y) or not np.array_equal(np.unique(y), np.arange(10)):
            raise ValueError("not images of 10 classes")
    count, images = len(train.x), len(train.x) + len(test.x)
    # spreads evenly, whatever order the images come in
    order = np.argsort(np.arange(images, dtype=np.uint64) * 2654435761 % 2**32)
    used, held_out = order[order < count][:TRAIN], order[order >= count][:HELD_OUT] - count
    return {"x": train.x[used], "y": train.y[used], "x_test": test.x[held_out], "y_test": test.y[held_out]}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
