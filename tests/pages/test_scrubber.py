"""The scrubber: which of many checkpoints it offers."""

from __future__ import annotations

import pytest

from pages.ui import scrubber


@pytest.mark.parametrize(
    ("steps", "offered"),
    [([], []), ([7], [7]), ([50, 0, 25, 25, 0], [0, 25, 50])],
)
def test_checkpoints_of_several_runs_come_once_and_in_order(steps, offered):
    """Finds a slider that goes back and forth where runs were measured at the same steps."""
    assert scrubber.offered(steps) == offered


def test_of_too_many_the_ends_stay():
    """Finds a slider that never reaches the end of a long run, at which it begins."""
    found = scrubber.offered(range(0, 50_001, 5))
    assert len(found) == scrubber.MOST and (found[0], found[-1]) == (0, 50_000) and found == sorted(set(found))
