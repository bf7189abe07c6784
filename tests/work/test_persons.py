"""Public mode: nobody stops, deletes or begins anew what is another's, and each has limits; the jobs themselves see to
that, whatever a page shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.problems import Quadratic
from engine.spec import SpecError
from engine.training.runs import RunSpec
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.persons import Persons
from engine.work.process import Process
from engine.work.settings import Settings
from engine.work.store import Store
from tests.work.test_jobs import wait

pytestmark = pytest.mark.xdist_group("jobs")
LIMITS = Settings(public=True, jobs=3, all_jobs=5, job_seconds=0, person_seconds=0)
KEPT = Work(RunSpec(problem=Quadratic(), batch=0, lr=0.01, steps=30))
ENDLESS = [Work(RunSpec(steps=100_000, every=1000, seed=seed)) for seed in range(8)]
IDLE = (sys.executable, "-c", "import sys; sys.stdin.read()")
"""A worker that never says anything: what is asked of it is all that counts."""


@pytest.fixture
def store(tmp_path) -> Store:
    """A store in which a run was kept before the server began."""
    store = Store(tmp_path / "store")
    assert [*perform(store, KEPT)][-1].status == "finished"
    return store


@pytest.fixture
def jobs(store):
    """A public server whose workers do nothing."""
    jobs = Jobs(store, IDLE, LIMITS)
    yield jobs
    jobs.close()


def sent(jobs, job, monkeypatch) -> list[str]:
    """What its worker is told from now on."""
    told: list[str] = []
    monkeypatch.setattr(Process, "send", lambda self, command: told.append(command["do"]))
    return told


@pytest.mark.parametrize("do", ["pause", "resume", "stop", "delete"])
@pytest.mark.parametrize("by", ["b", ""])
def test_what_is_another_s_is_left_alone(jobs, monkeypatch, do, by):
    """Finds a command that asks nobody whose job it is; somebody without a name is nobody."""
    job = jobs.start(ENDLESS[0], owner="a")
    told = sent(jobs, job, monkeypatch)
    with pytest.raises(SpecError, match="somebody else's"):
        getattr(jobs, do)(job, by)
    assert told == [] and jobs.snapshot(job).active
    assert not jobs.may_change(job, by) and not jobs.may_delete(job, by)


@pytest.mark.parametrize("by", ["a", None])
def test_who_started_it_may(jobs, monkeypatch, by):
    """Finds a rule that forbids all: a person's own, and the server's own word."""
    job = jobs.start(ENDLESS[0], owner="a")
    told = sent(jobs, job, monkeypatch)
    for do in (jobs.pause, jobs.resume, jobs.stop):
        do(job, by)
    assert told == ["pause", "resume", "stop"] and jobs.may_delete(job, by)


def test_who_joins_a_job_does_not_own_it(jobs):
    """Finds an owner that the last to ask becomes."""
    job = jobs.start(ENDLESS[0], owner="a")
    assert jobs.start(ENDLESS[0], owner="b") == job
    assert jobs.may_change(job, "a") and not jobs.may_change(job, "b")


def test_a_kept_run_is_nobody_s_even_for_who_runs_it_again(jobs):
    """Finds that a run of another day could be deleted by who asks for it once more."""
    assert not jobs.may_delete(KEPT.address, "a") and not jobs.may_delete(KEPT.address, "")
    job = jobs.start(KEPT, fresh=True, owner="a")
    assert jobs.may_change(job, "a") and not jobs.may_delete(job, "a")
    with pytest.raises(SpecError, match="somebody else's"):
        jobs.delete(job, "a")
    assert jobs.store.complete(job)


@pytest.mark.parametrize(("by", "fresh"), [("a", True), ("b", False)])
def test_nobody_begins_another_s_unfinished_run_anew(jobs, by, fresh):
    """Finds that "fresh" would throw away what another has left unfinished; for who made it, it still does."""
    job = jobs.start(ENDLESS[0], owner="a")
    jobs.store.file(job, ".partial.npz").parent.mkdir(parents=True, exist_ok=True)
    jobs.store.file(job, ".partial.npz").write_bytes(b"some of it")
    jobs._jobs.clear()  # it was stopped
    jobs.start(ENDLESS[0], fresh=True, owner=by)
    assert jobs._jobs[job].start["fresh"] is fresh and jobs.may_delete(job, "a") and not jobs.may_delete(job, "b")


def test_nobody_has_more_jobs_than_they_may(jobs):
    """Finds a limit that counts nothing, or the jobs of others."""
    for work in ENDLESS[:3]:
        jobs.start(work, owner="a")
    with pytest.raises(SpecError, match=r"^jobs: expected at most 3 of one person"):
        jobs.start(ENDLESS[3], owner="a")
    assert jobs.start(ENDLESS[0], owner="a")  # to look at one's own again is none
    for work, owner in zip(ENDLESS[3:5], "bc", strict=True):
        jobs.start(work, owner=owner)
    with pytest.raises(SpecError, match=r"^jobs: expected at most 5 on this server"):
        jobs.start(ENDLESS[5], owner="d")


def test_outside_public_mode_all_is_as_it_was(store):
    """Finds a limit, or an owner, that holds where everybody is at home."""
    jobs = Jobs(store, IDLE, Settings(jobs=1, all_jobs=1, uploads=1, job_seconds=1, person_seconds=1))
    for work in ENDLESS[:4]:
        jobs.start(work, owner="a")
    jobs.pause(ENDLESS[0].address, "b")
    jobs.persons.charge("a", 100)
    for _ in range(3):
        jobs.persons.upload("a")
    assert jobs.persons.spent("a", 100) == "" and jobs.may_delete(KEPT.address, "b")
    jobs.close()


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"job_seconds": 1}, "a job may compute for 1 s here"), ({"person_seconds": 1}, "1 s of computing are used")],
)
def test_a_job_ends_when_its_seconds_are_used(store, limits, why):
    """Finds that computing is not counted, and that a run at its end says nothing of why; whoever has used all they
    may cannot begin another, and others can."""
    settings = Settings(public=True, **{"job_seconds": 0, "person_seconds": 0} | limits)
    jobs = Jobs(store, settings=settings)
    last = wait(jobs, jobs.start(ENDLESS[0], owner="a"))
    assert (last.status, last.reason) == ("stopped", why)
    assert jobs._jobs[last.id].seconds > 0.9
    if "person_seconds" in limits:
        with pytest.raises(SpecError, match=r"^seconds: 1 s of computing are used"):
            jobs.start(ENDLESS[1], owner="a")
    assert jobs.snapshot(jobs.start(ENDLESS[1], owner="b")).active
    jobs.close()


def test_a_person_gives_so_many_files():
    persons = Persons(Settings(public=True, uploads=2))
    for by in "aab":
        persons.upload(by)
    with pytest.raises(SpecError, match=r"^file: expected at most 2 files of one person"):
        persons.upload("a")


def test_pages_command_jobs_only_in_a_person_s_name():
    """Finds a page that starts, stops or deletes past the person, as the server itself may."""
    root, found = Path(__file__).resolve().parents[2], []
    for path in sorted((root / "pages").rglob("*.py")):
        text = path.read_text()
        if path.name != "person.py":
            found += [f"{path.name}: {do}" for do in COMMANDS if f"jobs().{do}" in text or f"store().{do}" in text]
    assert found == []


COMMANDS = ("start", "pause", "resume", "stop", "delete", "close", "keep", "forget", "drop_partial")
