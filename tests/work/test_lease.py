"""Leases: one process writes a record, others watch, and who deletes it is obeyed."""

import subprocess
import sys
import time

import numpy as np

from engine.data import Moons
from engine.models import MLP
from engine.problems import Classification
from engine.records import Stop
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.lease import Lease
from engine.work.perform import ELSEWHERE, perform
from engine.work.store import LEASE, Store
from tests.drive import alone, last, workers

SPEC = RunSpec(Classification(Moons(train=60), MLP(width=5)), batch=20, steps=40, every=10)
RUN = digest(SPEC)
LONG = RunSpec(steps=2000, every=100)


def test_one_holds_it_at_a_time(tmp_path):
    one, other = (Lease(tmp_path / "a" / "run.lease") for _ in range(2))
    assert one.take() and one.held
    assert not other.take() and not other.held
    one.give_back()
    assert not one.held and other.take()
    one.give_back()  # of what it no longer has
    assert other.held


def test_whoever_removes_it_ends_it(tmp_path):
    """And a third that takes it then is not hurt when the first gives back what it no longer has."""
    one, third = (Lease(tmp_path / "run.lease") for _ in range(2))
    assert one.take()
    one.path.unlink()
    assert not one.held and third.take()
    one.give_back()
    assert third.held


def test_it_ends_with_its_process(tmp_path):
    path = tmp_path / "run.lease"
    code = (
        "import pathlib, sys, time; from engine.work.lease import Lease; one = Lease(pathlib.Path(sys.argv[1])); "
        "one.take(); print('taken', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline() == b"taken\n"
    assert not Lease(path).take()
    holder.kill()
    holder.wait()
    assert Lease(path).take()


def test_another_at_work_is_followed_to_the_end(store):
    ours, theirs = perform(store, Work(SPEC)), perform(Store(store.root), Work(SPEC))
    next(ours)
    seen = next(theirs)
    assert seen.status == ELSEWHERE and "another process" in seen.reason
    last(ours)
    assert [progress.status for progress in theirs] == ["finished"]
    assert not store.file(RUN, LEASE).exists()


def test_one_that_is_left_is_taken_over(store):
    """From its last checkpoint on, to the same bits."""
    ours, theirs = perform(store, Work(SPEC)), perform(Store(store.root), Work(SPEC))
    for _ in range(25):
        next(ours)
    assert next(theirs).status == ELSEWHERE
    ours.close()
    steps = [progress.done for progress in theirs]
    assert steps[0] > 0 and store.run(RUN).status == "finished"
    whole = Store(store.root.with_name("whole"))
    last(perform(whole, Work(SPEC)))
    np.testing.assert_array_equal(store.run(RUN).path, whole.run(RUN).path)


def test_to_stop_watching_stops_nothing_else(store):
    ours, theirs = perform(store, Work(SPEC)), perform(Store(store.root), Work(SPEC))
    next(ours)
    next(theirs)
    end = theirs.throw(Stop())  # type: ignore[attr-defined]  # a generator
    assert end.status == "stopped" and "goes on" in end.reason
    assert last(ours).status == "finished"


def test_who_deletes_a_record_is_obeyed(store, monkeypatch):
    monkeypatch.setattr("engine.work.perform.SAVE_EVERY", 0.0)
    ours = perform(store, Work(SPEC))
    for _ in range(15):
        next(ours)
    Store(store.root).delete(RUN)
    end = last(ours)
    assert end.status == "stopped" and "deleted" in end.reason
    assert not store.has(RUN) and store.runs() == []


def test_what_has_only_begun_is_in_no_list(store):
    """Nor what was given up before there was anything to keep."""
    lease = store.lease(RUN)
    assert lease.take()
    assert store.file(RUN, LEASE).exists() and store.runs() == []
    lease.give_back()
    assert store.runs() == [] and lease.take()


def test_two_servers_on_one_store(store):
    """The second follows what the first does, takes it over when the first is killed, and ends it to the same bits."""
    code = (
        "import sys, time; from engine.training.runs import RunSpec; from engine.work.jobs import *; "
        "Jobs(Store(sys.argv[1])).start(Work(RunSpec(steps=2000, every=100))); time.sleep(60)"
    )
    second = Jobs(store)
    begun = second.start(Work(SPEC))
    until(lambda: not second.snapshot(begun).active)  # its worker is ready
    first = subprocess.Popen([sys.executable, "-c", code, str(store.root)], start_new_session=True, env=alone())
    try:
        until(lambda: store.step(digest(LONG)) >= 100)
        forks = workers(first.pid)
        job = second.start(Work(LONG))
        until(lambda: second.snapshot(job).status == ELSEWHERE)
        for process in (*forks, first):
            process.kill()
        until(lambda: not second.snapshot(job).active)
    finally:
        first.kill()
        second.close()
    whole = Store(store.root.with_name("whole"))
    last(perform(whole, Work(LONG)))
    assert store.run(job).status == "finished"
    np.testing.assert_array_equal(store.run(job).path, whole.run(job).path)


def until(known, seconds=90):
    end = time.monotonic() + seconds
    while not known():
        assert time.monotonic() < end
        time.sleep(0.02)
