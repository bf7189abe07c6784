"""Workers that start at once: forks of one process that has imported what a worker needs, which takes ten seconds.

`forked(WORKER)` is a command for `Jobs` in the place of `WORKER`. It is a small client of this file, whose input and
output a fork makes its own before it runs the worker's module or script from its first line; the one ends with the
other. How a worker starts by itself, and what signals do to it, is tested with workers that are no forks.
"""

import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRELOADED = (
    "engine.work.perform",
    "sklearn.datasets",
    "sklearn.model_selection",
    "torch.fx.experimental.symbolic_shapes",
)
"""What a worker imports before its first job's first step; not the worker's own module, which each fork runs."""
NURSERY = "TESTS_NURSERY"
"""The environment's name for the nursery's socket: pytest's processes have one nursery together."""


def forked(command: Sequence[str]) -> tuple[str, ...]:
    """The command, of this interpreter, with a fork in the place of a new process."""
    if NURSERY not in os.environ:
        begin()
    return (sys.executable, "-IS", __file__, os.environ[NURSERY], *command[1:])


def begin() -> None:
    """Starts a nursery for this process and its children, with which it ends."""
    path = os.environ[NURSERY] = str(Path(tempfile.mkdtemp(prefix="ravine-")) / "nursery")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        code = f"from tests.forked import _serve; _serve({path!r}, {listener.fileno()})"
        command = [sys.executable, "-c", code]
        BEGUN.append(
            subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], start_new_session=True
            )
        )


BEGUN: list[subprocess.Popen[bytes]] = []
"""The nursery, whose input is open for as long as this process lives."""


def _serve(path: str, number: int) -> None:
    """The nursery: forks for every client, who wait while it imports, until its own input closes."""
    listener = socket.socket(fileno=number)
    for module in PRELOADED:
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while 0 not in select.select([listener, 0], [], [])[0]:
        client = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            _become(client)
        client.close()
    shutil.rmtree(Path(path).parent)


def _become(client: socket.socket) -> None:
    """The fork turns into what its client was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    _, files, *_ = socket.recv_fds(client, 1, 3)
    asked = json.loads(client.makefile().readline())
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    threading.Thread(target=_end_with, args=(client,), daemon=True).start()
    first, *others = asked["arguments"]
    try:
        sys.argv = [first, *(others[1:] if first == "-m" else others)]
        if first == "-m":
            runpy.run_module(others[0], run_name="__main__")
        else:
            runpy.run_path(first, run_name="__main__")
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _end_with(client: socket.socket) -> None:
    client.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _client(path: str, *arguments: str) -> None:
    """Asks for a fork with this process's files and environment, and ends when it has ended."""
    with socket.socket(socket.AF_UNIX) as nursery:
        nursery.connect(path)
        asked = {"arguments": arguments, "environment": dict(os.environ), "folder": str(Path.cwd())}
        socket.send_fds(nursery, [b"!"], [0, 1, 2])
        nursery.sendall(json.dumps(asked).encode() + b"\n")
        os.close(0)
        os.close(1)  # which else would outlive the fork
        nursery.recv(1)


if __name__ == "__main__":
    _client(*sys.argv[1:])
