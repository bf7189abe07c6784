"""A block process of which some cells are poison: `python -m tests.sweeps.poisoned WAY`, with rate POISON. By way of
"death" they kill it, by "memory" they ask for more than it may have, by "error" they raise."""

import os
import sys
from collections.abc import Generator, Sequence

import numpy as np

from engine.sweeps.chunk import trained
from engine.sweeps.outcome import Outcome
from engine.work import block

POISON = 0.1


def poisoned(specs: Sequence, device: str) -> Generator[int, None, list[Outcome]]:
    """Trains as a block does, unless one of the runs has the rate POISON."""
    if any(spec.lr == POISON for spec in specs):
        match sys.argv[1]:
            case "death":
                os._exit(1)
            case "memory":
                np.empty(8 * 10**9, np.uint8)
            case "error":
                raise FloatingPointError("lr: it is poison\nand more")
    return (yield from trained(specs, device))


if __name__ == "__main__":
    block.trained = poisoned
    block.main()
