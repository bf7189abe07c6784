"""A disk of three megabytes that runs full, for real: jobs that are hit say so, their workers live, and all goes on
when there is space again."""

import subprocess

import pytest

from engine.data import Moons
from engine.models import MLP
from engine.problems import Classification
from engine.training.runs import RunSpec
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.store import Store
from tests.work.test_jobs import wait

pytestmark = pytest.mark.xdist_group("jobs")
SMALL = Classification(Moons(train=60), MLP(width=5))
GROWING = [RunSpec(SMALL, batch=20, steps=10**6, every=500, curvature=False, seed=seed) for seed in range(2)]
STOPPED = RunSpec(SMALL, batch=20, steps=10**6, every=1000, curvature=False)


@pytest.fixture(name="disk")
def small_disk(tmp_path):
    """A folder on a file system of its own of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"a file system of 3 MB cannot be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_runs_full(disk):
    jobs = Jobs(Store(disk / "store"))
    try:
        names = [jobs.start(Work(spec)) for spec in (*GROWING, STOPPED)]
        for name in names:
            wait(jobs, name, lambda now: now.version > 0 or not now.active)
        processes = {jobs._jobs[name].process.pid for name in names}
        filled = disk / "filled"
        with filled.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while file.write(b"x" * 4096):
                pass
        jobs.stop(names[-1])
        ends = [wait(jobs, name) for name in names]
        assert [end.status for end in ends[:2]] == ["failed", "failed"]
        assert all("No space left" in end.reason for end in ends[:2]), [end.reason for end in ends]
        assert not ends[-1].active
        filled.unlink()
        assert wait(jobs, jobs.start(Work(RunSpec(SMALL, batch=20, steps=50, every=25)))).status == "finished"
        assert {process.pid for process in jobs._processes} >= processes, "the workers live"
        jobs.start(Work(GROWING[0]))
        assert wait(jobs, names[0], lambda now: now.done > 500).status == "running", "from where it was"
    finally:
        jobs.close()
