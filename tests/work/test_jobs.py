"""Jobs: workers train in turns, survive kills, resume bit for bit, and answer every command."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from engine.analyses.surface import SurfaceSpec
from engine.problems import Classification, Quadratic
from engine.rules import SGD
from engine.spec import SpecError, digest
from engine.training.runs import RunSpec
from engine.training.updates import AdamW
from engine.work.jobs import LIVES, Jobs
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import PARTIAL, Store
from tests.drive import alone, workers

pytestmark = pytest.mark.xdist_group("jobs")
LONG = RunSpec(steps=2000, every=200)
SHORT = RunSpec(problem=Quadratic(), batch=0, lr=0.01, steps=50)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server, whose workers are forks."""
    jobs = Jobs(Store(tmp_path_factory.mktemp("server") / "store"))
    yield jobs
    jobs.close()


@pytest.fixture
def jobs(server):
    """The server, without a job or a record of an earlier test."""
    yield server
    for run in {job.partition("/")[0] for job in server._jobs}:
        server.delete(run)


def wait(jobs, job, until=lambda s: not s.active, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        snapshot = jobs.snapshot(job)
        if until(snapshot):
            return snapshot
        time.sleep(0.02)
    raise AssertionError(f"still {jobs.snapshot(job)}")


def headless(tmp_path, spec):
    store = Store(tmp_path / "headless")
    *_, last = perform(store, Work(spec))
    assert last.status == "finished"
    return store.run(digest(spec))


@pytest.fixture(scope="module")
def long_alone(tmp_path_factory):
    """The long run, trained with nothing beside it."""
    return headless(tmp_path_factory.mktemp("alone"), LONG)


def same(a, b):
    assert np.array_equal(a.path, b.path)
    assert np.array_equal(a.steps, b.steps)
    assert a.measures.keys() == b.measures.keys()
    assert all(np.array_equal(a.measures[k], b.measures[k], equal_nan=True) for k in a.measures)


def test_a_run_beside_others_is_the_run_alone(jobs, tmp_path):
    specs = [RunSpec(steps=240, every=60, seed=s) for s in range(3)] + [
        RunSpec(steps=240, every=60, update=AdamW(), lr=0.001)
    ]
    names = [jobs.start(Work(spec)) for spec in specs]
    for name, spec in zip(names, specs, strict=True):
        last = wait(jobs, name)
        assert (last.status, last.done, last.total) == ("finished", 240, 240)
        assert jobs.store.run(name).steps.tolist() == [0, 60, 120, 180, 240]
        assert not last.frames, "a server that runs for weeks keeps none of what has ended"
        same(jobs.store.run(name), headless(tmp_path, spec))


def test_a_killed_worker_costs_nothing_but_time(jobs, long_alone):
    job = jobs.start(Work(LONG))
    wait(jobs, job, lambda s: s.version >= 1 and s.done > 200)
    os.kill(jobs._jobs[job].process.pid, signal.SIGKILL)
    last = wait(jobs, job)
    assert last.status == "finished"
    assert jobs.store.run(job).steps.tolist() == list(range(0, 2001, 200))
    assert jobs._jobs[job].deaths == 1
    same(jobs.store.run(job), long_alone)


def test_a_killed_server_leaves_a_checkpoint_of_at_most_five_seconds_ago(tmp_path):
    """Of the workers' own computing: on a machine that is busy with other things they get less of it."""
    store = tmp_path / "store"
    long = RunSpec(steps=100_000, every=1000, curvature=False)
    script = (
        "from engine.work.jobs import *; from engine.training.runs import RunSpec; import time; "
        f"Jobs(Store({str(store)!r})).start(Work(RunSpec("
        "steps=100_000, every=1000, curvature=False))); time.sleep(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", script], process_group=0, env=alone())
    run_file = Store(store).file(digest(long), PARTIAL)
    end = time.monotonic() + 60
    saved: dict[float, float] = {}  # the workers' seconds of computing, by the time of the record
    while time.monotonic() < end and len(saved) < 5:
        time.sleep(0.02)
        if run_file.exists() and (when := run_file.stat().st_mtime) not in saved:
            saved[when] = sum(sum(worker.cpu_times()[:2]) for worker in workers(server.pid))
    forks = workers(server.pid)
    os.killpg(server.pid, signal.SIGKILL)  # as a terminal does it
    server.wait()
    assert len(saved) == 5
    assert max(np.diff([*saved.values()][1:])) < 5  # the first step waits for what is imported for it
    assert psutil.wait_procs(forks, timeout=30)[1] == []  # they see their input close, and keep a last checkpoint
    jobs = Jobs(Store(store))
    before = jobs.store.run(digest(long))
    assert before.status == "running"
    assert not list(store.rglob("*.lease"))
    assert jobs.unfinished() == [digest(long)]
    jobs.start(Work(long))
    frames = wait(jobs, digest(long), lambda s: s.frames and s.done > before.state["step"]).frames
    assert [f["step"] for f in frames[: len(before.steps)]] == list(before.steps)
    assert jobs.unfinished() == []
    jobs.stop(digest(long))
    assert wait(jobs, digest(long)).status == "stopped"
    jobs.close()


def test_pause_holds_and_resume_goes_on_to_the_same_end(jobs, long_alone):
    job = jobs.start(Work(LONG))
    wait(jobs, job, lambda s: s.done > 100)
    jobs.pause(job)
    held = wait(jobs, job, lambda s: s.status == "paused")
    time.sleep(0.5)
    assert jobs.snapshot(job).done == held.done < LONG.steps
    jobs.resume(job)
    assert wait(jobs, job).status == "finished"
    same(jobs.store.run(job), long_alone)


def test_a_stopped_run_is_kept_and_can_be_gone_on_with(jobs, long_alone):
    job = jobs.start(Work(LONG))
    wait(jobs, job, lambda s: s.done > 300)
    jobs.stop(job)
    stopped = wait(jobs, job)
    assert stopped.status == "stopped"
    assert jobs.store.run(job).status == "stopped"
    assert jobs.store.summary(job).step == stopped.done < LONG.steps
    assert jobs.start(Work(LONG)) == job
    assert wait(jobs, job).status == "finished"
    same(jobs.store.run(job), long_alone)


def test_training_anew_and_stopping_loses_no_finished_run(jobs):
    spec = RunSpec(steps=1500, every=100)
    job = jobs.start(Work(spec))
    wait(jobs, job)
    jobs.start(Work(spec), fresh=True)
    again = wait(jobs, job, lambda s: s.done > 50)
    assert again.done < 1500
    jobs.stop(job)
    wait(jobs, job)
    kept = jobs.store.run(job)
    assert kept.status == "finished" and kept.steps[-1] == 1500


def test_a_run_joined_twice_is_trained_once(jobs):
    job = jobs.start(Work(LONG))
    wait(jobs, job, lambda s: s.done > 100)
    assert jobs.start(Work(LONG), fresh=True) == job
    assert jobs.snapshot(job).done > 100
    assert len(jobs.active()) == 1


def test_a_diverging_run_ends_as_diverged_with_its_curves(jobs):
    job = jobs.start(Work(RunSpec(problem=Quadratic(), rule=SGD(), batch=0, lr=10.0, steps=5000, every=10)))
    last = wait(jobs, job)
    assert last.status == "diverged" and "finite" in last.reason
    run = jobs.store.run(job)
    assert run.status == "diverged" and len(run.steps) > 5
    assert np.isfinite(run.measures["train_loss"][:-1]).all() and not np.isfinite(run.measures["train_loss"][-1])


def test_a_job_that_kills_every_worker_is_given_up(jobs):
    job = jobs.start(Work(LONG))
    for deaths in range(1, LIVES + 1):
        process = jobs._jobs[job].process
        wait(jobs, job, lambda s, process=process: process.turn == job)
        process.kill()
        wait(jobs, job, lambda s, deaths=deaths: jobs._jobs[job].deaths == deaths)
    assert jobs.snapshot(job).status == "failed"
    assert "worker" in jobs.snapshot(job).reason
    other = jobs.start(Work(SHORT))
    assert wait(jobs, other).status == "finished"


def test_analyses_run_beside_training_and_can_be_cancelled(jobs):
    run = jobs.start(Work(RunSpec(steps=100, every=50)))
    wait(jobs, run)
    long = jobs.start(Work(LONG))
    surface = SurfaceSpec(resolution=201)
    job = jobs.start(Work(surface, run))
    wait(jobs, job, lambda s: s.version >= 1)
    jobs.stop(job)
    assert wait(jobs, job).status == "stopped"
    partial = jobs.store.find(f"{run}/{digest(surface)}")
    assert partial.stride > 1 and np.isfinite(partial.loss).any() and np.isnan(partial.loss).any()
    small = SurfaceSpec(resolution=9)
    assert wait(jobs, jobs.start(Work(small, run))).status == "finished"
    assert jobs.store.find(f"{run}/{digest(small)}").stride == 1
    assert jobs.snapshot(long).status in ("running", "finished")


def test_a_deleted_run_does_not_come_back(jobs):
    job = jobs.start(Work(LONG))
    wait(jobs, job, lambda s: s.version >= 1)
    jobs.delete(job)
    assert jobs.snapshot(job) is None
    time.sleep(1)
    assert not jobs.store.has(job)
    assert jobs.active() == []


def test_bad_requests_are_one_line(jobs):
    with pytest.raises(SpecError, match="run: expected 16 hex digits"):
        jobs.start(Work(SurfaceSpec(), "../../etc"))
    with pytest.raises(ValueError, match="device: expected one of"):
        jobs.start(Work(SHORT), device="tpu")
    missing = wait(jobs, jobs.start(Work(SurfaceSpec(), "0" * 16)))
    assert missing.status == "failed" and "no such file" in missing.reason
    assert jobs.snapshot("f" * 16) is None
    jobs.pause("f" * 16)
    jobs.stop("f" * 16)


def test_an_analysis_that_cannot_be_fails_alone(jobs):
    run = jobs.start(Work(SHORT))
    wait(jobs, run)
    beyond = jobs.start(Work(SurfaceSpec(checkpoint=500), run))
    assert wait(jobs, beyond).reason.startswith("checkpoint: expected at most")
    assert wait(jobs, jobs.start(Work(RunSpec(problem=Classification(), steps=20, every=10)))).status == "finished"
