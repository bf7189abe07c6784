"""From an experiment that is a robustness map to the page of maps."""

from __future__ import annotations

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from engine.experiments import EXPERIMENTS, Experiment
from engine.sweeps.naming import names
from engine.sweeps.outcome import Outcome
from engine.work.cells import Cells
from engine.work.kinds import Work
from pages.ui import cached
from tests.pages.headless import await_end, papers, server_store, texts  # noqa: F401  # the fixture `store`


def pressed(**parameters: str) -> AppTest:
    """The page of maps, opened from `Trains` with these settings."""
    app = papers(experiment="Trains", **parameters).button(key="papers:map").click().run()
    assert not app.exception, app.exception
    return app


def test_as_a_map(store):
    """An experiment's runs as a robustness map, with its rules, seeds and values: other settings than the experiment's,
    or a page that falls back to its own."""
    app = pressed(steps="40")
    trains = replace(EXPERIMENTS["Trains"](), steps=40)
    assert sorted(app.multiselect(key="sweep:rules").value) == ["SAM (ρ 0.05)", "USAM (ρ 0.05)"]
    assert app.session_state["sweep:shown"] == trains.map and "Nothing has been trained yet" in texts(app)
    assert app.button(key="compute").label == "Train 324 runs" and "Listed" in app.query_params["x"]


def test_what_was_performed_opens_as_a_finished_map(store):
    """A map that has to be asked for although all of its cells are there, or that trains them again."""
    trains = replace(EXPERIMENTS["Trains"](), steps=20, width=4)
    await_end(cached.jobs().start(Work(trains)))
    before = {cell: outcome.seconds for cell, outcome in cells_of(trains).items()}
    app = pressed(steps="20", width="4")
    await_end(Work(trains.map).address)
    app.run()
    assert cached.record(Work(trains.map).address).done == 324 and "Nothing has been trained yet" not in texts(app)
    assert len(before) == 324 and {cell: outcome.seconds for cell, outcome in cells_of(trains).items()} == before


def cells_of(experiment: Experiment) -> dict[str, Outcome]:
    """What the server's store has of the runs of an experiment that is a map."""
    assert experiment.map
    return Cells(cached.store().root).get([name for _, name in names(experiment.map)])
