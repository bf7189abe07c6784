"""The part of a page on the boundary of trainability: its dimension with an interval, or why there is none."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from engine.work.presets import BOUNDARIES
from tests.pages.headless import server_store, texts  # noqa: F401  # the fixture


def part(title: str) -> None:
    """The part alone, of a sweep that ships, then of one that is too small."""
    from engine.records import Sweep, load
    from engine.spec import describe
    from engine.work.kinds import Work
    from engine.work.presets import BOUNDARIES, SHIPPED
    from engine.work.store import Store
    from pages.ui import boundary
    from tests.swept import SWEEPS

    spec = BOUNDARIES[title].spec
    record = load(Store(SHIPPED).file(Work(spec).address))
    assert isinstance(record, Sweep)
    boundary.show(title, (0,), record, describe(spec))
    boundary.show("small", (0,), *SWEEPS["full"])
    boundary.show("begun", (0,), *SWEEPS["begun"])


@pytest.mark.parametrize("title", BOUNDARIES)
def test_what_ships_has_a_dimension(title, store):
    """A record that does not ship any more, or is of another spec; a refusal that is a crash; half a map judged."""
    app = AppTest.from_function(part, kwargs={"title": title}, default_timeout=60).run()
    assert not app.exception, app.exception
    said = texts(app)
    assert re.search(r"S(GD|AM)</th><td>1\.\d+ \(\d(\.\d+)? to \d(\.\d+)?\)", said)
    assert said.count("32 cells each way are needed, got 3 by 4") == 2 and said.count("Dimension of the boundary") >= 2
    assert "no outcome" not in said, "nothing is said of half a map"
