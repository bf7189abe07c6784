"""References: what each experiment has given at its usual settings, kept beside the app with a picture for its card;
`python -m engine.work.references` performs them anew."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from engine.experiments import EXPERIMENTS, Experiment, current
from engine.figures.drawing import Chart, Map
from engine.figures.render.miniature import miniature
from engine.figures.words import duration
from engine.machine import settle
from engine.records import RecordError, Result, head, load
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.presets import pack
from engine.work.store import Store

ROOT = Path(__file__).resolve().parents[2] / "assets" / "experiments"
"""For each experiment NAME.npz, the record of its quick size, and NAME-light.svg and NAME-dark.svg, its first figure
small; in full.json the checks of all at full size. Nothing is ever written here by a server."""


class Verdict(NamedTuple):
    """What became of an experiment's checks at full size."""

    marks: tuple[str, ...]  # each check's: holds, fails, or "finding" where it fails and nobody claimed it to hold

    @property
    def words(self) -> str:
        """How many hold of how many, in words."""
        return f"{self.marks.count('holds')} of {len(self.marks)} hold" if self.marks else "no verdict yet"


@cache
def verdict(name: str) -> Verdict:
    """The verdict of the experiment of this name by the table of the full-size checks; empty where it has none."""
    return _verdicts().get(name, Verdict(()))


@cache
def _verdicts() -> dict[str, Verdict]:
    made = json.loads((ROOT / "full.json").read_text(encoding="utf-8"))
    return {entry["experiment"]: Verdict(tuple(map(_mark, entry["checks"]))) for entry in made}


def _mark(check: dict[str, object]) -> str:
    return "finding" if check["verdict"] == "fails" and not check["claimed"] else str(check["verdict"])


def reference(experiment: Experiment) -> Result | None:
    """The kept result of an experiment of this class at its usual settings; None where there is none that can be
    read, or where it is of other runs than the experiment makes now."""
    usual = type(experiment)()
    try:
        kept = load(ROOT / f"{type(experiment).__name__}.npz")
    except RecordError:
        return None
    return kept if isinstance(kept, Result) and kept.complete and current(usual, kept) is kept else None


@cache
def seconds(name: str) -> float:
    """What the kept result of the experiment of this name has taken; NaN where there is none."""
    try:
        return float(head(ROOT / f"{name}.npz")["seconds"])
    except RecordError:
        return math.nan


def time(name: str) -> str:
    """The same in words, as an estimate is told: in whole seconds, at least one; "" where it is not known."""
    known = seconds(name)
    if not math.isfinite(known):
        return ""
    return f"about {max(1, round(known))} s" if known < 90 else f"about {duration(known)}"


def picture(name: str, dark: bool) -> bytes:
    """The SVG of an experiment's first figure for a light or a dark page; b"" where there is none."""
    path = ROOT / f"{name}-{'dark' if dark else 'light'}.svg"
    return path.read_bytes() if path.exists() else b""


def make(name: str, root: Path = ROOT) -> None:
    """Performs the experiment of this name at its usual settings, and keeps what it gave."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAVINE_STORE"] = folder  # where a sweep keeps its cells
        store, work = Store(Path(folder)), Work(EXPERIMENTS[name]())
        for _ in patiently(perform(store, work)):
            pass
        pack(store.file(work.address), root / f"{name}.npz")
    draw(name, root)


def draw(name: str, root: Path = ROOT) -> None:
    """Draws the pictures of an experiment's card from its kept result."""
    kept, experiment = load(root / f"{name}.npz"), EXPERIMENTS[name]()
    if not isinstance(kept, Result):
        raise RecordError(f"{name}.npz: holds a {type(kept).__name__}, not a Result")
    for dark, page in enumerate(("light", "dark")):
        first = next(one for one in experiment.pictures(kept) if isinstance(one, Chart | Map))
        (root / f"{name}-{page}.svg").write_text(miniature(first, bool(dark)), encoding="utf-8")


if __name__ == "__main__":
    settle()
    for name in tqdm(sys.argv[1:] or EXPERIMENTS):
        make(name)
