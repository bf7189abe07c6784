"""Exports: every figure of every page leaves as a file, made without the session of the page, under a name of its
own."""

from __future__ import annotations

import io
import re
import shutil
from functools import partial
from itertools import cycle
from threading import Thread
from typing import Any
from zipfile import ZipFile

import pytest
import streamlit as st

from engine.figures import escape
from engine.figures.render import numbers
from pages.ui import download, turned
from tests.pages.headless import served
from tests.pages.test_addresses import KEPT, RUN, opened

OTHER = "ff33fdfc7f3989de"
PAGES = {
    "train": {},
    "papers": {"experiment": "Drift"},
    "landscape": {"run": RUN, "resolution": "9"},
    "spectrum": {"run": RUN, "probes": "2", "depth": "8"},
    "alignment": {"run": RUN, "k": "2"},
    "robustness": {},
    "encyclopedia": {"rule": "SAM", "other": "USAM"},
    "runs": {"runs": f"{RUN},{OTHER}"},
}
BEGINS = {"pgf.zip": b"PK", "pdf": b"%PDF-", "svg": b"<?xml", "png": b"\x89PNG"}


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    """One server's store with the kept runs for all of these pages, since they compute nothing."""
    root = tmp_path_factory.mktemp("store")
    shutil.copytree(KEPT, root, dirs_exist_ok=True)
    with served(root):
        yield


@pytest.mark.parametrize(("page", "form"), zip(PAGES, cycle(("pdf", "svg", "png", "pgf.zip")), strict=False))
def test_every_figure_of_a_page_leaves_as_a_file(monkeypatch, page, form):
    """A click on a button makes its file in a thread of the server, that knows no session."""
    given: dict[str, download.Draw] = {}
    buttons: dict[str, Any] = {}
    monkeypatch.setattr(download, "menu", partial(noted, given, download.menu))
    monkeypatch.setattr(st, "download_button", lambda label, data, file, *_, **__: buttons.setdefault(file, data))
    opened(page, PAGES[page])
    drawings = [in_a_thread(draw) for draw in given.values()]
    assert drawings and all(numbers.csv(drawing).startswith("# ") for drawing in drawings)
    made = [in_a_thread(data) for file, data in buttons.items() if callable(data) and file.endswith(form)]
    assert made and all(data.startswith(BEGINS[form]) for data in made)
    surfaces = [in_a_thread(data) for file, data in buttons.items() if file.endswith(".glb")]
    assert [data[:4] for data in surfaces] == [b"glTF"] * (page == "landscape")


def noted(given: dict[str, download.Draw], menu: Any, drawings: dict[str, download.Draw], *at: Any, **of: Any) -> None:
    """The page's menu, whose figures are noted."""
    given.update(drawings)
    menu(drawings, *at, **of)


def in_a_thread(make: Any) -> Any:
    """What a function gives that runs in a thread of its own, or its exception."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(make())
        except Exception as error:
            found.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join(60)
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def test_a_file_is_named_by_what_it_shows_and_of_what(monkeypatch):
    """In ASCII, that any system takes; another run's has another name."""
    names: list[str] = []
    monkeypatch.setattr(st, "download_button", lambda label, data, file, *_, **__: names.append(file))
    for run in (RUN, OTHER):
        opened("alignment", PAGES["alignment"] | {"run": run})
    pdf = [name for name in names if name.endswith(".pdf")]
    assert [re.sub("-[0-9a-f]{16}-[0-9a-f]{16}", "", name) for name in pdf] == ["alignment-cos2-g-vi.pdf"] * 2
    assert RUN in pdf[0] and OTHER in pdf[1]


def test_the_zip_of_a_page_holds_every_figure(monkeypatch):
    """Made in a thread that knows no session, and counted on its button."""
    given: dict[str, download.Draw] = {}
    buttons: dict[str, tuple[str, Any]] = {}
    monkeypatch.setattr(download, "menu", partial(noted, given, download.menu))
    monkeypatch.setattr(
        st, "download_button", lambda label, data, file, *_, **__: buttons.update({file: (label, data)})
    )
    opened("spectrum", PAGES["spectrum"])
    ((label, data),) = [button for file, button in buttons.items() if file.endswith(".zip") and "pgf" not in file]
    names = ZipFile(io.BytesIO(in_a_thread(data))).namelist()
    assert len(given) > 1 and str(len(given)) in label
    pdfs = [name for name in names if name.endswith(".pdf")]
    assert len(pdfs) == len(given)
    assert all(sum(escape.file(figure) in name for name in pdfs) == 1 for figure in given)


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "pdf",
        {"form": "exe", "view": [1, 1, 1]},
        {"form": "pdf"},
        {"form": "pdf", "view": [0, 0, 0]},
        {"form": "pdf", "view": [1, 1]},
        {"form": "pdf", "view": [1, 1, "1"]},
        {"form": "pdf", "view": [1, 1, float("nan")]},
    ],
)
def test_a_browser_is_given_a_landscape_only_as_it_can_be_seen(asked):
    assert turned.read(asked, download.MIME) is None
    assert turned.read({"form": "pdf", "view": [1, 2, 0.5]}, download.MIME) == ("pdf", (1, 2, 0.5))
