"""Results of experiments: kept, cancelled, broken, unreadable, of other runs, and made by a worker."""

import dataclasses

import numpy as np
import pytest

from engine.experiments import EXPERIMENTS, current, plan
from engine.records import RecordError, Stop
from engine.spec import digest, encode
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from tests.experiments.halving import Halving, added_halving, result_of  # noqa: F401  # the fixture `added`
from tests.work.test_jobs import wait


def test_a_result_of_other_runs_is_none(added, store):
    """The same settings may come to mean other runs: what was kept of the former ones is not shown as theirs."""
    experiment = Halving()
    *_, end = perform(store, Work(experiment))
    kept = store.find(Work(experiment).address)
    assert end.status == "finished" and kept and current(experiment, kept) is kept and kept.runs == plan(experiment)
    older = dataclasses.replace(kept, runs=plan(Halving(steps=30)))
    assert (
        not current(experiment, older).arrays
        and not current(experiment, older).complete
        and not current(experiment, None).complete
    )
    assert plan(Halving(steps=30)) != plan(Halving()) == plan(Halving(size="full")), (
        "sizes of the same runs have the same plan"
    )


def test_kept_cancelled_and_broken(added, store, monkeypatch):
    """A task keeps what there is, says how it ended, and leaves a file that can be read."""
    experiment = Halving(steps=2000)
    task = perform(store, Work(experiment))
    for _ in range(50):
        next(task)
    end = task.throw(Stop())  # type: ignore[attr-defined]  # an Iterator by its type, a generator by its make
    kept = store.find(Work(experiment).address)
    assert (end.status, end.saved) == ("stopped", True) and kept and 0 < kept.done < kept.total and not kept.complete
    *_, end = perform(store, Work(experiment))
    kept = store.find(Work(experiment).address)
    assert (
        end.status == "finished" and kept and kept.complete and kept.made["torch"] and kept.spec == encode(experiment)
    )
    for leave in (lambda task: task.throw(Stop()), lambda task: task.close()):
        task = perform(store, Work(experiment))
        for _ in range(50):
            next(task)
        assert not store.find(Work(experiment).address, growing=True).complete, "what is under way can be shown"
        assert store.find(Work(experiment).address).complete, "and takes no complete one's place"
        leave(task)
        assert store.find(Work(experiment).address).complete, "performing it anew and giving up loses nothing"
    monkeypatch.setattr(Halving, "probe", lambda *_: 1 / 0)
    *_, end = perform(store, Work(experiment))
    assert (
        end.status == "failed" and "ZeroDivisionError" in end.reason and store.find(Work(experiment).address).complete
    )
    assert not store.summaries(), "an experiment is no run"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_result_that_cannot_be_read(added, store, damage):
    address = Work(Halving()).address
    store.keep(address, result_of(Halving()))
    path = store.file(address)
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(RecordError, match=address):
        store.get(address)
    assert store.find(address) is None


def test_a_worker_performs_it(tmp_path):
    """One of the kept experiments through a worker: live progress, a result that is the same as alone; and
    cancelled."""
    jobs = Jobs(Store(tmp_path / "store"))
    try:
        experiment = dataclasses.replace(EXPERIMENTS["Drift"](), steps=500)
        job = jobs.start(Work(experiment))
        assert job == f"experiments/{digest(experiment)}" == jobs.start(Work(experiment)), "who asks for the same joins"
        end = wait(jobs, job)
        kept, alone = jobs.store.find(Work(experiment).address), result_of(experiment)
        assert end.status == "finished" and end.done == end.total == alone.total and kept and kept.complete
        assert all(np.array_equal(kept.arrays[name], alone.arrays[name], equal_nan=True) for name in alone.arrays)
        job = jobs.start(Work(dataclasses.replace(experiment, steps=50_000)))
        wait(jobs, job, lambda now: now.done > 0)
        jobs.stop(job)
        assert wait(jobs, job).status == "stopped"
    finally:
        jobs.close()
