"""A hundred thousand inputs that a stranger could send: each is accepted, and then means the same again, or is refused
in one line.

`python -m benchmarks.fuzz [--inputs 100000] [--seed 0]`: texts of specs, addresses, command lines, CSV and NPZ files,
records, and folders in a store's place. Nothing but SpecError and RecordError may be raised, their text without a
line's end or a path of this machine; no input may take more than 5 s of computing, or its process 300 MB more memory
than before it; no pickle is loaded. Prints counts for every kind, and each fault with the number that makes it again.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import inputs
from engine.analyses.alignment import AlignmentSpec
from engine.experiments import EXPERIMENTS
from engine.files.reading import kind_of, read_table
from engine.records import Alignment, Record, RecordError, Result, Run, Spectrum, head, load, save
from engine.records.record import STATUSES
from engine.spec import SpecError, digest, dumps, encode, flatten, parse, read_address, read_words, split_words
from engine.training.runs import RunSpec
from engine.work import quota
from engine.work.store import Store

SECONDS, MEGABYTES, HANG = 5.0, 300, 120
"""What an input may take of computing and of memory, and the seconds by the clock after which it is given up."""
BATCH = 500
"""Inputs of one process."""
KINDS = {"spec": 30, "address": 25, "command": 15, "csv": 8, "npz": 8, "record": 12, "listing": 2}
"""Of a hundred inputs those of each kind."""
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Found:
    """What became of the inputs of a kind."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0  # of computing, the most of one input
    megabytes: float = 0.0  # the most that a process has grown by
    faults: list[str] = field(default_factory=list)

    def add(self, other: dict[str, Any]) -> None:
        """What another process has found."""
        self.counts.update(other["counts"])
        self.seconds = max(self.seconds, other["seconds"])
        self.megabytes = max(self.megabytes, other["megabytes"])
        self.faults += other["faults"]


def main() -> int:
    """All kinds; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAVINE_STORE"] = f"{folder}/store"
        kept = list(records(Path(folder) / "kept"))
        for kind, share in KINDS.items():
            found = Found()
            for first in range(0, chosen.inputs * share // 100, BATCH):
                last = min(first + BATCH, chosen.inputs * share // 100)
                found.add(apart(partial(batch, kind, range(first, last), chosen.seed, Path(folder), kept)))
            faults += len(found.faults)
            said = ", ".join(f"{count:,} {what}" for what, count in sorted(found.counts.items()))
            print(f"fuzz.{kind}: {said}; at most {found.seconds:.2f} s, {found.megabytes:.0f} MB", flush=True)
            print("".join(f"  {fault}\n" for fault in found.faults[:10]), end="", flush=True)
        if (Path(folder) / "sprung").exists():
            print("a pickle was loaded")
            faults += 1
    print(f"{faults} faults")
    return int(faults > 0)


def apart(work: Callable[[], Found]) -> dict[str, Any]:
    """What a forked process finds."""
    reading, writing = os.pipe()
    if not (process := os.fork()):
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            json.dump(vars(work()), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as out:
        told = out.read()
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    lost = {"counts": {}, "seconds": 0, "megabytes": 0, "faults": [f"a process ended with {status}: {work}"]}
    return json.loads(told) if status == 0 else lost


def batch(kind: str, numbers: range, seed: int, folder: Path, kept: list[Path]) -> Found:
    """Inputs of a kind, one after the other."""
    found, before = Found(), peak()
    place = Path(tempfile.mkdtemp(dir=folder))
    signal.signal(signal.SIGALRM, hung)
    for number in numbers:
        rng = random.Random(f"{seed} {kind} {number}")
        judge = partial(CHECKS[kind], rng, place, kept)
        signal.alarm(HANG)
        begun = time.process_time()
        try:
            outcome = "accepted" if judge() else "refused"
        except (SpecError, RecordError) as error:
            outcome = "refused"
            if wrong := misspoken(str(error), folder):
                found.faults.append(f"{kind} {number}: {wrong}: {str(error)[:200]!r}")
        except Exception as error:
            outcome = "broken"
            where = traceback.extract_tb(error.__traceback__)[-1]
            found.faults.append(
                f"{kind} {number}: {type(error).__name__}: {str(error)[:200]!r} at {where.name}:{where.lineno}"
            )
        signal.alarm(0)
        found.counts[outcome] += 1
        found.seconds = max(found.seconds, seconds := time.process_time() - begun)
        grown = peak() - before
        if seconds > SECONDS or (grown > MEGABYTES >= found.megabytes):
            found.faults.append(f"{kind} {number}: {seconds:.1f} s, {grown:.0f} MB")
        found.megabytes = max(found.megabytes, grown)
    shutil.rmtree(place)
    return found


def hung(*_: object) -> None:
    raise TimeoutError(f"more than {HANG} s")


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def misspoken(line: str, folder: Path) -> str:
    """What is wrong with a refusal, if anything is."""
    if not line or not line.isprintable():
        return "is not one line"
    return "names a path" if str(folder) in line or str(ROOT) in line else "is long" if len(line) > 1000 else ""


def refused(lines: list[str], folder: Path) -> bool:
    """Whether there are any, each of which is as it must be."""
    for line in lines:
        assert not (wrong := misspoken(line, folder)), (wrong, line[:200])
    return bool(lines)


def spec(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    table, text = inputs.text(rng)
    made = parse(table, text)
    again = parse(table, dumps(made))
    assert again == made and digest(again) == digest(made), "another after a round trip"
    return True


def address(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    table, given = inputs.parameters(rng)
    read = read_address(table, given)
    again = read_address(table, {"name": type(read.spec).__name__} | flatten(read.spec))
    assert again.spec == read.spec and not again.faults, "another after a round trip"
    left = read_address(table, read.kept)
    assert left.spec == read.spec, "another of what was kept"
    return not refused(read.faults, folder.parent)


def command(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    table, given = inputs.words(rng)
    split_words(given, ("rule", "lr"))
    made = read_words(table, given)
    again = read_words(
        table, [f"{name}={text}" for name, text in ({"name": type(made).__name__} | flatten(made)).items()]
    )
    assert again == made, "another after a round trip"
    return True


def csv(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    return table(inputs.csv(rng), "a.csv")


def npz(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    return table(inputs.npz(rng, folder.parent / "sprung"), "a.npz")


def table(content: bytes, name: str) -> bool:
    """A file of examples, which are the same when they are written as NPZ and read again."""
    made = read_table(content, kind_of(name))
    assert str(made).isprintable(), "is not one line"
    file = io.BytesIO()
    np.savez(file, x=made.x, y=made.y)
    if file.tell() < 5_000_000:
        again = read_table(file.getvalue(), "npz")
        assert again.x.tobytes() == made.x.tobytes() and again.y.tobytes() == made.y.tobytes(), "other numbers"
    return True


def record(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    path, rows = folder / "a.npz", folder / "a.rows"
    path.write_bytes(inputs.record(rng, kept, folder.parent / "sprung"))
    rows.write_bytes(rng.randbytes(rng.randrange(500)))
    try:
        head(path)
    except RecordError as error:
        assert not (wrong := misspoken(str(error), folder.parent)), wrong
    made = load(path, rng.choice((None, rows)))
    save(path, made)
    again = load(path)
    assert type(again) is type(made) and head(path)["status"] == made.status, "another after a round trip"
    return True


def listing(rng: random.Random, folder: Path, kept: list[Path]) -> bool:
    root = Path(tempfile.mkdtemp(dir=folder))
    names = [digest(RUN), *(f"{rng.getrandbits(64):016x}" for _ in range(2))]
    inputs.listing(rng, root, lambda: inputs.record(rng, kept, folder.parent / "sprung"), names)
    store = Store(root)
    store.sweep()
    listed = store.summaries()
    for one in (*listed, *map(store.summary, names)):
        assert one.status in (*STATUSES, "unreadable") and (one.status in STATUSES or not misspoken(one.reason, root))
    quota.kept(store)
    for name in names:
        store.complete(name)
        store.find(name)
    return all(one.status in STATUSES for one in listed)


CHECKS = {
    "spec": spec,
    "address": address,
    "command": command,
    "csv": csv,
    "npz": npz,
    "record": record,
    "listing": listing,
}
RUN = RunSpec(steps=40, every=10)


def records(folder: Path) -> list[Path]:
    """Files of small records that are right."""
    line, several = np.linspace(0, 1, 5), np.eye(5)
    about: dict[str, Any] = {"spec": encode(AlignmentSpec()), "run": digest(RUN)}
    made: list[Record] = [
        Run(
            spec=encode(RUN),
            steps=np.arange(5) * 10,
            seconds=line,
            measures={"train_loss": line},
            path=several.astype(np.float32),
        ),
        Spectrum(
            **about,
            checkpoint=1,
            size=5,
            products=9,
            gradient_norm=1.0,
            **dict.fromkeys(("top", "top_residuals", "bottom", "bottom_residuals"), line),
        ),
        Alignment(
            **about,
            steps=np.arange(5),
            **dict.fromkeys(("values", "residuals", "cos_g", "cos_u"), several),
            **dict.fromkeys(("share_g", "share_u", "overlap", "gradient_norm", "edge", "limit"), line),
        ),
        Result(spec=encode(EXPERIMENTS["Drift"]()), arrays={"a/step": np.arange(5), "a/loss": several}),
    ]
    made.append(replace(made[0], status="running", state={"step": np.array(7)}))
    paths = [folder / f"{i}.npz" for i in range(len(made))]
    for path, one in zip(paths, made, strict=True):
        save(path, one)
    return paths


if __name__ == "__main__":
    sys.exit(main())
