"""Pages without a browser: opened as by a stranger in Streamlit's own test harness, on a store of the test's own."""

from __future__ import annotations

import html
import pickle
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from engine.data import Moons
from engine.figures.drawing import Map
from engine.models import MLP
from engine.problems import Classification
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from pages.ui import cached, figures

APP = str(Path(__file__).resolve().parents[2] / "app.py")
SMALL = RunSpec(Classification(Moons(40), MLP(4, 1)), batch=0, steps=20, every=5)
DEFAULT = digest(RunSpec())
INSTALLED = cache(manifest_scanner.scan_component_manifests)
"""The components that installed packages bring: Streamlit's harness else reads all packages' files for every page."""
STILL = figures._still
PICTURES: dict[tuple[bytes, bool], tuple[Map, bytes]] = {}


def pictured(drawing: Map, dark: bool) -> tuple[Map, bytes]:
    """As a page draws it, but once for all servers: the same map is the same picture, to the byte."""
    key = pickle.dumps(drawing), dark
    if key not in PICTURES:
        PICTURES[key] = STILL(drawing, dark)
    return PICTURES[key]


@contextmanager
def served(root: Path) -> Iterator[None]:
    """A server's caches, and its store at `root`; its workers are forks, and none is there before there is a job."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAVINE_STORE", str(root))
        patch.setattr(manifest_scanner, "scan_component_manifests", INSTALLED)
        patch.setattr(figures, "_still", pictured)
        patch.setattr(Jobs, "warm", lambda jobs: None)
        st.cache_resource.clear()
        yield
        cached.jobs().close()
        st.cache_resource.clear()


@pytest.fixture(name="store")
def server_store(tmp_path):
    """A server's store of its own, with the shipped run in it as a server would have it."""
    with served(tmp_path):
        yield Store(tmp_path)


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


def papers(**parameters: str) -> AppTest:
    """The papers' page as a new session finds it under an address."""
    return arrive("papers", **parameters)


def arrive(page: str, **parameters: str) -> AppTest:
    """A page as a new session finds it under an address, free of exceptions."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception
    return app


def texts(app: AppTest) -> str:
    """All words of the page that stand in messages, captions and HTML."""
    elements = [*app.error, *app.warning, *app.info, *app.caption, *app.get("html"), *app.markdown]
    return seen(
        " ".join(
            str(getattr(e, "value", None) or getattr(e, "body", None) or getattr(e.proto, "body", "")) for e in elements
        )
    )


def seen(text: str) -> str:
    """What a reader sees of Markdown or HTML in which a stranger's marks are escaped."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))


def await_end(job: str) -> None:
    """Waits for a job of this server."""
    for _ in range(600):
        now = cached.jobs().snapshot(job)
        if now and not now.active:
            return
        time.sleep(0.1)
    raise AssertionError(f"{job} did not end: {cached.jobs().snapshot(job)}")


def keep(store: Store, spec: RunSpec) -> str:
    """Trains a run into the store."""
    for _ in perform(store, Work(spec)):
        pass
    return digest(spec)
