"""Several rules at once on the Train page: chips, address, training, one picture of their paths and what was found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.spec import digest, flatten
from engine.training.runs import RunSpec
from engine.work.beside import together
from engine.work.cost import Cost
from engine.work.kinds import Work
from engine.work.presets import FOUR, joint
from pages.ui import beside, cached
from tests.pages.headless import DEFAULT, SMALL, await_end, open_page, server_store, texts  # noqa: F401  # the fixture `store`


def figure(app: AppTest) -> dict:
    """The one map of the page."""
    (found,) = [data for e in app.get("bidi_component") if "figure" in (data := component(e))]
    return json.loads(found["figure"])


def component(element: object) -> dict:
    return json.loads(element.proto.json or "{}")  # type: ignore[attr-defined]  # of Streamlit's harness


def chips(app: AppTest) -> Any:
    """The choice of the leading rules."""
    return next(group for group in app.get("button_group") if group.proto.id.endswith(beside.FIRST))


def address(spec: RunSpec, **more: str) -> dict[str, str]:
    return {key.replace(".", "__"): text for key, text in flatten(spec).items()} | more


@pytest.mark.parametrize("stray", [{}, {"utm_source": "news"}])
def test_a_newcomer_sees_the_trio_and_a_link_to_a_run_the_run_alone(store, stray):
    """Finds a first page of one run, or one that has work to do; and a link to a run alone that brings others along."""
    app = open_page(**stray)
    assert app.query_params["beside"] == "SGD,SSAM" and app.query_params["run"] == DEFAULT
    assert app.title[0].value == "Same loss, half the curvature: SAM beside SGD"
    assert "Self-check in double precision" in texts(app) and not cached.jobs().active()
    chips(app).set_value([]).run()
    assert "beside" not in app.switch_page("pages/spectrum.py").run().switch_page("pages/train.py").run().query_params
    assert "beside" not in open_page(run=DEFAULT).query_params


def test_the_chips_stand_in_the_address_and_a_link_restores_them(store):
    app = open_page(run=DEFAULT)
    assert "beside" not in app.query_params and app.title[0].value == "How does it descend?"
    chips(app).set_value(["SGD"]).run()
    assert not app.exception and app.query_params["beside"] == "SGD" and app.query_params["run"] == DEFAULT
    assert app.button(key="train").label == "Train both"
    app = open_page(beside="SSAM,SGD,ASAM,Nonsense")
    assert app.query_params["beside"] == "SGD,SSAM,ASAM" and "there is no rule 'Nonsense'" in texts(app)
    assert app.session_state[beside.FIRST] == ["SGD", "SSAM"] and app.session_state[beside.OTHERS] == ["ASAM"]
    assert "ASAM is not trained yet" in " ".join(e.proto.text for e in app.get("progress"))


def test_the_rule_itself_is_no_chip(store):
    app = open_page(beside="SGD,SSAM")
    app.selectbox(key="train.rule").set_value("SGD").run()
    assert not app.exception and app.query_params["beside"] == "SSAM"


def test_what_is_kept_is_shown_at_once_with_what_was_found(store):
    """The shipped runs of three rules, and of two, whose landscape does not ship: the finding, an end for each,
    provisional paths, and nothing begun."""
    app = open_page(beside="SGD,SSAM")
    assert app.title[0].value == "Same loss, half the curvature: SAM beside SGD"
    said = texts(app)
    assert "SSAM’s is 0.74 of that" in said and said.count("<dt>S") == 3 and "One seed of each." in said
    drawn = figure(app)
    tags = {a["text"] for a in drawn["layout"]["annotations"]}
    assert tags >= {"SAM  λ₁ 1.66", "SGD  λ₁ 3.68", "SSAM  λ₁ 3.46"}
    assert "Provisional" not in said and "Provisional" in texts(open_page(beside="SGD")) and not cached.jobs().active()


def test_all_are_trained_and_then_their_ground_is_drawn(store, monkeypatch):
    """Those that are kept are not trained again; the joint surface begins by itself where it costs little."""
    specs = together(SMALL, ["SGD", "SSAM"])[0]
    monkeypatch.setattr(cached, "cost", lambda work: None)
    app = open_page(**address(SMALL, beside="SGD"))
    app.button(key="train").click().run()
    assert not app.exception and app.query_params["run"] == digest(SMALL)
    runs = [digest(spec) for spec in specs]
    for run in runs[:2]:
        await_end(run)
    made = [store.version(run) for run in runs[:2]]
    chips(app).set_value(["SGD", "SSAM"]).run()
    app.button(key="train").click().run()
    await_end(runs[2])
    assert [store.version(run) for run in runs[:2]] == made, "what is kept is not trained again"
    work = Work(joint(specs))
    monkeypatch.setattr(cached, "counts", lambda: True)
    assert app.run().button(key="beside.draw").label == "Draw the ground under the paths"
    assert cached.jobs().snapshot(work.address) is None
    monkeypatch.setattr(cached, "cost", lambda work: Cost(1, 1, 1, 0.1))
    app.run()
    await_end(work.address)
    app.run()
    assert not app.exception and "Self-check in double precision: off by" in texts(app)
    assert {trace["type"] for trace in figure(app)["data"]} == {"contour", "scatter"}
    chips(app).set_value(["SGD", "USAM", "SSAM"]).run()
    assert "USAM is not trained yet" in " ".join(e.proto.text for e in app.get("progress"))
    assert "Provisional" not in texts(app), "what is known of the others stays"


def test_dear_ground_is_drawn_when_asked(store, monkeypatch):
    monkeypatch.setattr(cached, "cost", lambda work: Cost(1, 1, 1, 400.0))
    app = open_page(beside="SGD")
    assert app.button(key="beside.draw").label == "Draw the ground under the paths (about 7 min)"
    assert cached.jobs().snapshot(Work(joint(FOUR[:2])).address) is None
