"""What a large sweep takes on the disk."""

from dataclasses import replace

import numpy as np

from engine.sweeps.naming import names
from engine.sweeps.outcome import CURVES, ENDS, LOOKS, Outcome
from engine.sweeps.spec import Axis, SweepSpec
from engine.work.cells import FILE, Cells
from engine.work.kinds import Work
from engine.work.perform import perform
from tests.drive import last
from tests.sweeps.same import MLPS

LIMIT = 100e6 / (4096 * 10)
"""Bytes a run: so that a map of 64 x 64 with ten seeds takes a hundred megabytes."""


def test_a_run_takes_little(store, monkeypatch, side=16, seeds=10):
    """Finds a path, a spec or a time of day that is kept for each run; all curves are as long as they may be, and
    numbers that do not compress."""
    monkeypatch.setenv("RAVINE_STORE", str(store.root))
    run = replace(MLPS, steps=200, every=5)
    sweep = SweepSpec(run, Axis("lr", 0.01, 1, side), Axis("rule.rho", 0.01, 1, side), seeds=seeds)
    random = np.random.default_rng(0)
    steps = np.unique(np.linspace(0, 40, LOOKS).round().astype(int)) * 5
    made = '{"device": "cpu", "hardware": "x86_64", "torch": "2.13.0+cpu", "when": "2026-01-01 00:00:00 UTC"}'
    outcomes = {
        name: Outcome(
            steps, random.normal(size=(len(steps), len(CURVES))).astype("f4"), random.normal(size=len(ENDS)), 1.0, False
        )
        for _, name in names(sweep)
    }
    Cells(store.root).put(outcomes, made)
    assert last(perform(store, Work(sweep))).status == "finished"
    files = store.root / FILE, store.file(Work(sweep).address)
    assert sum(path.stat().st_size for path in files) < LIMIT * side**2 * seeds
