"""Pages: each is run headless through Streamlit's own test harness, on stores with runs, without runs, and with
addresses of strangers."""

from __future__ import annotations

import contextlib
import gc
import json
import re
import shutil
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import streamlit as st
from streamlit.config import get_config_options, get_option
from streamlit.testing.v1 import AppTest

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.planes import Random
from engine.analyses.spectrum import SpectrumSpec
from engine.data import Moons
from engine.figures import words
from engine.models import MLP
from engine.problems import Beale, Classification, Quadratic
from engine.records import Progress, Surface, load
from engine.rules import SAM, SGD
from engine.spec import digest, encode, flatten, read_address
from engine.training.runs import RUNS, RunSpec, Switch
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import PRESETS, SHIPPED, picture
from engine.work.store import Store
from pages.ui import cached
from tests.drive import last

APP = str(Path(__file__).resolve().parents[2] / "app.py")
QUESTIONS = {
    "train": "How does it descend?",
    "landscape": "What does the ground look like?",
    "spectrum": "How curved is it?",
    "alignment": "Does the gradient follow the sharpest direction?",
    "runs": "What has been run?",
}
SMALL = RunSpec(Classification(Moons(40), MLP(4, 1)), batch=0, steps=20, every=5)
DEFAULT = digest(RunSpec())


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A server's store of its own, with the shipped run in it as a server would have it."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path))
    st.cache_resource.clear()
    yield Store(tmp_path)
    cached.jobs().close()
    st.cache_resource.clear()


def open_page(page: str = "train", **parameters: str) -> AppTest:
    """A page as a new session sees it, free of exceptions."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name.replace("__", ".")] = value
    app.run()
    if page != "train":
        app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    """All words of the page that stand in messages, captions and HTML."""
    elements = [*app.error, *app.warning, *app.info, *app.caption, *app.get("html")]
    return " ".join(
        str(getattr(e, "value", None) or getattr(e, "body", None) or getattr(e.proto, "body", "")) for e in elements
    )


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


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_one_click_and_the_address_says_it(store, name):
    app = open_page()
    app.selectbox(key="train:preset").set_value(name).run()
    assert not app.exception
    found = {key: value for key, value in app.query_params.items() if key != "run"}
    assert read_address(RUNS, found) == (PRESETS[name].spec, [], found)
    assert PRESETS[name].sentence in texts(app)


def test_a_run_that_is_lost_says_why_there_is_no_ground(store):
    """In the place of its ground, and of its landscape: one line, and nothing that is waited for."""
    spec = RunSpec(Beale(), SAM(0.1), lr=0.05, steps=1000, every=20)
    last(perform(store, Work(spec)))
    name = digest(spec)
    open_page(run=name)
    await_end(f"{name}/{digest(picture(spec))}")
    for page in ("train", "landscape"):
        assert "the run is not finite; the last that can be shown is 0" in texts(open_page(page, run=name))


def test_training_from_the_page_finishes_and_is_reattached_by_its_address(store):
    app = open_page(**{key.replace(".", "__"): text for key, text in flatten(SMALL).items()})
    app.button(key="train").click().run()
    run = app.query_params["run"]
    assert run == digest(SMALL)
    await_end(run)
    again = open_page(run=run)
    assert words.brief(SMALL) in texts(again)
    assert again.number_input(key="train.problem.Classification.model.MLP.width").value == 4
    assert store.run(run).status == "finished"


def await_end(job: str) -> None:
    """Waits for a job of this server."""
    for _ in range(600):
        now = cached.jobs().snapshot(job)
        if now and not now.active:
            return
        time.sleep(0.1)
    raise AssertionError(f"{job} did not end: {cached.jobs().snapshot(job)}")


def test_a_run_that_was_left_unfinished_offers_to_go_on(store):
    spec = replace(SMALL, steps=400)
    with contextlib.closing(cast(Generator[Progress], perform(store, Work(spec)))) as task:
        next(at for at in task if at.done > 30)
    assert store.run(digest(spec)).status == "running"  # as when the server dies: no job knows it
    app = open_page(run=digest(spec))
    assert "Interrupted" in " ".join(e.proto.text for e in app.get("progress"))
    app.button(key="go-on").click().run()
    await_end(digest(spec))
    assert store.run(digest(spec)).steps[-1] == 400


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"rule": "NOPE"}, "rule.name"),
        ({"lr": "nan"}, "lr"),
        ({"lr": "1e9"}, "lr"),
        ({"batch": "99999"}, "batch"),
        ({"problem__data": "Moons", "problem__model": "CNN"}, "model"),
        ({"x" * 100: "1"}, "unknown field"),
        ({"problem__data__train": "ten"}, "problem.data.train"),
        ({"run": "../../etc/passwd"}, "run"),
        ({"run": "0123456789abcdef"}, "is not kept here"),
    ],
)
def test_a_bad_address_is_told_in_one_line_and_the_rest_is_kept(store, parameters, told):
    app = open_page(steps="777", **parameters)
    assert len(app.error) == 1
    assert told in app.error[0].value
    assert "\n" not in app.error[0].value
    assert app.number_input(key="train.steps").value == 777


@pytest.mark.parametrize("text", ["![](http://e.co/a.png)", "[me](http://e.co)", "<b>", "$x$", "`a`"])
def test_what_a_stranger_writes_is_no_markup(store, text):
    app = open_page(rule=text, **{text: "1"})
    assert app.error[0].value.count("unknown field") == 1 and text not in app.error[0].value


def test_controls_that_cannot_apply_are_disabled_and_say_why(store):
    app = open_page(problem="Quadratic")
    for key in ("train.batch", "train.seed"):
        assert app.number_input(key=key).disabled
        assert "toy landscape" in app.number_input(key=key).help
    assert "do not apply" in texts(app)


def test_settings_that_cannot_be_trained_disable_the_button_and_name_the_field(store):
    app = open_page()
    app.number_input(key="train.batch").set_value(1500).run()
    assert app.button(key="train").disabled
    assert app.error[0].value.startswith("batch:")


@pytest.mark.parametrize(("page", "spec"), [("spectrum", SpectrumSpec()), ("alignment", AlignmentSpec())])
def test_an_analysis_is_computed_and_shown(store, page, spec):
    run = keep(store, SMALL)
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["run"] = run
    app.run().switch_page(f"pages/{page}.py").run()
    app.button(key="invite").click().run()
    await_end(f"{run}/{digest(spec)}")
    app.run()
    assert not app.exception
    assert "λ₁" in texts(app)
    assert len(app.get("vega_lite_chart")) >= 2


def keep(store: Store, spec: RunSpec) -> str:
    """Trains a run into the store."""
    for _ in perform(store, Work(spec)):
        pass
    return digest(spec)


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


def test_unreadable_and_diverged_runs_are_listed_as_such(store):
    wild = keep(store, RunSpec(Quadratic(), SGD(), lr=5.0, steps=2000, every=100))
    (store.root / "0123456789abcdef").mkdir()
    app = open_page("runs")
    listed = dict(zip(app.dataframe[0].value["Digest"], app.dataframe[0].value["Status"], strict=True))
    assert listed["0123456789abcdef"] == "cannot be read"
    assert listed[wild] == "diverged"
    assert listed[DEFAULT] == "finished"
    shown = open_page(run=wild)
    assert "Diverged" in " ".join(e.proto.text for e in shown.get("progress"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "spec: not JSON"),
        (b'{"lr": -1}', "lr:"),
        (b"\xff\xfe", "file: not text"),
        (b" " * 200_000, "file: expected at most"),
    ],
)
def test_a_bad_upload_is_refused_in_one_line(store, content, told):
    app = open_page("runs")
    app.file_uploader[0].upload("spec.json", content, "application/json").run()
    assert told in app.error[0].value


def test_an_uploaded_spec_opens_on_the_train_page(store):
    app = open_page("runs")
    marked = json.dumps(encode(SMALL)).encode("utf-8-sig")  # as an editor under Windows writes it
    app.file_uploader[0].upload("spec.json", marked, "application/json").run()
    assert words.brief(SMALL) in app.success[0].value


def test_the_weights_of_a_chosen_run_can_be_taken_away(store):
    """Only of one run, and at any of its checkpoints."""
    list(perform(store, Work(SMALL)))
    app = open_page("runs")
    assert next(b for b in app.button if b.label == "Download weights").disabled
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = digest(SMALL)
    app.switch_page("pages/runs.py").run()
    assert not app.exception and {"npz", "safetensors"} <= {b.label for b in app.get("download_button")}
    checkpoint = next(n for n in app.number_input if n.label == "Checkpoint")
    assert (checkpoint.value, checkpoint.max) == (-1, 4)


def test_runs_are_compared_over_what_is_asked_and_the_address_keeps_it(store):
    switched = keep(store, replace(SMALL, rule=SGD(), then=(Switch(at=10),)))
    old = replace(store.run(keep(store, SMALL)))
    store.keep(
        digest(SMALL),
        replace(
            old, measures={name: values for name, values in old.measures.items() if name not in ("gradients", "phase")}
        ),
    )
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in {"runs": f"{switched},{digest(SMALL)}", "measure": "test_loss", "over": "gradients"}.items():
        app.query_params[name] = value
    app.switch_page("pages/runs.py").run()
    assert not app.exception and app.query_params["over"] == "gradients"
    assert "Held-out loss of 1 run over gradient evaluations" in texts(app) and "1 older run not shown" in texts(app)
    assert "SAM from step 10" in texts(app)
    row = next(row for row in app.dataframe[0].value.to_dict("records") if row["Digest"] == switched)
    assert row["Gradients"] == 10 + 2 * 10
    app.radio(key="runs:over").set_value("seconds").run()
    assert app.query_params["over"] == "seconds" and "Held-out loss of 2 runs over seconds" in texts(app)


def test_the_strip_tells_what_a_step_costs(store):
    app = open_page(run=keep(store, replace(SMALL, rule=SGD(), then=(Switch(at=10),))))
    assert re.search("Gradients a step</dt><dd>1.50<", texts(app))


def test_the_shipped_run_is_adopted_once(store):
    open_page()
    shutil.rmtree(store.root / DEFAULT)
    open_page()
    assert not store.has(DEFAULT)  # a run that was deleted does not come back while the server lives


def test_garbage_is_collected_once_and_not_after_every_script(store, monkeypatch):
    """With torch imported a collection takes 155 ms: after every script it would leave thirty viewers 3 updates a
    second."""
    monkeypatch.chdir(Path(APP).parent)
    get_config_options(force_reparse=True)
    assert get_option("runner.postScriptGC") is False
    gc.unfreeze()
    open_page()
    assert gc.get_freeze_count() > 10_000


def test_a_checkout_that_cannot_be_written_to_still_has_its_plots(tmp_path, monkeypatch):
    """Plotly's script is then served from memory instead of being copied beside the app."""
    (tmp_path / "static").write_text("a file, where the folder should be")
    server = SimpleNamespace(media_file_mgr=SimpleNamespace(add=lambda path, *_: f"/media/{Path(path).name}"))
    monkeypatch.setattr(cached, "ROOT", tmp_path)
    monkeypatch.setattr(cached, "get_instance", lambda: server)
    cached._published.clear()
    script = cached.plotly_script()
    cached._published.clear()
    assert script == "/media/plotly.min.js"
