"""Addresses: what mailers and networks add to a link changes nothing but that it is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import cached
from tests.pages.headless import APP, await_end, served

KEPT = Path(__file__).parent.parent / "work" / "kept"
RUN = "8990ca2dccb0bd78"
"""A kept run of SSAM on Moons, unlike the defaults in most of its settings."""


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory):
    """One server's store with the kept runs for all of these pages."""
    root = tmp_path_factory.mktemp("store")
    shutil.copytree(KEPT, root, dirs_exist_ok=True)
    with served(root):
        yield


def opened(page: str, parameters: dict[str, str]) -> AppTest:
    """A page as a new session finds it under an address."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def state(app: AppTest) -> dict[str, Any]:
    """All that a page's widgets show, its heading, and what it then says in its address."""
    kinds = ("selectbox", "number_input", "checkbox", "text_input", "radio", "slider")
    shown = {widget.key or widget.label: widget.value for kind in kinds for widget in app.get(kind)}
    return shown | {"title": [title.value for title in app.title], "address": dict(app.query_params)}


@pytest.mark.parametrize(
    ("page", "address", "stray"),
    [
        ("train", {"run": RUN}, {"fbclid": "x", "lr": "1_0", "rule.utm": "x", "problem": "Nope"}),
        ("train", {"run": RUN, "lr": "0.2"}, {"utm_source": "a.b", "": "3"}),
        ("train", {}, {"fbclid": "x", "mc.cid": "7"}),
        ("landscape", {"run": RUN}, {"gclid": "1"}),
        ("papers", {"experiment": "Drift", "eta": "0.04"}, {"fbclid": "x"}),
    ],
)
def test_a_stray_name_costs_nothing(page, address, stray):
    """The controls, the run that is shown and the address are as without it, and it is named."""
    opened(page, address)
    for begun in cached.jobs().active():  # a landscape that costs little, by itself
        await_end(begun.id)
    plain, strayed = opened(page, address), opened(page, stray | address)
    assert state(strayed) == state(plain)
    said = " ".join(error.value.replace("\\", "") for error in strayed.error)
    assert not plain.error and all(name in said for name in stray)
    if page == "train":
        settings = "SSAM" if address == {"run": RUN} else "SAM"
        assert state(plain)["train.rule"] == settings, "a link to a run alone brings its settings"


@pytest.mark.parametrize(
    ("page", "address", "said", "unsaid"),
    [
        ("spectrum", {"run": RUN, "checkpoint": "500"}, "checkpoint: the last of this run is", "train"),
        ("landscape", {"run": "deadbeefdeadbeef"}, "run: deadbeefdeadbeef is not kept here", "settings below"),
        ("train", {"run": "deadbeefdeadbeef"}, "train the settings below", "checkpoint"),
    ],
)
def test_what_is_not_there_is_told(page, address, said, unsaid):
    """Another checkpoint in its place, in silence, and settings that the page does not have."""
    told = " ".join(error.value.replace("\\", "") for error in opened(page, address).error)
    assert said in told and unsaid not in told
