"""Blocks: what a sweep hands to a process, some cells of one family; `python -m engine.work.block` is such a process.

JSON lines both ways, as everywhere between processes: a block comes in, an answer goes out once the outcomes of its
cells are in the store. When the input closes, the process ends.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import platform
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy
import torch

from engine.files.child import HOME
from engine.machine import bound, made, settle
from engine.records import RecordError, meanwhile
from engine.spec import decode, digest, encode
from engine.sweeps.chunk import trained, width
from engine.training.runs import RUNS, RunSpec
from engine.work.cells import Cells
from engine.work.niceness import give_way
from engine.work.process import share_of_memory
from engine.work.reasons import in_a_line

LEAST = 19
"""The niceness of a process of a sweep: whatever somebody waits for goes first."""


class Block(NamedTuple):
    """Some cells of one family, the store that their outcomes go to, and the device."""

    store: str
    device: str
    cells: tuple[RunSpec, ...]

    def message(self) -> dict[str, Any]:
        """As JSON has it, for `of_message`."""
        return {"store": self.store, "device": self.device, "cells": [encode(spec) for spec in self.cells]}


def of_message(message: dict[str, Any]) -> Block:
    """The block that `Block.message` describes."""
    return Block(message["store"], message["device"], tuple(decode(RUNS, spec) for spec in message["cells"]))


def carry_out(block: Block) -> Generator[None, None, None]:
    """Trains those of a block's cells that nobody has trained or is training, as many at a time as step together, and
    keeps their outcomes; yields after every step. RecordError where the store does not take them."""
    cells, size = Cells(Path(block.store)), width(block.cells[0], block.device)
    with cells.owner() as owner:
        for first in range(0, len(block.cells), size):
            specs = {digest(spec): spec for spec in block.cells[first : first + size]}
            ours = cells.claim([*specs], owner)
            if ours:
                outcomes = yield from meanwhile(trained([specs[name] for name in ours], block.device), None)
                cells.put(dict(zip(ours, outcomes, strict=True)), json.dumps(made(block.device)))


def performed(message: dict[str, Any]) -> dict[str, Any]:
    """A block carried out, as JSON on both sides: the seconds it took, what went wrong in a line, and whether it was
    the store that did."""
    started, why, store = time.monotonic(), "", False
    try:
        deque(carry_out(of_message(message)), maxlen=0)
    except Exception as error:  # a block that fails must not take with it the process that does the others
        why, store = in_a_line(error), isinstance(error, RecordError)
    return {"seconds": time.monotonic() - started, "why": why, "store": store}


def versions() -> dict[str, str]:
    """What two processes have in common that give the same bits: releases, and the text of the engine."""
    text = hashlib.sha256()
    for path in sorted((HOME / "engine").rglob("*.py")):
        text.update(path.read_bytes())
    found = {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}
    return found | {"engine": text.hexdigest()[:12]}


def main() -> None:
    """Blocks from standard input, one a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    give_way(LEAST)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever hands out the blocks decides when to end
    settle()
    bound(share_of_memory("cpu"))
    gc.collect()
    gc.freeze()
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while True:
        answers.write(json.dumps(performed(json.loads(lines.get()))) + "\n")
        answers.flush()


def _read(lines: SimpleQueue[str]) -> None:
    """Hands on what comes in. Once nobody is there any more the process ends, in the middle of whatever it does: its
    claims end with it, and others go on."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
