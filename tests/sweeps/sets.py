"""Sequences of what people do to sweeps, drawn at random, and carried out by processes that are killed at random."""

import json
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.files.child import environment
from engine.rules import SAM, SGD, SSAM, USAM
from engine.spec import digest, encode
from engine.sweeps.chunk import trained
from engine.sweeps.spec import Axis, SweepSpec
from engine.training.runs import RunSpec
from engine.work import nursery
from engine.work.cells import FILE, Cells
from engine.work.nursery import Started
from tests.drive import returned
from tests.sweeps.same import MLPS, bits

CHILD = (sys.executable, "-m", "tests.sweeps.child")
RULES = (SAM(), SGD(), USAM(), SSAM(SAM()))
LONG = 120
"""Seconds after which a process hangs."""
UNDISTURBED: dict[str, bytes] = {}
"""The bits of runs that were trained once, in quiet."""


def sequence(draw: random.Random) -> list[SweepSpec]:
    """Start, and then extend, refine, add seeds, add or change rules, start again."""
    sweep = SweepSpec(MLPS, Axis("lr", 0.01, 1.0, 3), Axis("rule.rho", 0.01, 1.0, 2), (SAM(),), 1)
    found = [sweep]
    for _ in range(draw.randint(2, 4)):
        match draw.choice(["extend", "refine", "seeds", "rules", "again"]):
            case "extend" if sweep.x.high < 100:
                sweep = replace(sweep, x=replace(sweep.x, high=sweep.x.high * 10, points=sweep.x.points + 1))
            case "refine" if sweep.x.points < 9:
                sweep = replace(sweep, x=replace(sweep.x, points=2 * sweep.x.points - 1))
            case "seeds":
                sweep = replace(sweep, seeds=min(3, sweep.seeds + 1))
            case "rules":
                sweep = replace(sweep, rules=tuple(draw.sample(RULES, draw.randint(2, 3))))
        found.append(sweep)
    return found


def counted(root: Path) -> None:
    """Lets a new store's file count the outcomes that it is given, those of cells that it has already among them."""
    Cells(root).put({})
    with sqlite3.connect(root / FILE) as database:
        database.execute("create table given (digest text)")
        database.execute("create trigger count before insert on cells begin insert into given values (new.digest); end")


def carried_out(sequences: Sequence[Sequence[SweepSpec]], root: Path, draw: random.Random, by: str = "here") -> int:
    """Performs sequences at once, each by a process that is killed now and then and begins again where it was; how
    often that was."""
    kills: list[int] = []
    threads = [
        threading.Thread(target=_carry_out, args=(one, root, random.Random(draw.random()), by, kills))
        for one in sequences
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()
    return len(kills)


def _carry_out(sweeps: Sequence[SweepSpec], root: Path, draw: random.Random, by: str, kills: list[int]) -> None:
    done = 0
    while done < len(sweeps):
        specs = json.dumps([encode(sweep) for sweep in sweeps[done:]])
        process = nursery.start([*CHILD, str(root), by, specs], environment())
        with process:
            if len(kills) < 2 * len(sweeps) and (not kills or draw.random() < 0.7):
                delay = draw.uniform(0, 0.3) if kills else 0.0  # the first comes as soon as there is a cell to lose
                threading.Thread(target=kill_at_work, args=(process, root, delay, kills), daemon=True).start()
            for line in process.stdout or ():
                if line.endswith("\n"):
                    assert json.loads(line) == ["finished", ""], line
                    done += 1


def kill_at_work(process: Started, root: Path, delay: float, kills: list[int]) -> None:
    """Kills a process some seconds after the store's cells have begun to change."""
    before = (root / FILE).stat().st_mtime_ns
    while process.poll() is None and (root / FILE).stat().st_mtime_ns == before:
        time.sleep(0.01)
    time.sleep(delay)
    if process.poll() is None:
        process.kill()
        kills.append(process.pid)


def trainings(root: Path) -> int:
    """Outcomes that a store was given."""
    with sqlite3.connect(root / FILE) as database:
        return database.execute("select count(*) from given").fetchone()[0]


def faults(sequences: Sequence[Sequence[SweepSpec]], root: Path) -> list[str]:
    """What is wrong with a store after sequences were carried out."""
    runs = {digest(cell.spec): cell.spec for one in sequences for sweep in one for cell in sweep.cells()}
    with sqlite3.connect(root / FILE) as database:
        given = [name for (name,) in database.execute("select digest from given")]
        claims = database.execute("select count(*) from claims").fetchone()[0]
    kept = Cells(root).get([*runs])
    found = [] if len(given) == len(set(given)) else [f"{len(given) - len(set(given))} cells were trained twice"]
    found += [] if {*given} == {*kept} == {*runs} else [f"{len(runs)} cells, {len(given)} trained, {len(kept)} kept"]
    found += [f"{claims} claims are left"] if claims else []
    return found + [f"{name} has other bits" for name in kept if bits(kept[name]) != undisturbed(name, runs[name])]


def undisturbed(name: str, run: RunSpec) -> bytes:
    """The bits of a run that is trained by itself."""
    if name not in UNDISTURBED:
        UNDISTURBED[name] = bits(returned(trained([run], "cpu"))[0])
    return UNDISTURBED[name]
