"""The nursery: one process that has imported what every worker needs, and of which the workers are forks.

A new interpreter takes seconds until its first step and has all of torch for itself; a fork takes some hundredths of a
second, and what none of them changes is in memory once. Nothing is ever computed in the nursery, so that there are no
threads of torch's, which would not survive a fork.
"""

from __future__ import annotations

import gc
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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO

from engine.files.child import environment

NURSERY = "NURSERY"
"""The environment's name for the nursery's socket: the forks of a process's nursery start others from the same."""
PRELOADED = ("engine.work.perform", "torch._dynamo")
"""What is imported before a worker's first step has ended; not the modules that forks run, from their first line."""
SIZE = 8
"""Bytes that say how long is what a fork is asked to be."""
LATE = 64
"""Processes that may wait for a nursery that is still importing."""
BEGUN: list[subprocess.Popen[bytes]] = []
"""The nurseries that this process began, whose inputs are open for as long as it lives."""
BEGINNING = threading.Lock()


def start(command: Sequence[str], given: Mapping[str, str], device: str = "cpu") -> Started:
    """A new process of this Python, `[sys.executable, "-m", MODULE, ...]` or `[sys.executable, PATH, ...]`, with an
    environment, and with pipes for its input and output; in a session of its own, which a terminal's Ctrl-C does not
    reach.

    A fork of the nursery; a new interpreter where it works on an accelerator, whose driver is wary of forks, where the
    system's own libraries are (macOS), and where the command has options of the interpreter's.
    """
    options = command[1] != "-m" and command[1].startswith("-")
    if device == "cpu" and sys.platform != "darwin" and not options:
        return Fork(command[1:], given)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=dict(given), start_new_session=True)


class Fork:
    """A fork as who started it sees it, in the words of `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], given: Mapping[str, str]):
        theirs = os.pipe()
        ours = os.pipe()
        self.stdin: IO[str] = os.fdopen(theirs[1], "w", encoding="utf-8")
        self.stdout: IO[str] = os.fdopen(ours[0], "r", encoding="utf-8")
        self._number: int | None = None
        self._over = False
        self._reading = threading.Lock()
        try:
            self._line = _nursery()
            asked = {"arguments": [*arguments], "environment": dict(given), "folder": str(Path.cwd())}
            text = json.dumps(asked).encode()
            socket.send_fds(self._line, [len(text).to_bytes(SIZE, "big")], [theirs[0], ours[1], 2])
            self._line.sendall(text)
        finally:
            os.close(theirs[0])
            os.close(ours[1])

    @property
    def pid(self) -> int:
        """The system's number of it, for which a nursery that is still importing is waited for; 0 where it never came
        to be."""
        with self._reading:
            if self._number is None:
                self._number = 0
                with suppress(OSError):  # the nursery has died
                    self._number = int(self._line.recv(20) or 0)
        return self._number

    def poll(self) -> int | None:
        """0 once it has ended, None before."""
        return 0 if self._ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """0 as soon as it has ended; subprocess.TimeoutExpired after so many seconds."""
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired("fork", timeout or 0)
        return 0

    def kill(self) -> None:
        """Ends it at once, whatever it is doing, and not by a word that it is to hear: what is at work in C hears none.
        One that is not there yet never comes to be: it cannot say its number."""
        if self.poll() is None and self._number is None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RD)
        if self.pid and not self._over:
            with suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_: object) -> None:
        """Closes its pipes, and waits for its end."""
        for end in (self.stdin, self.stdout):
            with suppress(OSError):
                end.close()
        self.wait()
        self._line.close()

    def _ended(self, seconds: float | None) -> bool:
        """Whether it ends within so many seconds: it says its number and nothing more, and then its line is cut."""
        if not self._over:
            waiting = select.poll()
            waiting.register(self._line, select.POLLIN)
            if self._number is None and not waiting.poll(_milliseconds(seconds)):
                return False
            self._over = self.pid == 0 or bool(waiting.poll(_milliseconds(seconds)))
        return self._over


Started = Fork | subprocess.Popen[str]
"""A process with text pipes: `stdin`, `stdout`, `pid`, `poll`, `wait`, `kill`, and a context that closes them."""


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def begin() -> None:
    """Starts a nursery for this process and those that it starts; it ends with this process."""
    path = os.environ[NURSERY] = str(Path(tempfile.mkdtemp(prefix="ravine-")) / "nursery")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(LATE)
        number = listener.fileno()
        command = [sys.executable, "-m", "engine.work.nursery", path, str(number)]
        # Dask tells its workers' allocator to hand back every piece at once: page faults then outlast the arithmetic
        given = {name: value for name, value in environment().items() if not name.startswith("MALLOC_")}
        BEGUN.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[number], env=given, start_new_session=True)
        )


def _nursery() -> socket.socket:
    """A line to the nursery, to a new one where there is none or it has died."""
    with BEGINNING:
        for attempt in range(2):
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(os.environ.get(NURSERY, ""))
                return line
            except OSError:
                line.close()
                if attempt:
                    raise
                begin()
    raise AssertionError


def main() -> None:
    """Forks for everybody who asks, who wait while it imports, until its input closes."""
    path, number = sys.argv[1:]
    listener = socket.socket(fileno=int(number))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    for module in PRELOADED:
        import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a fork else writes to every object, and makes it the fork's own
    events = select.poll()
    for event in (listener.fileno(), 0):
        events.register(event, select.POLLIN)
    while 0 not in (ready := dict(events.poll())):
        if listener.fileno() in ready:
            line = listener.accept()[0]
            if _forked():
                listener.close()
                _become(line)
            line.close()
    shutil.rmtree(Path(path).parent, ignore_errors=True)


def _forked() -> bool:
    """Whether this is the fork; where the system has no room for one more, who asks sees it die."""
    try:
        return os.fork() == 0
    except OSError:
        return False


def _become(line: socket.socket) -> None:
    """The fork turns into what it was asked to be, and ends as that does."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        size, files, *_ = socket.recv_fds(line, SIZE, 3)
        asked = json.loads(line.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        try:
            line.sendall(str(os.getpid()).encode())
        except BrokenPipeError:  # who asked for it has killed it
            os._exit(0)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        _run(asked["arguments"])
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(0)


def _run(arguments: Sequence[str]) -> None:
    first, *others = arguments
    if first == "-m":
        sys.argv = others
        sys.modules.pop(others[0], None)  # what others have imported of it stays theirs
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [*arguments]
        sys.path[0] = str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
