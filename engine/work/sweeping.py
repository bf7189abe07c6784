"""Sweeping: trains the runs of a sweep that nobody has trained yet, in blocks that others carry out, and puts together
what the store has of all of them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.records import Computing, Progress, Record, RecordError, Sweep
from engine.spec import digest, encode
from engine.sweeps.chunk import GRAIN, family, width
from engine.sweeps.naming import names
from engine.sweeps.spec import Place, SweepSpec
from engine.sweeps.thresholds import thresholds
from engine.training.runs import RunSpec
from engine.work import settings
from engine.work.block import Block
from engine.work.board import FAILED, Board, Named
from engine.work.cells import Cells
from engine.work.cluster import Cluster
from engine.work.executors import DIED, Answer, Executor, Here, Pool

SMALLER = (GRAIN, 1)
"""Cells of a block that is tried again after it has failed, and after it has failed twice: a cell that fails by itself
is given up alone, and takes no other with it."""
HOPELESS = 12
"""Blocks that die one after the other before all is given up."""
BLOCK = 5.0
"""Seconds of work in a block, once it is known how long a chunk takes; before that, one chunk."""
WAIT = 0.5
"""Seconds between two looks at what others are training."""


def compute(spec: SweepSpec, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """Trains the cells that the store lacks, the coarse ones first; the record grows with every block that ends."""
    board, edges = Board(Grid(spec)), dict[str, np.ndarray]()

    def record() -> Sweep:
        rows, columns = np.array(spec.rows, float), np.array(spec.columns, float)
        return Sweep(spec=encode(spec), status="running", rows=rows, columns=columns, edges={**edges}, **board.arrays)

    def find_edges() -> Iterator[None]:
        edges["start"] = yield from thresholds(spec, device)

    return (yield from carried_out(board, record, device, find_edges()))


class Grid:
    """The runs of a sweep: rules, rows, columns and seeds."""

    def __init__(self, spec: SweepSpec):
        self.shape, self.knobs, self.cell, self.spec = spec.shape, (spec.x.knob, spec.y.knob), spec.cell, spec

    def rounds(self, board: Board) -> Iterator[Named]:
        """All at once."""
        yield names(self.spec)

    def turn(self, place: Place) -> int:
        """A coarse map comes first: every 8th row and column, then every 4th, every 2nd, and all."""
        return next(nth for nth, stride in enumerate((8, 4, 2, 1)) if place[1] % stride == 0 and place[2] % stride == 0)


def carried_out(board: Board, record: Callable[[], Record], device: str, beside: Iterator[None]) -> Computing:
    """Trains what the store lacks of a board's cells, round by round; `record` makes what there is. What is to be
    computed `beside` that takes the time that other processes leave to this one."""
    here = settings.read()
    root, total, hands = Path(here.store), int(np.prod(board.shape)), None
    try:
        for named in board.plan.rounds(board):
            for _ in board.find(root, named):
                yield Progress(board.done, total)
            yield Progress(board.done, total, record)
            hands = hands or Hands(board, root, device, executor(here))
            hands.chunks.extend(chunks(board, board.missing(), device))
            for new in hands.work():
                next(beside, None)
                idle = not new and hands.executor.elsewhere
                yield Progress(board.done, total, record if new else None, idle=idle)
        for _ in beside:
            yield Progress(board.done, total)
    finally:
        if hands:
            hands.executor.close()
    failed = int((board.outcomes["state"] == FAILED).sum())
    why = (
        f"{failed:,} of {total:,} runs failed ({next(iter(board.failures))}); start again to retry them"
        if failed
        else ""
    )
    return replace(record(), status="failed" if failed else "finished", reason=why)


def executor(here: settings.Settings) -> Executor:
    """By what a sweep is carried out: the cluster that the settings name, or processes here; on a server for strangers
    the worker itself, whose time is counted and shared out."""
    if here.scheduler:
        return Cluster(here.scheduler)
    return Here() if here.public else Pool()


class Hands:
    """Hands out the missing cells of a board in blocks, and takes in what comes back."""

    def __init__(self, board: Board, root: Path, device: str, executor: Executor):
        self.board, self.root, self.device, self.executor = board, root, device, executor
        self.chunks = deque[list[RunSpec]]()
        self.again = deque[list[RunSpec]]()  # blocks as they are to be tried once more
        self.others: list[str] = []  # cells that somebody else was training when we wanted to
        self.failed, self.deaths = Counter[str](), 0  # times, by cell; blocks that died one after the other
        self.begun, self.looked = 0, 0.0
        self.pace: dict[Hashable, float] = {}  # seconds a cell, by family

    def work(self) -> Iterator[bool]:
        """To the end; yields whether there is something new."""
        while self.chunks or self.again or self.begun or self.others:
            while (self.again or self.chunks) and self.begun < self.executor.room:
                self.executor.submit(self._next())
                self.begun += 1
            ended = [*self.executor.answers()]
            for answer in ended:
                self._take(answer)
            seen = self.others and not self.begun and time.monotonic() - self.looked > WAIT and self._look()
            yield bool(ended or seen)

    def _next(self) -> Block:
        """What is to be tried again, or as many chunks of one family as make a block."""
        if self.again:
            return Block(str(self.root.resolve()), self.device, tuple(self.again.popleft()))
        cells = [*self.chunks.popleft()]
        kind = family(cells[0])
        pace = self.pace.get(kind, BLOCK)
        while self.chunks and family(self.chunks[0][0]) == kind and pace * (len(cells) + len(self.chunks[0])) < BLOCK:
            cells += self.chunks.popleft()
        return Block(str(self.root.resolve()), self.device, tuple(cells))

    def _take(self, answer: Answer) -> None:
        """What a block has done, and what is to be done about the rest of it. RecordError where the store is at fault,
        or where no process lives long enough."""
        self.begun -= 1
        cells = {digest(spec): spec for spec in answer.block.cells}
        found = Cells(self.root).get([*cells])
        self.board.fill(found)
        left = [name for name in cells if name not in found]
        self.deaths = self.deaths + 1 if answer.why == DIED else 0
        if answer.store:
            raise RecordError(answer.why)
        if self.deaths == HOPELESS:
            raise RecordError(f"sweep: {HOPELESS} processes in a row died before they had trained anything")
        if not answer.why:
            self.pace[family(answer.block.cells[0])] = answer.seconds / len(cells)
            self.others += left
        else:
            self._try_again({name: cells[name] for name in left}, answer.why)

    def _try_again(self, left: dict[str, RunSpec], why: str) -> None:
        """In smaller blocks, so that cells which fail are told from those that were beside them."""
        self.failed.update([*left])
        for times in {self.failed[name] for name in left}:
            names = [name for name in left if self.failed[name] == times]
            if times > len(SMALLER):
                for name in names:
                    self.board.fail(name, why)
            else:
                size = SMALLER[times - 1]
                self.again.extend([left[name] for name in names[i : i + size]] for i in range(0, len(names), size))

    def _look(self) -> bool:
        """What has become of the cells that others were training: those that nobody trains any more, and nobody has
        trained, are ours now."""
        self.looked = time.monotonic()
        found = Cells(self.root).get(self.others)
        self.board.fill(found)
        claimed = Cells(self.root).claimed(self.others)
        free = [name for name in self.others if name not in found and name not in claimed]
        self.chunks.extend(chunks(self.board, free, self.device))
        self.others = [name for name in self.others if name in claimed and name not in found]
        return bool(found)


def chunks(board: Board, names: Sequence[str], device: str) -> Iterator[list[RunSpec]]:
    """Cells, those whose turn it is first before the others, as many at a time as step together: a chunk that their
    turn leaves room in is filled with those of the next, for runs that only fill it up would cost as much."""
    turns = {name: board.plan.turn(board.places[name][0]) for name in names}
    families: dict[Hashable, list[tuple[int, RunSpec]]] = {}
    for name in sorted(names, key=turns.__getitem__):
        run = board.run(name)
        families.setdefault(family(run), []).append((turns[name], run))
    found: list[list[tuple[int, RunSpec]]] = []
    for runs in families.values():
        size = width(runs[0][1], device)
        found += [runs[i : i + size] for i in range(0, len(runs), size)]
    for chunk in sorted(found, key=lambda chunk: chunk[0][0]):
        yield [run for _, run in chunk]
