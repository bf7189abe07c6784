"""Links: what of an address comes from outside, and what is only an echo of what the page has written."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import link
from tests.pages.headless import open_page, server_store  # noqa: F401  # the fixture `store`


def test_an_address_that_the_page_wrote_itself_takes_nothing_back(store):
    """As a browser sends it that is a step ahead of the page: a key held down on a slider."""
    app = open_page("encyclopedia")
    first = dict(app.query_params)
    app.slider(key="encyclopedia.eta").set_value(0.8).run()
    assert app.query_params["eta"] == "0.8"
    app.slider(key="encyclopedia.eta").set_value(0.9)
    behind(app, first)
    assert app.slider(key="encyclopedia.eta").value == 0.9 and app.query_params["eta"] == "0.9"
    behind(app, {"rule": "SAM", "eta": "0.5"})
    assert app.slider(key="encyclopedia.eta").value == 0.5  # which it never wrote


def test_who_goes_back_finds_what_was_there(store, monkeypatch):
    """An address that the page wrote itself, but by the browser's back button; from an experiment to the cards."""
    app = open_page("encyclopedia")
    first = dict(app.query_params)
    app.slider(key="encyclopedia.eta").set_value(0.8).run()
    papers = open_page("papers")
    papers.button(key="papers:open-Drift").click().run()
    assert papers.query_params["experiment"] == "Drift"
    monkeypatch.setattr(
        link, "get_script_run_ctx", lambda: SimpleNamespace(is_history_navigation=True, query_string="")
    )
    behind(app, first)
    assert app.slider(key="encyclopedia.eta").value == pytest.approx(float(first.get("eta", 0.75)))
    behind(papers, {})
    assert [title.value for title in papers.title] == ["Why does SAM work?"]


def behind(app: AppTest, parameters: dict[str, str]) -> None:
    """Runs a page once more, under another address."""
    app.query_params.clear()
    app.query_params.update(parameters)
    app.run()
    assert not app.exception
