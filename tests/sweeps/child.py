"""A process that performs sweeps one after the other, `python -m tests.sweeps.child STORE BY SPECS`, and says in a line
when each has ended. BY is "here", or "pool" for block processes, which are forks and are killed now and then."""

import json
import os
import sys
import threading
import time
from pathlib import Path

from engine.spec import decode
from engine.sweeps.spec import SWEEPS
from engine.work import executors, sweeping
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.store import Store
from tests.drive import last
from tests.sweeps.sets import kill_at_work


def main() -> None:
    """All sweeps, whose records are not gone on with: what is done again is decided by cells alone."""
    root, by, specs = sys.argv[1:]
    os.environ["RAVINE_STORE"] = root
    sweeping.executor = lambda settings: executors.Here() if by == "here" else hurt(executors.Pool(2), Path(root))
    sweeping.WAIT = 0.05
    for spec in json.loads(specs):
        end = last(patiently(perform(Store(root), Work(decode(SWEEPS, spec)), fresh=True)))
        sys.stdout.write(json.dumps([end.status, end.reason]) + "\n")
        sys.stdout.flush()


def hurt(pool: executors.Pool, root: Path) -> executors.Pool:
    """A pool whose processes are killed twice while they are at work."""

    def kill() -> None:
        for delay in (0.1, 0.4):
            while not pool.processes:
                time.sleep(0.01)
            kill_at_work(pool.processes[-1], root, delay, [])

    threading.Thread(target=kill, daemon=True).start()
    return pool


if __name__ == "__main__":
    main()
