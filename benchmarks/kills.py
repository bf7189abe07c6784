"""Two hundred kills: work of every kind is killed at some moment, gone on with, and ends with the same bits.

`python -m benchmarks.kills [--kills 200] [--seed 0]`. Each kill is of the command line's own process (SIGKILL), in a
store of its own, after a random share of the time that the work usually takes; then the same command goes on until it
has ended. Its record must be that of the work that nobody disturbed, bit for bit but for seconds and what made it;
every other file as it was; and nothing may be left that `Store.sweep` does not remove. What there is is kept far more
often than usual, so that many kills hit a write. Takes some minutes; the last line says how many have lost something.

The processes are forks of this one, which has imported all that they need and computes nothing itself.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.__main__ import main as command_line
from engine.analyses.alignment import AlignmentSpec
from engine.analyses.planes import Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.data import Moons
from engine.experiments import EXPERIMENTS
from engine.models import MLP
from engine.problems import Classification
from engine.records import Record
from engine.spec import digest, dumps, flatten
from engine.training.runs import RunSpec
from engine.work import perform
from engine.work.kinds import Work
from engine.work.store import PARTIAL, Store

PRELOADED = ("torch.fx.experimental.symbolic_shapes",)
"""What a first step imports."""
SAVE_EVERY, SHARE = 0.02, 0.5
"""Seconds from one saving to the next at least, and of the time that may go into it."""
RUN = RunSpec(Classification(Moons(train=60), MLP(width=5)), batch=20, steps=500, every=25)
WORKS = (
    Work(RUN),
    Work(SurfaceSpec(plane=Random(), resolution=41), digest(RUN)),
    Work(SpectrumSpec(probes=8), digest(RUN)),
    Work(AlignmentSpec(k=3), digest(RUN)),
    Work(replace(EXPERIMENTS["Drift"](), steps=500)),
)
APART = ("seconds", "made")
"""Fields of records that differ from one time to the next."""


class Case(NamedTuple):
    """One kind of work: the store before it and after it, its exit status, and how long it takes."""

    work: Work
    before: Path
    after: Path
    status: int
    seconds: float


def main() -> int:
    """All of it; 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for module in PRELOADED:
        import_module(module)
    gc.freeze()  # what is collected would be copied in every fork
    perform.SAVE_EVERY, perform.SHARE = SAVE_EVERY, SHARE
    rng, counts = random.Random(chosen.seed), {work.kind.name: Counter[str]() for work in WORKS}
    with tempfile.TemporaryDirectory() as folder:
        cases = list(undisturbed(Path(folder)))
        for i in range(chosen.kills):
            case = cases[i % len(cases)]
            counts[case.work.kind.name].update(killed(case, Path(folder) / "store", rng))
            if (i + 1) % 25 == 0:
                print(f"#   {i + 1} kills", flush=True)
    total = sum(counts.values(), Counter())
    for name, found in (counts | {"all": total}).items():
        print(f"kills.{name}: " + ", ".join(f"{count} {what}" for what, count in sorted(found.items())))
    lost = total["kills"] - total["identical"]
    print(f"{lost} of {total['kills']} lost something")
    return int(lost > 0)


def undisturbed(folder: Path) -> Iterator[Case]:
    """Every kind of work, done once by itself; what is of a run finds that."""
    trained = folder / "trained"
    trained.mkdir()
    for i, work in enumerate(WORKS):
        before, after = (Path(shutil.copytree(trained, folder / f"{what} {i}")) for what in ("before", "after"))
        started = time.monotonic()
        status = ended(begun(work, after))
        if not Store(after).complete(work.address):
            raise SystemExit(f"kills: {work.kind.name} ended with {status} though nobody disturbed it")
        yield Case(work, before, after, status, time.monotonic() - started)
        if not i:
            shutil.copytree(after, trained, dirs_exist_ok=True)


def killed(case: Case, root: Path, rng: random.Random) -> list[str]:
    """One kill, and what can be said of it."""
    shutil.rmtree(root, ignore_errors=True)
    store, process = Store(shutil.copytree(case.before, root)), begun(case.work, root)
    time.sleep(rng.random() * case.seconds)
    os.kill(process, signal.SIGKILL)
    found = ["kills", *moment(case.work.address, store, ended(process))]
    status = ended(begun(case.work, root))
    wrong = [f"ended with {status}"] if status != case.status else []
    wrong += differences(store.get(case.work.address), Store(case.after).get(case.work.address))
    wrong += leftovers(case, store)
    if wrong:
        print(f"kills.{case.work.kind.name}: {'; '.join(wrong)}", file=sys.stderr, flush=True)
    return found if wrong else [*found, "identical"]


def moment(address: str, store: Store, status: int) -> Iterator[str]:
    """What a kill has hit; RecordError where it has left a record that is torn."""
    if status != -signal.SIGKILL or store.complete(address):
        yield "too late"
        return
    yield "unfinished"
    if any(store.root.rglob(".*.part")):
        yield "in a write"
    if store.file(address, PARTIAL).exists():
        store.get(address)
        yield "resumed"


def begun(work: Work, root: Path) -> int:
    """The process of the command that does the work in a store."""
    if process := os.fork():
        return process
    status = 70
    try:
        silent = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(silent, number)
        file = root.with_name("spec.json")
        file.write_text(dumps(work.spec), encoding="utf-8")
        given = [work.of, *(f"{name}={text}" for name, text in flatten(work.spec).items())] if work.of else [str(file)]
        status = command_line([work.kind.name, *given, "--store", str(root), "--device", "cpu"])
    finally:
        os._exit(status)


def ended(process: int) -> int:
    """Its exit status, once it has ended; negative, the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def differences(ours: Record, theirs: Record) -> list[str]:
    """The fields in which two records differ in a bit."""
    names = [f.name for f in fields(theirs) if f.name not in APART]
    return [f"{name} differs" for name in names if not same(getattr(ours, name), getattr(theirs, name))]


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same to the bit."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and (a == b or a != a)


def leftovers(case: Case, store: Store) -> list[str]:
    """Files that ought not to be there once writes that were cut off are swept up, that are missing, or that were
    there before and have changed."""
    for path in store.root.rglob(".*.part"):
        os.utime(path, (0, 0))
    store.sweep()
    ours, theirs, before = (contents(root) for root in (store.root, case.after, case.before))
    changed = [f"{name} has changed" for name, content in before.items() if ours.get(name) != content]
    return [*changed, *(f"{name} is left over or missing" for name in ours.keys() ^ theirs.keys())]


def contents(root: Path) -> dict[str, bytes]:
    """All files, by name."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


if __name__ == "__main__":
    sys.exit(main())
