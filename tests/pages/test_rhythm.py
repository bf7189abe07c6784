"""The rhythm of pages that look at what is at work, however many there are."""

import pytest

from pages.ui import cached, rhythm


@pytest.fixture(name="crowd")
def a_crowd(monkeypatch):
    """Says how many pages look."""
    pages = [1]
    monkeypatch.setattr(rhythm, "_looking", lambda: pages[0])
    return pages


def test_no_more_looks_than_the_server_bears(crowd):
    """A crowd of any size looks at most CROWD times a second, as long as that takes no longer than is bearable; and
    few pages look every second."""
    for crowd[0] in (1, 2, 30, 31, 60, 61, 100, 120, 240, 1000):
        every = rhythm.every()
        assert crowd[0] / every <= rhythm.CROWD or every == rhythm.SLOWEST
        assert every == rhythm.TICK or crowd[0] > rhythm.CROWD * every / 2, "no slower than it must be"


def test_one_who_comes_and_goes_changes_nothing(crowd):
    """Else a page on the edge would be run anew at every look; when the crowd has gone, so has the slowness."""
    crowd[0] = 31
    slower = rhythm.every()
    for crowd[0] in (30, 31, 30, 60, 16):
        assert rhythm.every(slower) == slower > rhythm.TICK and not rhythm.changes(slower)
    crowd[0] = 14
    assert rhythm.every(slower) == rhythm.TICK


def test_what_is_soon_over_is_looked_at_oftener_and_nothing_else(crowd):
    """Finds a page that keeps the rhythm of the one before."""
    assert rhythm.every(rhythm.QUICK, rhythm.QUICK) == rhythm.QUICK < rhythm.TICK == rhythm.every(rhythm.QUICK)
    crowd[0] = 100
    assert rhythm.every(rhythm.QUICK, rhythm.QUICK) == rhythm.every()


def test_who_looks(monkeypatch):
    """A page counts once however often it looks, and no longer than PRESENT after it is closed."""
    looks, pages, now = {}, {}, [100.0]
    monkeypatch.setattr(cached, "looks", lambda: looks)
    monkeypatch.setattr(rhythm.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(rhythm.st, "session_state", pages)
    assert rhythm._looking() == rhythm._looking() == 1
    pages.clear()
    now[0] += rhythm.PRESENT - 1
    assert rhythm._looking() == 2
    now[0] += 2
    assert rhythm._looking() == 1
