"""Two hundred sequences of what people do to sweeps: `python -m tests.sweeps.many [SEQUENCES]` draws start, extend,
refine, more seeds, other rules, two at once, kills and resumes, and counts what was trained and what is wrong."""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from engine.work.cells import Cells
from tests.sweeps.sets import carried_out, counted, faults, sequence, trainings

SEQUENCES, AT_ONCE, POOLED = 200, 0.25, 0.05


def main() -> None:
    """All sequences, one after the other, each in a store of its own; 1 where anything was wrong."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SEQUENCES
    total, wrong = Counter[str](), list[str]()
    for seed in range(count):
        draw = random.Random(seed)
        by = "pool" if draw.random() < POOLED else "here"
        sequences = [sequence(draw) for _ in range(1 + (draw.random() < AT_ONCE))]
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            counted(root)
            total["kills"] += carried_out(sequences, root, draw, by)
            total["sweeps"] += sum(map(len, sequences))
            total["at once"] += len(sequences) > 1
            total["in pools"] += by == "pool"
            total["trained"] += trainings(root)
            total["kept"] += Cells(root).count()
            wrong += [f"sequence {seed}: {fault}" for fault in faults(sequences, root)]
        sys.stdout.write(f"{seed + 1} of {count}: {dict(total)}, {len(wrong)} faults\n")
        sys.stdout.flush()
    sys.stdout.write("".join(line + "\n" for line in wrong))
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
