"""A kind of work that is added in memory goes through job, store, kill, resume, cache and command line by itself."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main
from engine.analyses.surface import SurfaceSpec
from engine.problems import Beale
from engine.records import KINDS as RECORDS
from engine.rules import SGD
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.jobs import Jobs
from engine.work.kinds import KINDS, Work
from engine.work.perform import perform
from engine.work.store import PARTIAL, Store
from pages.ui import cached
from tests.drive import last
from tests.work.steepness import KIND, Steepness, SteepnessSpec
from tests.work.test_jobs import wait

RUN = RunSpec(Beale(), SGD(), lr=0.001, steps=10, every=5)
SPEC = SteepnessSpec(SurfaceSpec(resolution=9))
WORKER = (sys.executable, str(Path(__file__).with_name("steepness.py")))


@pytest.fixture(autouse=True)
def added(monkeypatch):
    monkeypatch.setitem(KINDS, KIND.name, KIND)
    monkeypatch.setitem(RECORDS, "Steepness", Steepness)


@pytest.fixture
def trained(store):
    last(perform(store, Work(RUN)))
    return store


def test_what_it_needs_is_made_first(trained):
    work = Work(SPEC, digest(RUN))
    end = last(perform(trained, work))
    surface, record = trained.get(Work(SPEC.surface, digest(RUN)).address), trained.get(work.address)
    assert end.status == "finished" and (end.done, end.total) == (9, 9)
    np.testing.assert_array_equal(record.rises, np.abs(np.diff(surface.loss, axis=1)).max(axis=1))


def test_a_killed_worker_s_work_goes_on_from_its_rows(trained, monkeypatch):
    """Job, kill -9, resume: the second worker does not begin again."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    jobs, work = Jobs(trained, WORKER), Work(SteepnessSpec(SPEC.surface, pause=0.2), digest(RUN))
    try:
        job = jobs.start(work)
        wait(jobs, job, lambda now: trained.file(job, PARTIAL).exists() and now.done >= 4)
        rows = int(np.isfinite(trained.get(job).rises).sum())
        os.kill(jobs._jobs[job].process.pid, signal.SIGKILL)
        assert not trained.complete(job) and rows
        seen = []
        end = wait(jobs, job, lambda now: seen.append(now.done) or not now.active)
        assert end.status == "finished" and end.kind == "steepness" and trained.complete(job)
        after = seen[next(i for i in range(1, len(seen)) if seen[i] < max(seen[:i])) :] if min(seen) < rows else seen
        assert min(done for done in after if done) >= rows, "the rows that were kept are not done again"
    finally:
        jobs.close()


def test_the_command_line_and_the_cache_know_it(trained, capsys, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(trained.root))
    assert main(["steepness", digest(RUN), "--pause", "0.001"]) == 0
    work = Work(SteepnessSpec(pause=0.001), digest(RUN))
    assert capsys.readouterr().out.strip().endswith(f"{work.address}.npz")
    monkeypatch.setattr(cached, "store", lambda: Store(trained.root))
    found, version = cached.record(work.address), cached.version(work.address)
    assert isinstance(found, Steepness)
    last(perform(trained, work))
    assert cached.version(work.address) != version and cached.record(work.address) is not found
    assert main(["steepness", digest(RUN), "--pause", "7"]) == 2 and "pause: " in capsys.readouterr().err
