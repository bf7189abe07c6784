"""Lessons on the papers' page: presented from their cards and by their addresses, and what comes wrongly is told."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from engine.experiments import EXPERIMENTS
from engine.spec import decode
from engine.work import lessons
from tests.pages.headless import papers as at
from tests.pages.headless import server_store, texts  # noqa: F401  # the fixture `store`


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception
    return app


def test_a_lesson_goes_on_at_its_slide_and_ends_at_the_cards(store):
    """By its address, by its buttons, and after a reload; what a stranger's link says wrongly is told in one line."""
    name = "sam-in-20-minutes"
    app = press(at(), f"papers:lessons:present-{name}")
    assert app.query_params["lesson"] == name and app.query_params["slide"] == "1"
    assert press(press(press(app, "present-next"), "present-next"), "present-notes").query_params["slide"] == "3"
    assert r"$w \leftarrow  w - \eta  u$" in texts(at(lesson=name, slide="2")), "between dollars stands a formula"
    notes = lessons.shipped()[name].slides[2].notes
    assert notes in texts(app)
    again = at(lesson=name, slide="3")
    assert [t.value for t in again.title] == [t.value for t in app.title] and "3 of 11 · minute 5 to 7 of 20" in texts(
        again
    )
    assert at(lesson=name, slide="999").button(key="present-next").disabled
    assert [t.value for t in press(again, "present-end").title] == ["Why does SAM work?"]
    assert "lesson" not in again.query_params
    lost = at(lesson="z.nothing", slide="2")
    assert "lesson: the link is incomplete" in texts(lost) and [t.value for t in lost.title] == ["Why does SAM work?"]
    assert "slide: expected a number, got 'x'" in texts(at(lesson=name, slide="x"))
    own = lessons.pack(lessons.of(decode(EXPERIMENTS, {"name": "Drift", "rho": 0.2})))
    assert "ρ = 0.2" in texts(at(lesson=own, slide="2"))
    assert at(experiment="Drift", slide="5").title[0].value == "What holds?"
