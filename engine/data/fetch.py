"""Fetching: one image set from OpenML into one npz file. `python -m engine.data.fetch NAME VERSION FOLDER MD5`, a
process that others start and watch."""

from __future__ import annotations

import errno
import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import numpy as np
from sklearn.datasets import fetch_openml

TRAIN, HELD_OUT, LAST = 10_000, 1_000, 10_000
"""Images kept to train on and to hold out; the held-out ones are taken from the last so many rows, the training ones
from the rest."""
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
"""What is wrong with this machine's disk and not with what was sent."""
PATIENCE = 30.0
"""Seconds without an answer after which a server counts as out of reach."""


def main(name: str, version: str, folder: str, md5: str = "") -> int:
    """Writes set.npz into the folder; 1 with one line on standard output where that fails, or where OpenML's file is
    another than the one of that MD5, if one is given."""
    socket.setdefaulttimeout(PATIENCE)
    try:
        np.savez_compressed(
            Path(folder) / "set.npz", allow_pickle=False, **selected(*table(name, int(version), folder, md5))
        )
        return 0
    except HTTPError as error:
        said = f"OpenML answered with an error ({error.code} {error.reason}); try again later"
    except (URLError, TimeoutError, ConnectionError) as error:
        said = (
            f"OpenML cannot be reached from here ({getattr(error, 'reason', error)}); nothing was changed, try again "
            "when there is a network"
        )
    except (
        Exception
    ) as error:  # a server that sends something else makes json, gzip, the parser and numpy raise all sorts of things
        said = f"OpenML sent something unexpected ({type(error).__name__}: {error})".splitlines()[0][:300]
        if isinstance(error, OSError) and error.errno in DISK:
            said = f"the images cannot be written here ({os.strerror(error.errno).lower()})"
    sys.stdout.write(said + "\n")
    return 1


def table(name: str, version: int, folder: str, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """All images [N, pixels] and classes [N] of a set; raises what scikit-learn does where OpenML gives none, and
    ValueError for a file of another MD5: scikit-learn holds the file against what OpenML says of it, this against what
    is known here."""
    read = partial(fetch_openml, name, version=version, data_home=folder, as_frame=False, n_retries=1)
    # numbers throughout: a quarter of the memory, and with types of its own scikit-learn's reader stumbles over pandas
    # 3
    try:
        found: Any = read(parser="pandas", read_csv_kwargs={"dtype": np.float32})
    except ValueError as error:
        if "md5" in str(error):
            raise
        found = read(parser="liac-arff")  # slower, and knows classes in quotes
    if md5 and found.details["md5_checksum"] != md5:
        raise ValueError(f"another file of {name}: expected md5 {md5}, got {found.details['md5_checksum']}")
    return np.asarray(found.data), np.asarray(found.target)


def selected(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """The images [N, pixels] in 0 to 255 that are kept, as "x" and "x_test", their classes as "y" and "y_test": the
    same ones everywhere. ValueError where they are no images of 10 classes."""
    pixels, classes = x.astype(np.uint8), y.astype(np.uint8)
    if x.ndim != 2 or not np.array_equal(pixels, x) or len(np.unique(classes)) != 10 or classes.max() > 9:
        raise ValueError("not images of 10 classes")
    # spreads evenly, whatever order the rows come in
    order = np.argsort(np.arange(len(x), dtype=np.uint64) * 2654435761 % 2**32)
    last = order >= len(x) - min(LAST, len(x) // 2)
    train, test = order[~last][:TRAIN], order[last][:HELD_OUT]
    return {"x": pixels[train], "y": classes[train], "x_test": pixels[test], "y_test": classes[test]}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
