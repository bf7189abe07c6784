"""The server's cache takes no more bytes than it may, whatever pages look at, and makes for all who ask at once what
they ask for once."""

import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from streamlit.proto.Html_pb2 import Html
from streamlit.testing.v1 import AppTest

from engine.figures.drawing import Line
from engine.records import Result
from pages.ui import cached
from pages.ui.weighed import Weighed, weigh

MOST = 1_000_000


@pytest.fixture(name="small", autouse=True)
def small_cache(monkeypatch):
    """The server's cache, small and empty."""
    monkeypatch.setattr(cached, "MOST", MOST)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def test_what_a_value_weighs():
    """A column weighs as much as the table it holds on to, two of them no more; a path of which only the shape is known
    weighs nothing; a message as much as is sent."""
    table = np.zeros((1000, 10))
    line = Line("loss", table[:, 0], table[:, 1], "ink", band=(table[:, 2], table[:, 3]))
    shape = np.broadcast_to(np.zeros(()), (10**6, 100))
    for value, size in [
        (line, table.nbytes),
        ({"loss": [line, line]}, table.nbytes),
        ((table, table.copy()), 2 * table.nbytes),
        (Html(body="x" * 10**5), 10**5),
        (["x" * 10**5], 10**5),
        (shape, 0),
    ]:
        assert size <= weigh(value) <= size + 2500, value


def test_records_and_drawings_share_one_bound(monkeypatch):
    """What is alive is counted by the arrays themselves: entries that are forgotten and yet held would show."""
    alive: dict[int, int] = {}

    def large(*_) -> np.ndarray:
        array = np.zeros(25_000)
        alive[id(array)] = array.nbytes
        weakref.finalize(array, alive.pop, id(array))
        return array

    def find(address: str, growing: bool) -> Result:
        return Result(spec={}, arrays={"loss": large()})

    monkeypatch.setattr(cached, "store", lambda: SimpleNamespace(find=find, version=lambda address: (0,)))
    for i in range(20):
        cached.drawn(f"figure{i}", 0, False, large)
        assert isinstance(cached.record(f"{i:016x}"), Result)
        assert min(i + 1, 2) * 400_000 <= sum(alive.values()) <= MOST


def page():
    """A page with one large chart; made anew it would say another time."""
    import time

    import streamlit as st

    from pages.ui import cached

    def show():
        with st.container():
            st.caption(f"made at {time.perf_counter_ns()} {'.' * 200_000}")

    cached.shown(st.query_params["of"], 0, False, show)


def look(name: str) -> str:
    """What a new session sees of the chart of that name."""
    app = AppTest.from_function(page)
    app.query_params["of"] = name
    app.run()
    assert not app.exception and len(app.caption) == 1
    return app.caption[0].value


def test_what_is_shown_is_encoded_once_and_weighed():
    """Messages that are sent again are the large part of what charts take: the bound holds for them, and drops the one
    that was not looked at."""
    first, second = look("a"), look("b")
    assert look("a") == first and first != second
    for name in "cde":
        look(name)
        assert MOST / 3 < cached._kept().size <= MOST
    assert look("a") == first and look("b") != second


def test_the_least_recently_used_goes_first():
    cache = Weighed(3 * 1100)
    made = []
    for name in "abcacdab":
        cache.get(name, lambda name=name: made.append(name) or name * 1000)
    assert "".join(made) == "abcdb", "b goes for d, and a, which was asked for, stays"


def test_a_version_takes_the_place_of_the_one_before():
    """Finds a cache that fills with what nobody asks for any more: the charts of a run that grows, at every look."""
    cache, made = Weighed(MOST), []
    for version in (1, 1, 2, 2, 3):
        assert cache.get("chart", lambda version=version: made.append(version) or [version], version) == [version]
    assert made == [1, 2, 3] and len(cache._kept) == 1 and cache.size == weigh([3])


def test_what_is_too_large_is_handed_over_and_takes_no_one_s_place():
    cache = Weighed(MOST)
    cache.get("small", lambda: 1)
    size = cache.size
    for _ in range(2):
        assert len(cache.get("large", lambda: bytes(MOST))) == MOST
    assert cache.size == size and cache.get("small", lambda: 2) == 1


def test_two_who_ask_at_once_wait_for_one_making():
    """A crowd opens a page in one moment: each making it for itself would stop the server."""
    made, gate = [], threading.Barrier(3)

    def make() -> str:
        made.append(threading.get_ident())
        time.sleep(0.2)  # the others come meanwhile
        return "figure"

    def ask() -> None:
        gate.wait()
        assert cached.drawn("figure", 0, False, make) == "figure"

    sessions = [threading.Thread(target=ask) for _ in range(3)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join(30)
    assert len(made) == 1


def test_what_fails_is_made_by_the_next():
    """A session that is stopped while it draws leaves neither its exception nor a lock to the others."""
    with pytest.raises(ZeroDivisionError):
        cached.drawn("figure", 0, False, lambda: 1 // 0)
    assert cached.drawn("figure", 0, False, lambda: "figure") == "figure" and not cached._kept()._turns
