"""The page of composed figures: what other pages put aside, as it will be printed."""

from __future__ import annotations

import io

import matplotlib.image
import streamlit as st

from pages.ui import tray
from tests.pages.headless import DEFAULT, arrive, open_page, server_store, texts  # noqa: F401  # the fixture `store`


def test_what_a_page_puts_aside_is_a_panel(store, monkeypatch):
    """It outlives the turn to another page; the preview is the very PNG that is downloaded; panels change places."""
    shown, files = [], {}
    monkeypatch.setattr(st, "image", lambda data, **_: shown.append(data))
    app = open_page("train", run=DEFAULT)
    app.button(key="train:add").click().run()
    app.selectbox(key="train:figure").select_index(1).run()
    app.button(key="train:add").click().run()
    names = [panel.name for panel in app.session_state[tray.KEPT]]
    monkeypatch.setattr(st, "download_button", lambda label, data, file, *_, **__: files.update({label: data}))
    app.switch_page("pages/figure.py").run()
    assert not app.exception and len(set(names)) == 2
    assert files["PNG"]() == shown[-1] and matplotlib.image.imread(io.BytesIO(shown[-1])).shape[1] == 1650
    assert (
        files["PDF"]().startswith(b"%PDF")
        and files["LaTeX"]().startswith(b"% ")
        and DEFAULT in files["LaTeX"]().decode()
    )
    app.button(key="composed:forward:1").click().run()
    assert [panel.name for panel in app.session_state[tray.KEPT]] == names[::-1]
    for _ in names:
        app.button(key="composed:remove:0").click().run()
    assert not app.exception and "No figure is here yet" in texts(app)


def test_a_tray_is_bounded(monkeypatch):
    """In number and in bytes: a session does not grow without end."""
    from tests.drawn import DRAWINGS

    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(st, "toast", lambda *_: None)
    for _ in range(tray.MOST + 2):
        tray.add("one", DRAWINGS["loss/full"])
    assert len(tray.panels()) == tray.MOST
    monkeypatch.setattr(tray, "LARGEST", 30_000)
    st.session_state.clear()
    for _ in range(20):
        tray.add("one", DRAWINGS["loss/full"])
    assert 0 < len(tray.panels()) < 12


def test_panels_outlive_a_reload_and_are_in_the_link(store):
    """Finds panels and an arrangement that are gone when a page is loaded again, and a link whose server has them no
    longer and that says nothing; who changes the figure leaves what the link shows."""
    app = open_page("train", run=DEFAULT)
    for _ in range(2):
        app.button(key="train:add").click().run()
    app.switch_page("pages/figure.py").run()
    app.checkbox(key="composed:common").uncheck().run()
    app.number_input(key="composed:height:2:2").set_value(4.0).run()
    address = dict(app.query_params.items())
    again = arrive("figure", **address)
    assert not again.exception and again.query_params == app.query_params
    assert "2 of at most" in texts(again) and not again.checkbox(key="composed:common").value
    assert again.number_input(key="composed:height:2:2").value == 4.0
    again.button(key="composed:remove:0").click().run()
    assert "2 of at most" in texts(arrive("figure", **address))
    assert "panels: this server no longer has them" in texts(arrive("figure", panels="0" * 16))
