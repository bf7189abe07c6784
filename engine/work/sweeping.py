"""Sweeping: trains the runs of a sweep that nobody has trained yet, in blocks that others carry out, and puts together
what the store has of all of them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.records import Computing, Progress, Record, RecordError, Sweep
from engine.spec import digest, encode
from engine.sweeps.chunk import family, width
from engine.sweeps.outcome import CURVES, ENDS, Outcome, looks, of_run
from engine.sweeps.spec import SweepSpec
from engine.training.runs import RunSpec
from engine.work import settings
from engine.work.block import Block
from engine.work.cells import Cells
from engine.work.executors import DIED, Executor, executor
from engine.work.store import Store

MISSING, ENDED, DIVERGED, FAILED = 0, 1, 2, 3
"""A place's state."""
LIVES = 3
"""Blocks that a cell may see die before it is given up as the cause."""
READ = 2000
"""Cells that are looked up between two breaths."""
BLOCK = 5.0
"""Seconds of work in a block, once it is known how long a chunk takes; before that, one chunk."""

Place = tuple[int, int, int, int]


def compute(spec: SweepSpec, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """Trains the cells that the store lacks, the coarse ones first; the record grows with every block that ends."""
    here = settings.read()
    root = Path(here.store)
    board = Board(spec)
    total = int(np.prod(spec.shape))
    for _ in board.find(spec, root):
        yield Progress(board.done, total)
    yield Progress(board.done, total, board.record)
    hands = Hands(board, root, device, executor(here))
    try:
        for new in hands.work():
            yield Progress(board.done, total, board.record if new else None, idle=not new)
    finally:
        hands.executor.close()
    failed = int((board.outcomes["state"] == FAILED).sum())
    why = (
        f"{failed:,} of {total:,} runs failed ({next(iter(board.failures))}); start again to retry them"
        if failed
        else ""
    )
    return replace(board.record("failed" if failed else "finished"), reason=why)


class Board:
    """The places of a sweep, the cells that stand there, and what is known of them."""

    def __init__(self, spec: SweepSpec):
        self.spec = spec
        self.shape = spec.shape
        self.cells: dict[str, tuple[RunSpec, list[Place]]] = {}  # by digest: one run may stand in many places
        names = (*CURVES, *ENDS, "seconds", "alone")
        self.outcomes = {name: np.full(self.shape, np.nan) for name in names} | {"state": np.zeros(self.shape)}
        self.curves: dict[str, np.ndarray] = {}
        self.looks = np.zeros(0)
        self.failures: dict[str, None] = {}

    def find(self, spec: SweepSpec, root: Path) -> Iterator[None]:
        """Names all cells, and fills in what the store has of them: cells of other sweeps, and runs."""
        for cell in spec.cells():
            name = digest(cell.spec)
            self.cells.setdefault(name, (cell.spec, []))[1].append(cell.place)
            yield
        length = max(len(looks(run)) for run, _ in self.cells.values())
        first = looks(next(iter(self.cells.values()))[0])
        self.looks = np.array(first) / first[-1] if len(first) == length else np.linspace(0, 1, length)
        self.curves = {name: np.full((*self.shape, length), np.nan, np.float32) for name in CURVES[:4]}
        names = [*self.cells]
        for start in range(0, len(names), READ):
            self.fill(Cells(root).get(names[start : start + READ]))
            yield
        for name in self.missing():
            self._take_over(name, Store(root))
            yield

    def _take_over(self, name: str, store: Store) -> None:
        """The outcome of a run that was trained by itself."""
        if store.complete(name):
            try:
                outcome = of_run(self.cells[name][0], store.run(name))
            except RecordError:  # damaged: it is trained anew
                return
            Cells(store.root).put({name: outcome})
            self.fill({name: outcome})

    def missing(self) -> list[str]:
        """The cells that there is nothing of."""
        return [name for name, (_, places) in self.cells.items() if self.outcomes["state"][places[0]] == MISSING]

    def fill(self, outcomes: dict[str, Outcome]) -> None:
        """Puts outcomes in all their places."""
        for name, outcome in outcomes.items():
            run, places = self.cells[name]
            values = dict(zip(CURVES, outcome.curves[-1].tolist(), strict=True))
            values |= dict(zip(ENDS, outcome.ends.tolist(), strict=True))
            lost = not np.isfinite(values["train_loss"]) or outcome.steps[-1] < run.steps
            values |= {"seconds": outcome.seconds, "alone": float(outcome.alone), "state": DIVERGED if lost else ENDED}
            rows = np.searchsorted(looks(run), outcome.steps)
            for place in places:
                for key, value in values.items():
                    self.outcomes[key][place] = value
                for column, key in enumerate(CURVES[:4]):
                    self.curves[key][place][rows] = outcome.curves[:, column]

    def fail(self, name: str, why: str) -> None:
        """Gives a cell up."""
        for place in self.cells[name][1]:
            self.outcomes["state"][place] = FAILED
        self.failures[why] = None

    @property
    def done(self) -> int:
        """Places that have an outcome."""
        return int((self.outcomes["state"] > MISSING).sum())

    def record(self, status: str = "running") -> Sweep:
        """What there is."""
        return Sweep(
            spec=encode(self.spec),
            status=status,
            rows=np.array(self.spec.rows, float),
            columns=np.array(self.spec.columns, float),
            outcomes={name: values.astype(np.float32) for name, values in self.outcomes.items()},
            curves={name: values.copy() for name, values in self.curves.items()},
            looks=self.looks,
            failures=tuple(self.failures)[:10],
        )


class Hands:
    """Hands out the missing cells of a board in blocks, and takes in what comes back."""

    def __init__(self, board: Board, root: Path, device: str, executor: Executor):
        self.board, self.root, self.device, self.executor = board, root, device, executor
        self.chunks = deque(chunks(board, device))
        self.deaths, self.at_work = Counter[str](), 0
        self.begun: dict[Block, float] = {}
        self.pace: dict[Hashable, float] = {}  # seconds a cell, by family

    def work(self) -> Iterator[bool]:
        """To the end; yields whether there is something new."""
        while self.chunks or self.begun:
            while self.chunks and len(self.begun) < self.executor.room:
                block = self._next()
                self.begun[block] = time.monotonic()
                self.executor.submit(block)
            ended = [*self.executor.answers()]
            for block, why in ended:
                self._take(block, why)
            yield bool(ended)

    def _next(self) -> Block:
        """As many chunks of one family as make a block."""
        cells = [*self.chunks.popleft()]
        kind = family(cells[0])
        pace = self.pace.get(kind, BLOCK)
        while self.chunks and family(self.chunks[0][0]) == kind and pace * (len(cells) + len(self.chunks[0])) < BLOCK:
            cells += self.chunks.popleft()
        return Block(str(self.root.resolve()), self.device, tuple(cells))

    def _take(self, block: Block, why: str) -> None:
        """What a block has done; what it has not is tried again, unless it fails as often as LIVES."""
        names = {digest(spec): spec for spec in block.cells}
        found = Cells(self.root).get([*names])
        self.board.fill(found)
        self.pace[family(block.cells[0])] = (time.monotonic() - self.begun.pop(block)) / len(names)
        left = [name for name in names if name not in found]
        self.deaths.update(left)
        for name in left:
            if self.deaths[name] >= LIVES or why != DIED:
                self.board.fail(name, why)
        again = [names[name] for name in left if self.deaths[name] < LIVES and why == DIED]
        # smaller blocks, so that a cell that kills its process takes fewer others with it
        half = max(1, len(again) // 2)
        self.chunks.extendleft(again[i : i + half] for i in range(0, len(again), half))


def chunks(board: Board, device: str) -> Iterator[list[RunSpec]]:
    """The missing cells, a coarse map of them first and then what lies between, as many at a time as step together."""
    missing = board.missing()
    for stride in (8, 4, 2, 1):
        families: dict[Hashable, list[RunSpec]] = {}
        for name in missing:
            run, places = board.cells[name]
            if _stride(places[0]) == stride:
                families.setdefault(family(run), []).append(run)
        for runs in families.values():
            size = width(runs[0], device)
            yield from (runs[i : i + size] for i in range(0, len(runs), size))


def _stride(place: Place) -> int:
    """The coarsest of the maps of every 8th, 4th, 2nd row and column, or all, that a place belongs to."""
    return next(stride for stride in (8, 4, 2, 1) if place[1] % stride == 0 and place[2] % stride == 0)
