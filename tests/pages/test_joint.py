"""One landscape under several runs: from its address, from the list of runs, by its preset, and begun anew."""

import pytest
from streamlit.testing.v1 import AppTest

from engine.spec import digest
from engine.work.kinds import Work
from engine.work.presets import FOUR, joint
from pages.ui import cached
from tests.pages.headless import APP, await_end, open_page, server_store, texts  # noqa: F401  # the fixture `store`

pytestmark = pytest.mark.xdist_group("joint")
RUNS = [digest(spec) for spec in FOUR]


def landscape(**parameters: str) -> AppTest:
    """The page at an address of its own: AppTest opens the start page first, which would take the parameters."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    for name, value in parameters.items():
        app.query_params[name] = value
    app.switch_page("pages/landscape.py").run()
    assert not app.exception, app.exception
    return app


def test_what_ships_is_there_at_once(store):
    """Every end's loss and sharpness, without a click and without work; the preset's button leads there too."""
    app = landscape()
    app.button(key="joint:preset").click().run()
    assert not app.exception and not cached.jobs().active()
    said = texts(app)
    assert "SSAM around SAM (ρ 0.05)" in said and "SGD, AdamW, lr 0.001" in said and "✓" in said
    assert said.count("λ₁") >= 4 and app.query_params["beside"] == ",".join(RUNS[1:])
    again = landscape(run=RUNS[0], beside=",".join(RUNS[1:]))
    assert "SGD, AdamW, lr 0.001" in texts(again) and not cached.jobs().active()


def test_other_settings_are_drawn_when_asked(store):
    """Two of the runs at another resolution: nothing before Draw, then the surface, kept under its own address."""
    app = landscape(run=RUNS[1], beside=RUNS[0], resolution="5")
    assert "press Draw" in texts(app)
    app.button(key="compute").click().run()
    work = Work(joint([FOUR[1], FOUR[0]], 5))
    await_end(work.address)
    app.run()
    assert not app.exception and "✓" in texts(app) and cached.record(work.address) is not None
    assert app.selectbox(key="joint.plane").disabled, "three end points need three runs"
    assert "three end points need three runs" in texts(landscape(run=RUNS[1], beside=RUNS[0], plane="ends"))


def test_one_landscape_of_chosen_runs(store):
    """Two to six runs of one problem can be taken from the list to the landscape; one alone cannot."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = RUNS[0]
    app.switch_page("pages/runs.py").run()
    assert next(b for b in app.button if b.label == "One landscape").disabled
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = f"{RUNS[0]},{RUNS[3]}"
    app.switch_page("pages/runs.py").run()
    button = next(b for b in app.button if b.label == "One landscape")
    assert not button.disabled
