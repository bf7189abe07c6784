"""Blocks: what a sweep hands to a process, some cells of one family; `python -m engine.work.block` is such a process.

JSON lines both ways, as everywhere between processes: a block comes in, the digests of its cells go out once their
outcomes are in the store. When the input closes, the process ends.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch

from engine.machine import made, settle
from engine.records import meanwhile
from engine.spec import SpecError, decode, digest, encode
from engine.sweeps.chunk import trained, width
from engine.training.runs import RUNS, RunSpec
from engine.work.cells import Cells
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


def carry_out(block: Block) -> Iterator[list[str]]:
    """Trains a block's cells, as many at a time as step together, and keeps their outcomes; yields the digests that
    are done, after every step."""
    cells, done = Cells(Path(block.store)), []
    size = width(block.cells[0], block.device)
    for first in range(0, len(block.cells), size):
        specs = block.cells[first : first + size]
        outcomes = yield from meanwhile(trained(specs, block.device), done)
        names = [digest(spec) for spec in specs]
        cells.put(dict(zip(names, outcomes, strict=True)), json.dumps(made(block.device)))
        done = done + names
    yield done


def performed(message: dict[str, Any]) -> dict[str, Any]:
    """A block carried out, as JSON on both sides: digests, and what went wrong in a line."""
    done: Sequence[str] = []
    try:
        for done in carry_out(of_message(message)):
            pass
        return {"done": done, "why": ""}
    except Exception as error:  # a block that fails must not take with it the process that does the others
        return {"done": done, "why": in_a_line(error)}


def versions() -> dict[str, str]:
    """What two processes have in common that give the same bits."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}


def main() -> None:
    """Blocks from standard input, one a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.nice(LEAST)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever hands out the blocks decides when to end
    settle()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        try:
            answer = performed(json.loads(line))
        except (SpecError, ValueError) as error:
            answer = {"done": [], "why": in_a_line(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
