"""Sweeping: trains the runs of a sweep that nobody has trained yet, in blocks that others carry out, and puts together
what the store has of all of them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator, Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from engine.records import Computing, Progress, Record, RecordError, Sweep, meanwhile
from engine.spec import digest, encode
from engine.sweeps.chunk import GRAIN, family, width
from engine.sweeps.naming import names as names_of
from engine.sweeps.outcome import CURVES, ENDS, Outcome, looks, of_run
from engine.sweeps.spec import Place, SweepSpec
from engine.sweeps.thresholds import thresholds
from engine.training.runs import RunSpec
from engine.work import settings
from engine.work.block import Block
from engine.work.cells import Cells
from engine.work.cluster import Cluster
from engine.work.executors import DIED, Answer, Executor, Here, Pool
from engine.work.store import Store

MISSING, ENDED, DIVERGED, FAILED = 0, 1, 2, 3
"""A place's state."""
SMALLER = (GRAIN, 1)
"""Cells of a block that is tried again after it has failed, and after it has failed twice: a cell that fails by itself
is given up alone, and takes no other with it."""
HOPELESS = 12
"""Blocks that die one after the other before all is given up."""
READ, LOOKED = 2000, 100
"""Cells whose outcomes, or whose runs, are looked up between two breaths."""
BLOCK = 5.0
"""Seconds of work in a block, once it is known how long a chunk takes; before that, one chunk."""
TIMELESS = ("", "lr", "rule", "update", "schedule", "warmup", "clip")
"""The parts of a run that do not decide when it is looked at."""
WAIT = 0.5
"""Seconds between two looks at what others are training."""


def compute(spec: SweepSpec, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
    """Trains the cells that the store lacks, the coarse ones first; the record grows with every block that ends."""
    here = settings.read()
    root = Path(here.store)
    board = Board(spec)
    total = int(np.prod(spec.shape))
    for _ in board.find(root):
        yield Progress(board.done, total)
    yield Progress(board.done, total, board.record)
    edges = board.find_edges(device)
    hands = Hands(board, root, device, executor(here))
    try:
        for new in hands.work():
            next(edges, None)
            yield Progress(board.done, total, board.record if new else None, idle=not new and hands.executor.elsewhere)
        yield from meanwhile(edges, Progress(board.done, total))
    finally:
        hands.executor.close()
    failed = int((board.outcomes["state"] == FAILED).sum())
    why = (
        f"{failed:,} of {total:,} runs failed ({next(iter(board.failures))}); start again to retry them"
        if failed
        else ""
    )
    return replace(board.record("failed" if failed else "finished"), reason=why)


def executor(here: settings.Settings) -> Executor:
    """By what a sweep is carried out: the cluster that the settings name, or processes here; on a server for strangers
    the worker itself, whose time is counted and shared out."""
    if here.scheduler:
        return Cluster(here.scheduler)
    return Here() if here.public else Pool()


class Board:
    """The places of a sweep, the cells that stand there, and what is known of them."""

    def __init__(self, spec: SweepSpec):
        self.spec = spec
        self.shape = spec.shape
        self.places: dict[str, list[Place]] = {}  # by digest: one run may stand in several
        names = (*CURVES, *ENDS, "seconds", "alone")
        self.outcomes = {name: np.full(self.shape, np.nan) for name in names} | {"state": np.zeros(self.shape)}
        self.curves: dict[str, np.ndarray] = {}
        self.when: dict[
            tuple[int, int], tuple[int, ...]
        ] = {}  # steps after which runs are looked at, by row and column
        self.looks = np.zeros(0)
        self.edges: dict[str, np.ndarray] = {}
        self.failures: dict[str, None] = {}

    def find(self, root: Path) -> Iterator[None]:
        """Names all cells, and fills in what the store has of them: cells of other sweeps, and runs."""
        for i, (place, name) in enumerate(names_of(self.spec)):
            self.places.setdefault(name, []).append(place)
            if i % READ == 0:
                yield
        names = [*self.places]
        self._look_ahead()
        first, length = self.when[0, 0], max(map(len, self.when.values()))
        self.looks = np.array(first) / first[-1] if len({*self.when.values()}) == 1 else np.linspace(0, 1, length)
        self.curves = {name: np.full((*self.shape, length), np.nan, np.float32) for name in CURVES}
        for start in range(0, len(names), READ):
            self.fill(Cells(root).get(names[start : start + READ]))
            yield
        for i, name in enumerate(self.missing()):
            self._take_over(name, Store(root))
            if i % LOOKED == 0:
                yield

    def _look_ahead(self) -> None:
        """When the runs of each cell are looked at, which only some knobs decide."""
        _, rows, columns, _ = self.shape
        timeless = all(axis.knob.partition(".")[0] in TIMELESS for axis in (self.spec.x, self.spec.y))
        for place in product(range(rows), range(columns)):
            self.when[place] = self.when[0, 0] if timeless and self.when else looks(self.spec.cell((0, *place, 0)))

    def find_edges(self, device: str) -> Generator[None, None, None]:
        """Finds where theory sees the edge of stability, in the time that other processes leave to this one."""
        self.edges = {"start": (yield from thresholds(self.spec, device))}

    def run(self, name: str) -> RunSpec:
        """The spec of a cell."""
        return self.spec.cell(self.places[name][0])

    def _take_over(self, name: str, store: Store) -> None:
        """The outcome of a run that was trained by itself."""
        if store.complete(name):
            try:
                outcome = of_run(self.run(name), store.run(name))
            except RecordError:  # damaged: it is trained anew
                return
            Cells(store.root).put({name: outcome})
            self.fill({name: outcome})

    def missing(self) -> list[str]:
        """The cells that there is nothing of."""
        return [name for name, places in self.places.items() if self.outcomes["state"][places[0]] == MISSING]

    def fill(self, outcomes: dict[str, Outcome]) -> None:
        """Puts outcomes in all their places."""
        for name, outcome in outcomes.items():
            when = self.when[self.places[name][0][1:3]]
            values = dict(zip(CURVES, outcome.curves[-1].tolist(), strict=True))
            values |= dict(zip(ENDS, outcome.ends.tolist(), strict=True))
            lost = not np.isfinite(values["train_loss"]) or outcome.steps[-1] < when[-1]
            values |= {"seconds": outcome.seconds, "alone": float(outcome.alone), "state": DIVERGED if lost else ENDED}
            rows = np.searchsorted(when, outcome.steps)
            for place in self.places[name]:
                for key, value in values.items():
                    self.outcomes[key][place] = value
                for column, key in enumerate(CURVES):
                    self.curves[key][place][rows] = outcome.curves[:, column]

    def fail(self, name: str, why: str) -> None:
        """Gives a cell up."""
        for place in self.places[name]:
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
            edges=self.edges,
            failures=tuple(self.failures)[:10],
        )


class Hands:
    """Hands out the missing cells of a board in blocks, and takes in what comes back."""

    def __init__(self, board: Board, root: Path, device: str, executor: Executor):
        self.board, self.root, self.device, self.executor = board, root, device, executor
        self.chunks = deque(chunks(board, board.missing(), device))
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
    """Cells, a coarse map of them first and then what lies between, as many at a time as step together."""
    strides: dict[int, list[str]] = {8: [], 4: [], 2: [], 1: []}
    for name in names:
        strides[_stride(board.places[name][0])].append(name)
    for there in strides.values():
        families: dict[Hashable, list[RunSpec]] = {}
        for run in map(board.run, there):
            families.setdefault(family(run), []).append(run)
        for runs in families.values():
            size = width(runs[0], device)
            yield from (runs[i : i + size] for i in range(0, len(runs), size))


def _stride(place: Place) -> int:
    """The coarsest of the maps of every 8th, 4th, 2nd row and column, or all, that a place belongs to."""
    return next(stride for stride in (8, 4, 2, 1) if place[1] % stride == 0 and place[2] % stride == 0)
