"""The Train page: presets, a run that is begun, found again and gone on with, addresses of strangers, and controls
that cannot apply."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator
from dataclasses import replace
from threading import Event
from typing import cast

import pytest

from engine.figures import words
from engine.problems import Product
from engine.records import Progress
from engine.rules import SAM, SGD
from engine.spec import digest, flatten, read_address
from engine.training.runs import RUNS, RunSpec, Switch
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import PRESETS
from pages.ui import cached, price
from tests.pages.headless import DEFAULT, SMALL, await_end, keep, open_page, server_store, texts  # noqa: F401  # the fixture `store`


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_one_click_and_the_address_says_it(store, name):
    app = open_page(run=DEFAULT)
    app.selectbox(key="train:preset").set_value(name).run()
    assert not app.exception
    found = {key: value for key, value in app.query_params.items() if key != "run"}
    assert read_address(RUNS, found) == (PRESETS[name].spec, [], found)
    assert PRESETS[name].sentence in texts(app)


@pytest.mark.parametrize("little", [True, False])
def test_a_preset_that_takes_little_is_trained_when_it_is_chosen(store, monkeypatch, little):
    """Finds a preset whose picture is another run's until somebody presses Train; what takes long waits for that."""
    monkeypatch.setattr(price, "little", lambda work: little)
    name, app = "Quadratic: SAM's 2-cycle", open_page(run=DEFAULT)
    app.selectbox(key="train:preset").set_value(name).run()
    run = digest(PRESETS[name].spec)
    assert not app.exception and app.query_params["run"] == (run if little else DEFAULT)
    assert little == bool(cached.jobs().snapshot(run))
    if little:
        await_end(run)


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


def test_what_a_toy_would_do_is_drawn_on_its_own_ground_alone(store):
    """Finds a toy's path over the charts of a run on another landscape, or on none."""
    toy = RunSpec(Product(), SAM(0.1), lr=0.01, batch=0, steps=20, every=10)
    keep(store, toy)
    for shown, there in ((DEFAULT, False), (digest(toy), True)):
        app = open_page(**{"run": shown} | {key.replace(".", "__"): text for key, text in flatten(toy).items()})
        app.number_input(key="train.lr").set_value(0.02).run()
        assert app.query_params["run"] == shown and "Not the run that is shown" in texts(app)
        assert ("how it would descend" in texts(app)) == there
        assert any("preview" in e.proto.component_name for e in app.get("bidi_component")) == there


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


def test_a_run_that_does_not_go_on_has_no_time_left(store):
    spec = replace(SMALL, steps=100_000, every=1000)
    app = open_page(**{key.replace(".", "__"): text for key, text in flatten(spec).items()})
    app.button(key="train").click().run()
    while not cached.jobs().snapshot(digest(spec)).rate > 0:
        time.sleep(0.02)
    jobs, owner = cached.jobs(), app.session_state["owner"]
    for act, said in ((jobs.pause, "Paused: step"), (jobs.stop, "Stopped: step")):
        act(digest(spec), owner)
        while not (told := " ".join(bar.proto.text for bar in app.run().get("progress"))).startswith(said):
            time.sleep(0.02)
        assert "left" not in told
    await_end(digest(spec))


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
    app = open_page(run=DEFAULT)
    app.number_input(key="train.batch").set_value(1500).run()
    assert app.button(key="train").disabled
    assert app.error[0].value.startswith("batch:")


@pytest.mark.parametrize("typed", [-1.0, 1e9])
def test_a_number_beyond_its_bounds_is_told_and_not_trained(store, typed):
    """Not kept by the browser to itself, in red, while the button trains the number before it."""
    app = open_page(run=DEFAULT)
    app.number_input(key="train.lr").set_value(typed)
    app.button(key="train").click().run()  # at once: the button knows nothing of the number yet
    assert all(error.value.startswith("lr: expected a number from") for error in app.error) and len(app.error) == 2
    assert app.button(key="train").disabled and app.query_params["run"] == DEFAULT
    assert not cached.jobs().active()


def test_what_was_typed_last_is_trained(store):
    app = open_page(**{key.replace(".", "__"): text for key, text in flatten(SMALL).items()})
    app.number_input(key="train.steps").set_value(7)
    app.button(key="train").click().run()
    assert app.query_params["run"] == digest(replace(SMALL, steps=7))


def test_the_strip_tells_what_a_step_costs(store):
    app = open_page(run=keep(store, replace(SMALL, rule=SGD(), then=(Switch(at=10),))))
    assert re.search("Gradients a step</dt><dd>1.50<", texts(app))


def test_the_cost_stands_beside_the_button(store, monkeypatch):
    """Before anything runs: its size at once, its time as soon as that can be counted; what is too much is refused, by
    the name of the field, and cannot be started."""
    loading, loaded = Event(), Event()
    loaded.set()
    monkeypatch.setattr(cached, "_counting", lambda: loading)
    assert "1,930 parameters" in texts(open_page(run=DEFAULT))
    Work(RunSpec()).cost(())  # what a server has done by then: the first count loads what all need
    monkeypatch.setattr(cached, "_counting", lambda: loaded)
    assert re.search(r"About [\d.]+ s · 1,930 parameters · 384 kB", texts(open_page(run=DEFAULT)))
    large = {"problem__model": "MLP", "problem__model__width": "512", "problem__model__depth": "8"}
    app = open_page(steps="1000000", every="500", **large)
    assert app.error[0].value.startswith("every: the path would take 15 GB, at most 500 MB; 15625 or more fits")
    assert app.button(key="train").disabled
