"""A server on this machine that has image sets in their authors' formats, and what is known of them there."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from engine.data import SOURCES
from engine.data.fetch import BATCHES, Images
from engine.data.sources import File, Source

POLL = 0.01
"""Seconds after which the server looks whether it is to end."""
Files = dict[str, bytes]
"""Contents by name."""


def images(count: int, pixels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images [count, pixels] of 10 classes, each of which is as bright as its number."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 10
    return np.clip(rng.integers(0, 60, (count, pixels)) + 20 * y[:, None], 0, 255).astype(np.uint8), y


def drawn(name: str, train: int = 300, test: int = 60) -> tuple[Images, Images]:
    """So many images to train on and to test, as large as those of a set."""
    x, y = images(train + test, int(np.prod(SOURCES[name].shape)))
    return Images(x[:train], y[:train]), Images(x[train:], y[train:])


def published(name: str, train: Images, test: Images) -> Files:
    """The files of a set in the format of its authors, with these images in it."""
    names = [file.name for file in SOURCES[name].files]
    if len(names) == 1:
        return {names[0]: archive(train, test)}
    side = SOURCES[name].shape[1:]
    arrays = [array for x, y in (train, test) for array in (x.reshape(-1, *side), y)]
    return {name: gzip.compress(idx(array), 1) for name, array in zip(names, arrays, strict=True)}


def idx(array: np.ndarray) -> bytes:
    """An array of bytes in MNIST's format."""
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def archive(train: Images, test: Images, names: list[str] = BATCHES) -> bytes:
    """An archive like CIFAR-10's: five parts to train on, one to test, and a file that holds no images."""
    rows = [np.column_stack([y, x]).astype(np.uint8) for x, y in (train, test)]
    parts = [part.tobytes() for part in (*np.array_split(rows[0], 5), rows[1])]
    return packed({"cifar-10-batches-bin/readme.html": b"<html>", **dict(zip(names, parts, strict=True))})


def packed(files: Files) -> bytes:
    """A gzipped tar archive of these files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return made.getvalue()


def known(name: str, files: Files, address: str) -> Source:
    """A set's source where these files are its own, at an address."""
    about = ((f"{address}/{each}", content) for each, content in files.items())
    own = (File(at, len(content), hashlib.sha256(content).hexdigest()) for at, content in about)
    return SOURCES[name]._replace(files=tuple(own))


@contextmanager
def serving(files: Mapping[str, bytes], fault: str = "") -> Iterator[str]:
    """The address of such a server, while it runs. Its `fault` is "", "error" (503), "torn" (the connection ends before
    a file does), "silent" (it stays, and no more comes) or "endless" (files never end); a file that it has not is a
    404."""
    over = threading.Event()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path[1:])
            self.send_response(503 if fault == "error" else 404 if content is None else 200)
            if fault != "endless":
                self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write((content or b"")[: -10 if fault in ("torn", "silent") else None])
            if fault == "silent":
                over.wait()
            try:
                while fault == "endless":
                    self.wfile.write(bytes(100_000))
            except ConnectionError:
                pass  # whoever asked has had enough

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("localhost", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def installed(name: str, root: Path) -> None:
    """Puts 120 training and 60 held-out images in place of a set that was downloaded into a store."""
    train, test = drawn(name, 120)
    path = root / "data" / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=train.x, y=train.y.astype(np.uint8), x_test=test.x, y_test=test.y.astype(np.uint8))
    about = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "from": SOURCES[name].hashes}
    path.with_suffix(".json").write_text(json.dumps(about))
