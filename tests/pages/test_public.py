"""Pages for strangers: they show the buttons that work for who looks, say what is refused and why, and download
nothing."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from engine.data import SOURCES
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from pages.ui import cached, obtain, person
from tests.data.test_own import X, Y, csv
from tests.pages.headless import APP, DEFAULT, SMALL, keep, open_page, seen, server_store, texts

__all__ = ["server_store"]
DATA = "train.problem.Classification.data"
ENDLESS = RunSpec(steps=100_000, every=1000)


@pytest.fixture
def public(monkeypatch, store):
    """A public server, where a person may have one job and give one file."""
    for name, value in {"PUBLIC": 1, "JOBS": 1, "UPLOADS": 1}.items():
        monkeypatch.setenv(f"RAVINE_{name}", str(value))
    return store


def chosen(run: str) -> AppTest:
    """The Runs page with a run chosen in its list."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = run
    app.switch_page("pages/runs.py").run()
    assert not app.exception
    return app


def labels(app) -> set[str]:
    return {button.label for button in app.button}


@pytest.mark.parametrize(("by", "shown"), [("somebody", False), ("me", True)])
def test_only_who_started_a_run_can_stop_it(public, by, shown):
    """Finds a Stop that is shown to all, or to nobody."""
    app = open_page(run=DEFAULT)
    app.session_state["owner"] = "me"
    cached.started()[cached.jobs().start(Work(ENDLESS), owner=by)] = ENDLESS
    app.session_state["run"] = digest(ENDLESS)
    app.run()
    assert not app.exception and ({"Stop", "Pause"} <= labels(app)) == shown


def test_a_kept_run_cannot_be_deleted_by_a_stranger_nor_kept_for_good(public):
    """Finds a Delete that works on what was kept before."""
    run = keep(public, SMALL)
    app = chosen(run)
    delete = next(button for button in app.button if button.label == "Delete")
    assert app.button(key="runs:note").disabled and delete.disabled and delete.help == person.THEIRS
    assert not labels(app) & {"Keep", "Keep no longer"}


def test_at_home_a_run_can_be_kept_for_good(store):
    """Finds a pin that is not kept; the shipped run stands for any."""
    run = keep(store, SMALL)
    app = chosen(run)
    next(button for button in app.button if button.label == "Keep").click().run()
    assert not app.exception and store.pinned(run) and not store.pinned(DEFAULT)


def test_what_is_refused_is_said_in_one_line(public):
    """Finds a limit that ends in a traceback, or in silence."""
    app = open_page()
    for seed in (1, 2):
        app.number_input(key="train.seed").set_value(seed).run()
        app.button(key="train").click().run()
        assert not app.exception
    assert [seen(error.value) for error in app.error] == [
        "jobs: expected at most 1 of one person at once; let one end, or stop one"
    ]


def test_strangers_download_nothing(public):
    """Finds a button that fetches, and a way past the button that is not there."""
    name = next(iter(SOURCES))
    app = open_page()
    app.selectbox(key=DATA).set_value(name).run()
    assert "Download" not in labels(app) and "Only who runs this server can download it." in texts(app)
    assert "its data are not on this server" in texts(app) and "press Train" not in texts(app)
    obtain._begin(name)
    assert name not in obtain.DOWNLOADS


def test_a_person_gives_as_many_files_as_they_may(public):
    """Finds uploads that fill the disk."""
    app = open_page()
    app.selectbox(key=DATA).set_value("OwnFile").run()
    for nth in range(2):
        app.file_uploader(key=f"{DATA}:file").set_value((f"{nth}.csv", csv(X + nth, Y), "text/csv")).run()
        assert not app.exception
    assert "file: expected at most 1 files of one person" in texts(app)
    assert len([*public.root.glob("own/*.npz")]) == 1


HOSTILE = ["<script>alert(1)</script>", "$x$", "[a](javascript:1)", "\\input{x}", "]]> & *b*"]


@pytest.mark.parametrize("word", HOSTILE)
def test_a_strangers_words_are_shown_as_they_are(store, word):
    """Finds the name of a class or a file, or a column's, that a page reads as Markdown or HTML of ours."""
    rows = "\n".join(f"{i},{i * i % 7},{word if i % 2 else 'other'}" for i in range(30))
    app = open_page()
    app.selectbox(key=DATA).set_value("OwnFile").run()
    assert not app.error, "a file is wrong before there is one"
    app.file_uploader(key=f"{DATA}:file").set_value(("a.csv", rows.encode(), "text/csv")).run()
    (said,) = [c.value for c in app.caption if c.value.startswith("Read: ")]
    assert repr(word) in seen(said) and word not in said
    app.file_uploader(key=f"{DATA}:file").set_value(("a.csv", f"a,{word},c\n1,x,2\n3,4,5".encode(), "text/csv")).run()
    (fault,) = [e.value for e in app.error if word[:3] in seen(e.value)]
    assert word not in fault and repr(word) in seen(fault)


def test_a_wrong_setting_is_one_line_in_place_of_the_pages(store, monkeypatch):
    """Finds a server that ignores a slip, or answers with a traceback."""
    monkeypatch.setenv("RAVINE_QUOTA", "much")
    app = open_page()
    assert [e.value for e in app.error] == [
        "RAVINE_QUOTA: expected a whole number from 0 to 1,000,000,000,000,000, got 'much'"
    ]
    monkeypatch.delenv("RAVINE_QUOTA")
