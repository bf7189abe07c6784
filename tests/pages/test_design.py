"""A design's part of a page: knobs are added and removed, what the controls describe is trained, and the best point
leads to its run."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from engine.records import Design
from engine.rules import SAM
from engine.spec import digest
from engine.sweeps.design import DesignSpec, Range
from engine.work import sweeping
from engine.work.executors import Here
from engine.work.kinds import Work
from engine.work.perform import perform
from pages.ui import cached, shell
from tests.drive import last
from tests.pages.headless import open_page, seen, server_store, texts  # noqa: F401  # the fixture
from tests.sweeps.same import MLPS

pytestmark = pytest.mark.xdist_group("robustness")
SMALL = DesignSpec(MLPS, (Range("lr", 0.01, 1.0), Range("rule.rho", 0.01, 1.0)), (SAM(),), points=6)


def page() -> None:
    """The smallest page that holds it."""
    import streamlit as st

    from engine.work.kinds import Work
    from pages.ui import cached, design, live

    if st.session_state.pop(design.OPENED, False):
        st.caption("A run is opened.")
        st.stop()
    if "given" in st.session_state:
        design.fill(st.session_state.pop("given"))
    wanted = design.settings()
    if wanted:
        st.session_state["wanted"] = wanted
        design.table_menu(wanted)
        live.ticking(lambda: design.look(wanted), cached.at_work(Work(wanted).address))


def opened(spec: DesignSpec = SMALL) -> AppTest:
    """It with the controls set to a design."""
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["given"] = spec
    app.run()
    assert not app.exception, app.exception
    return app


def test_controls_describe_a_design(store):
    """Finds a knob that is added twice, a row that takes another's values, and a design that the controls change."""
    app = opened()
    assert app.session_state["wanted"] == SMALL and "Nothing has been trained yet" in texts(app)
    assert app.button(key="design.ranges.1.Range.knob:remove").disabled
    app.button(key="design:more").click().run()
    app.button(key="design:more").click().run()
    added = app.session_state["wanted"].ranges
    assert added[:2] == SMALL.ranges and len({one.knob for one in added}) == 4
    app.button(key="design.ranges.0.Range.knob:remove").click().run()
    assert app.session_state["wanted"].ranges == added[1:]
    app.number_input(key="design.ranges.0.Range.high").set_value(0.001).run()
    assert "high: expected more than 0.01, where the knob begins" in texts(app) and not app.exception


def test_the_best_point_leads_to_its_run(store, monkeypatch):
    """Finds another run behind the button, and a view that does not come up."""
    monkeypatch.setattr(sweeping, "executor", lambda settings: Here())
    last(perform(store, Work(SMALL)))
    app = opened()
    record = cached.record(Work(SMALL).address)
    assert not app.exception and isinstance(record, Design) and record.done == SMALL.points
    said = texts(app)
    assert any(re.search(r"^Best point of SAM: .*; held-out loss [\d.]+$", seen(each.value)) for each in app.markdown)
    assert "each line is one of 6 points in learning rate" in said and len(app.get("vega_lite_chart")) == 4
    best = int(record.outcomes["test_loss"][0, :, 0].argmin())
    app.button(key="design:open0").click()
    app.run()
    run = SMALL.cell((0, best, 0), record.values)
    assert app.session_state[shell.RUN] == digest(run) and texts(app) == "A run is opened."


def test_from_points_one_gets_back_to_the_grid(store):
    """Finds an address that the page itself has written, and that takes every click back."""
    app = open_page("robustness")
    plan = [group for group in app.get("button_group") if group.proto.id.endswith("robustness:plan")]
    assert len(plan) == 1
    for wanted in ("Points", "Grid", "Points"):
        app.session_state["robustness:plan"] = wanted
        app.run()
        assert not app.exception and app.session_state["robustness:plan"] == wanted
        assert (app.query_params.get("plan") == "Points") == (wanted == "Points")
