"""A server on this machine that answers as OpenML does: one dataset of images in ARFF, and the same faults as the
real one can have."""

import gzip
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from engine.data import DATASETS

POLL = 0.01
"""Seconds after which the server looks whether it is to end."""


def images(count: int, pixels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random images [count, pixels] of 10 classes, each of which is as bright as its number."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 10
    return np.clip(rng.integers(0, 60, (count, pixels)) + 20 * y[:, None], 0, 255).astype(np.uint8), y


def arff(x: np.ndarray, y: np.ndarray, quote: str = "") -> bytes:
    """A table as OpenML keeps it; some tables have their classes in quotes."""
    columns = "".join(f"@ATTRIBUTE p{i} INTEGER\n" for i in range(x.shape[1]))
    rows = "\n".join(
        ",".join(map(str, [*row, f"{quote}{label}{quote}"])) for row, label in zip(x.tolist(), y.tolist(), strict=True)
    )
    return f"@RELATION images\n{columns}@ATTRIBUTE class {{{','.join(map(str, range(10)))}}}\n@DATA\n{rows}\n".encode()


def described(x: np.ndarray, checksum: str, port: int) -> dict[str, dict]:
    """What OpenML's API says of the dataset, by the part of the address that asks for it."""
    features = [_feature(f"p{i}", i, "numeric") for i in range(x.shape[1])] + [_feature("class", x.shape[1], "nominal")]
    listed = {"did": 1, "name": "images", "version": 1, "status": "active"}
    about = {
        "id": "1",
        "name": "images",
        "version": "1",
        "format": "ARFF",
        "status": "active",
        "description": "",
        "md5_checksum": checksum,
        "url": f"http://localhost:{port}/data/images.arff",
    }
    return {
        "/list/": {"data": {"dataset": [listed]}},
        "/features/": {"data_features": {"feature": features}},
        "/qualities/": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(float(len(x)))}]}},
        "/about/": {"data_set_description": about},
    }


def _feature(name: str, index: int, kind: str) -> dict[str, str]:
    return {
        "name": name,
        "index": str(index),
        "data_type": kind,
        "is_target": str(name == "class").lower(),
        "is_ignore": "false",
        "is_row_identifier": "false",
        "number_of_missing_values": "0",
    }


@contextmanager
def serving(x: np.ndarray, y: np.ndarray, fault: str = "") -> Iterator[int]:
    """The port of such a server, while it runs; `fault` is "", "quotes", "checksum", "error" or "html"."""
    table = arff(x, y, "'" * (fault == "quotes"))
    checksum = hashlib.md5(b"another" if fault == "checksum" else table).hexdigest()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            answers = described(x, checksum, server.server_port)
            found = next((json.dumps(answer).encode() for part, answer in answers.items() if part in self.path), table)
            self.send_response(503 if fault == "error" else 200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(b"<html>" if fault == "html" else found, 1))

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("localhost", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def addresses(port: int) -> dict[str, str]:
    """scikit-learn's constants, as they are to be for a server on a port of this machine."""
    paths = {
        "_SEARCH_NAME": "list/{}",
        "_DATA_INFO": "about/{}",
        "_DATA_FEATURES": "features/{}",
        "_DATA_QUALITIES": "qualities/{}",
    }
    return {name: f"http://localhost:{port}/{path}" for name, path in paths.items()}


def command(port: int) -> tuple[str, ...]:
    """What fetches from such a server in a process of its own, in place of `openml.FETCH`."""
    code = (
        "import sys, sklearn.datasets._openml as o, engine.data.fetch as f\n"
        f"for name, url in {addresses(port)!r}.items(): setattr(o, name, url)\nsys.exit(f.main(*sys.argv[1:]))"
    )
    return (sys.executable, "-c", code)


def installed(name: str, root: Path) -> None:
    """Puts 120 training and 60 held-out images in place of a set that was downloaded into a store."""
    shape = DATASETS[name]().inputs.shape
    x, y = images(180, int(np.prod(shape)))
    path = root / "data" / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x=x[:120], y=y[:120].astype(np.uint8), x_test=x[120:], y_test=y[120:].astype(np.uint8))
    path.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
