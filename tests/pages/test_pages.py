"""Pages: each is run headless, on stores with runs and without runs, and asks its question; what the server does
once for all of them."""

from __future__ import annotations

import gc
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.config import get_config_options, get_option
from streamlit.testing.v1 import AppTest

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.planes import Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.figures import words
from engine.problems import Beale
from engine.records import Surface, load
from engine.rules import SAM
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work import previews
from engine.work.cost import Cost
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import PRESETS, SHIPPED, picture
from engine.work.snapshot import Snapshot
from engine.work.store import Store
from pages.ui import cached, tour
from tests.drive import last
from tests.pages.headless import APP, DEFAULT, SMALL, await_end, keep, open_page, seen, server_store, texts  # noqa: F401  # the fixture `store`

QUESTIONS = {
    "train": "Same loss, half the curvature: SAM beside SGD",
    "landscape": "What does the ground look like?",
    "spectrum": "How curved is it?",
    "alignment": "Does the gradient follow the sharpest direction?",
    "runs": "What has been run?",
    "tour": "What does SAM do?",
}


@pytest.mark.parametrize("page", QUESTIONS)
def test_every_page_asks_its_question_once(store, page):
    app = open_page(page)
    assert [t.value for t in app.title] == [QUESTIONS[page]]


def test_the_start_page_shows_the_shipped_run(store):
    app = open_page()
    assert app.query_params["run"] == DEFAULT
    assert "Held-out accuracy" in texts(app)
    assert not cached.jobs().active()  # nothing had to be computed for it


def test_the_shipped_run_is_the_default_and_finished():
    run = Store(SHIPPED).run(DEFAULT)
    assert run.status == "finished"
    assert run.steps[-1] == RunSpec().steps
    assert next(iter(PRESETS.values())).spec == RunSpec()
    surface = load(SHIPPED / DEFAULT / f"{digest(picture(RunSpec()))}.npz")
    assert isinstance(surface, Surface)
    assert surface.stride == 1
    assert len(surface.steps) == len(run.steps)


@pytest.mark.parametrize("page", ["landscape", "spectrum", "alignment", "runs"])
def test_a_page_without_runs_says_what_to_do(store, monkeypatch, page):
    monkeypatch.setattr(cached, "SHIPPED", store.root / "nothing")
    app = open_page(page)
    assert len(app.info) == 1
    assert "Train a run" in [b.label for b in app.button]


@pytest.mark.parametrize("page", ["landscape", "spectrum", "alignment"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_run_that_has_just_begun_stays_the_current_one(store, monkeypatch, page, beside):
    """Of a run that waits for its turn nothing is kept: finds a page that goes on to another run without a word, and
    one that is run anew for ever."""
    spec, at_work = replace(RunSpec(), steps=20, every=10), cached.at_work
    app, run = open_page(), digest(spec)
    cached.started()[run] = spec
    monkeypatch.setattr(cached, "at_work", lambda address: address == run or at_work(address))
    app.session_state["run"] = run
    if beside:
        app.session_state["joint:beside"] = [DEFAULT]
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception and app.session_state["run"] == run
    assert "has just begun" in texts(app) and app.selectbox(key="menu.run").format_func(run).endswith("(begun)")
    assert app.query_params["run"] == run
    keep(store, spec)
    monkeypatch.undo()
    app.run()
    assert not app.exception and app.session_state["run"] == run and "has just begun" not in texts(app)


def test_a_run_that_ends_before_it_is_measured_says_why_another_is_shown(store, monkeypatch):
    """Finds another run in the place of one that has failed, without a word; it is said once."""
    spec, snapshot = replace(RunSpec(), steps=20, every=10), cached.jobs().snapshot
    app, run = open_page(), digest(spec)
    failed = Snapshot(run, "run", "cpu", "failed", "not enough memory")
    cached.started()[run] = spec
    monkeypatch.setattr(cached.jobs(), "snapshot", lambda address: failed if address == run else snapshot(address))
    app.session_state["run"] = run
    app.switch_page("pages/spectrum.py").run()
    assert not app.exception and app.session_state["run"] != run
    assert f"{words.brief(spec)}: not enough memory. This is another run." in seen(app.error[0].value)
    assert not app.run().error


def test_the_figure_that_is_taken_away_is_the_one_looked_at(store):
    """Finds another quantity's map in the menu than on the page, and a choice there that the next run takes back."""
    app = open_page("landscape")
    assert app.selectbox(key="surface:figure").value == "Log loss"
    app.session_state["surface:quantity"] = "accuracy"
    assert app.run().selectbox(key="surface:figure").value == "Accuracy"
    app.selectbox(key="surface:figure").set_value("Faithfulness").run()
    assert app.run().selectbox(key="surface:figure").value == "Faithfulness" and not app.exception


def test_a_run_that_is_lost_says_why_there_is_no_ground(store):
    """In the place of its ground, and of its landscape: one line, and nothing that is waited for."""
    spec = RunSpec(Beale(), SAM(0.1), lr=0.05, steps=1000, every=20)
    last(perform(store, Work(spec)))
    name = digest(spec)
    open_page(run=name)
    await_end(f"{name}/{digest(picture(spec))}")
    for page in ("train", "landscape"):
        assert "the run is not finite; the last that can be shown is 0" in texts(open_page(page, run=name))


@pytest.mark.parametrize(("page", "spec"), [("spectrum", SpectrumSpec()), ("alignment", AlignmentSpec())])
def test_an_analysis_is_computed_and_shown(store, page, spec):
    run = keep(store, SMALL)
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["run"] = run
    app.run().switch_page(f"pages/{page}.py").run()
    assert "dimmed: the same of another run" in texts(app) and app.get("vega_lite_chart"), (
        "the shipped run's, meanwhile"
    )
    app.button(key="invite").click().run()
    await_end(f"{run}/{digest(spec)}")
    app.run()
    assert not app.exception
    assert "λ₁" in texts(app)
    assert len(app.get("vega_lite_chart")) >= 2


def test_the_ground_of_a_run_is_drawn_when_its_page_is_opened(store):
    run = keep(store, SMALL)
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["run"] = run
    app.run().switch_page("pages/landscape.py").run()
    await_end(f"{run}/{digest(picture(SMALL, 25))}")
    app.run()
    assert not app.exception
    assert "Explained variance" in texts(app)
    app.selectbox(key="surface.plane").set_value("Random").run()
    assert app.query_params["plane"] == "Random"
    app.button(key="compute").click().run()
    await_end(f"{run}/{digest(replace(picture(SMALL), plane=Random()))}")


@pytest.mark.parametrize(
    ("page", "key", "value", "spec"),
    [
        ("spectrum", "spectrum.top", 2, SpectrumSpec(top=2)),
        ("landscape", "surface.resolution", 11, SurfaceSpec(resolution=11)),
    ],
)
def test_what_was_typed_last_is_computed(store, page, key, value, spec):
    """A click that comes with the last number typed begins what that number says."""
    run = keep(store, SMALL)
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["run"] = run
    app.run().switch_page(f"pages/{page}.py").run()
    app.number_input(key=key).set_value(value)
    app.button(key="compute").click().run()
    assert cached.jobs().snapshot(f"{run}/{digest(spec)}")


def test_the_shipped_run_is_adopted_once(store):
    open_page()
    shutil.rmtree(store.root / DEFAULT)
    open_page()
    assert not store.has(DEFAULT)  # a run that was deleted does not come back while the server lives


def test_garbage_is_collected_once_and_not_after_every_script(store, monkeypatch):
    """With torch imported a collection takes 155 ms: after every script it would leave thirty viewers 3 updates a
    second. A watcher of files, which walks the checkout whenever a store is written to, makes pages twice as slow."""
    monkeypatch.chdir(Path(APP).parent)
    get_config_options(force_reparse=True)
    assert get_option("runner.postScriptGC") is False and get_option("server.fileWatcherType") == "none"
    gc.unfreeze()
    open_page()
    assert gc.get_freeze_count() > 10_000


@pytest.mark.parametrize("page", ["spectrum", "alignment"])
def test_a_page_opens_on_a_finished_picture_of_the_shipped_run(store, page):
    app = open_page(page)
    assert len(app.get("vega_lite_chart")) >= 2 and "invite" not in {b.key for b in app.button}
    assert not cached.jobs().active()


@pytest.mark.parametrize(("seconds", "begins"), [(4.9, True), (5.1, False)])
def test_what_takes_little_begins_by_itself(store, monkeypatch, seconds, begins):
    """Of another run: below five seconds an analysis is begun when its page is opened, once; above, its time stands
    beside both buttons."""
    run = keep(store, SMALL)
    monkeypatch.setattr(cached, "cost", lambda work: Cost(1, 1, 1, seconds))
    app = open_page("spectrum", run=run)
    job = f"{run}/{digest(SpectrumSpec())}"
    assert bool(cached.jobs().snapshot(job)) is begins
    assert texts(app).count("About 5.1 s") == (0 if begins else 2)
    if begins:
        await_end(job)
        assert len(open_page("spectrum", run=run).get("vega_lite_chart")) >= 2


def test_a_preset_is_chosen_by_its_picture(store):
    """Each has one in the gallery, on pages of both colours; a click sets the controls to it."""
    app = open_page()
    app.button(key="presets:open").click().run()
    assert texts(app).count("data:image/svg+xml;base64,PHN2Zy") == len(PRESETS)
    assert all(len(previews.preview(name, dark)) < 60_000 for name in PRESETS for dark in (False, True))
    app.button(key="presets:take-Beale").click().run()
    assert app.selectbox(key="train:preset").value == "Beale"
    assert not app.exception


def test_the_tour_is_offered_once_and_turns(store, monkeypatch):
    """On the first visit a line offers it; who declines is not asked again. Each of its steps has a picture."""
    monkeypatch.setattr(tour, "cookies", lambda: {tour.COOKIE: "seen"})
    assert "tour:take" not in {b.key for b in open_page().button}
    monkeypatch.setattr(tour, "cookies", dict)
    app = open_page()
    app.button(key="tour:skip").click().run()
    assert "tour:take" not in {b.key for b in app.button}
    app = open_page("tour")
    titles = []
    for _ in range(4):
        titles += re.findall("<h2>(.*?)</h2>", texts(app))
        app.button(key="tour:next").click().run()
        assert not app.exception
    assert len(set(titles)) == 4 and app.button(key="tour:next").disabled
    app.button(key="presets:take-Beale").click().run()
    assert app.query_params["problem"] == "Beale" and not app.exception
