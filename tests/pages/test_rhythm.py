"""The rhythm of pages that look at what is at work, however many there are."""

from types import SimpleNamespace

import pytest

from pages.ui import cached, live, rhythm


@pytest.fixture(name="crowd")
def a_crowd(monkeypatch):
    """Says how many pages look."""
    pages = [1]
    monkeypatch.setattr(rhythm, "_looking", lambda now: pages[0])
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
    """A page counts once however often it looks, for three of its looks after the last one, and no longer than it is
    open: finds a crowd that has gone and makes those who come then wait."""
    looks, here, now, closed = {}, ["one"], [100.0], set()
    monkeypatch.setattr(cached, "looks", lambda: looks)
    monkeypatch.setattr(rhythm, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(rhythm, "_session", lambda: here[0])
    monkeypatch.setattr(rhythm, "_open", lambda session: session not in closed)
    assert rhythm._looking(4.0) == rhythm._looking(4.0) == 1
    here[0] = "two"
    now[0] += 11
    assert rhythm._looking(4.0) == 2
    now[0] += 2
    assert rhythm._looking(4.0) == 1
    here[0] = "three"
    assert rhythm._looking(1.0) == 2
    closed.add("two")
    assert rhythm._looking(1.0) == 1


def test_what_a_button_begins_is_looked_at(monkeypatch):
    """A click in a part of a page draws that part alone: finds one in which something begins, and that is never drawn
    again, for only the page gives it a timer."""

    class Anew(Exception):
        pass

    def rerun():
        raise Anew

    parts, going = [], [True]
    monkeypatch.setattr(live.st, "fragment", lambda part, run_every: parts.append((part, run_every)) or part)
    monkeypatch.setattr(live.st, "rerun", rerun)
    live.ticking(lambda: going[0], False)  # by the page, which is not run anew for ever
    ((part, every),) = parts
    going[0] = False
    part()
    going[0] = True
    with pytest.raises(Anew):
        part()
    assert every is None
