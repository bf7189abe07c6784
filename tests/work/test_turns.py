"""Turns: how long a task runs before the next one's."""

from __future__ import annotations

from itertools import count

import pytest

from engine.records import Progress
from engine.work.worker import Task


def task() -> Task:
    """One that measures every tenth of its steps."""
    return Task("", "", (Progress(n, 10**9, frame={"step": n} if n % 10 == 9 else None) for n in count()))


def test_the_first_turn_ends_with_something_to_show():
    """Finds a worker that trains on while others wait for their first look: of thirty who start at once, the last
    waits for all others' slices."""
    one = task()
    first = [at.frame for at in one.advance(10.0)]
    assert [frame for frame in first if frame] == [{"step": 9}] and first[-1]
    assert sum(bool(at.frame) for at in one.advance(0.05)) > 1


def test_a_turn_ends_with_its_time():
    """Finds a first turn that lasts until there is something to show, however long that takes."""
    endless = Task("", "", (Progress(n, 10**9) for n in count()))
    assert all(at.frame is None for at in endless.advance(0.05))


def test_what_was_done_before_is_no_speed():
    """A run that is gone on with tells its old measurements again, at once: finds steps counted that nobody took."""
    task = Task("", "", iter(()))
    for now, done in enumerate((100, 0, 40, 80, 100, 104)):
        task._count(done, now / 8)
    task._count(106, 1.0)
    assert task.rate == pytest.approx(12)
