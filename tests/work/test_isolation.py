"""Isolation and fairness: what takes long, dies or asks for too much memory hurts its own job alone; nobody waits for
somebody else's many jobs."""

import sys
import time
from pathlib import Path

import pytest

from engine.problems import Quadratic
from engine.records import KINDS as RECORDS
from engine.training.runs import RunSpec
from engine.work.jobs import LIVES, Jobs
from engine.work.kinds import KINDS, Work
from engine.work.store import Store
from tests.work.test_jobs import wait
from tests.work.trouble import KIND, Trouble, TroubleSpec

pytestmark = pytest.mark.xdist_group("jobs")
WORKER = (sys.executable, str(Path(__file__).with_name("trouble.py")))
OTHERS = [Work(RunSpec(steps=100, every=50, seed=seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A server whose workers know of trouble, and have 2 GB each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KINDS, KIND.name, KIND)
        patch.setitem(RECORDS, "Trouble", Trouble)
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("RAVINE_MEMORY", str(2 * 10**9))
        jobs = Jobs(Store(tmp_path_factory.mktemp("isolation") / "store"), WORKER)
        yield jobs
        jobs.close()


def beside(jobs, trouble):
    """The trouble's job, and those of four runs that are at work beside it."""
    others = [jobs.start(work, owner=str(nth)) for nth, work in enumerate(OTHERS)]
    return jobs.start(Work(trouble), owner="trouble"), others


def test_a_long_step_hurts_no_other_and_stop_is_heard(jobs):
    job, others = beside(jobs, TroubleSpec(pause=60))
    assert {wait(jobs, other).status for other in others} == {"finished"}
    wait(jobs, job, lambda now: now.status == "running")
    asked = time.monotonic()
    jobs.stop(job)
    assert wait(jobs, job).status == "stopped"
    assert time.monotonic() - asked < 5
    after = jobs.start(Work(RunSpec(problem=Quadratic(), batch=0, lr=0.01, steps=50)))
    assert wait(jobs, after).status == "finished"


def test_a_death_counts_for_the_job_whose_turn_it_was(jobs):
    job, others = beside(jobs, TroubleSpec(deadly=True))
    last = wait(jobs, job)
    assert last.status == "failed" and f"died {LIVES} times" in last.reason
    assert {wait(jobs, other).status for other in others} == {"finished"}
    assert [jobs._jobs[other].deaths for other in others] == [0] * len(others)


def test_too_much_memory_is_said_and_fails_alone(jobs):
    job, others = beside(jobs, TroubleSpec(gigabytes=50))
    last = wait(jobs, job)
    assert (last.status, last.reason) == ("failed", "Not enough memory: it asked for 50 GB at once")
    assert {wait(jobs, other).status for other in others} == {"finished"}


def test_one_with_forty_runs_delays_nobody(jobs):
    for seed in range(40):
        jobs.start(Work(RunSpec(steps=100_000, every=1000, seed=seed)), owner="many")
    wait(jobs, Work(RunSpec(steps=100_000, every=1000, seed=0)).address, lambda now: now.frames)
    asked = time.monotonic()
    job = jobs.start(Work(RunSpec(steps=200, every=100)), owner="one")
    wait(jobs, job, lambda now: now.frames)
    assert time.monotonic() - asked < 5
    assert wait(jobs, job).status == "finished"
    for other in jobs.active():
        jobs.stop(other.id)
