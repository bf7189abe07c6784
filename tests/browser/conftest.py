"""Fixtures of the journeys: a server of the app, and browser pages that tolerate no console error and no request to
another host."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.harness import LONG, SOON, Server, settle, watch
from tests.chromium import FLAGS, find

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """One server for all journeys of a process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `make test`, interrupted: the server ends, too
    one = Server(tmp_path_factory.mktemp("server") / "store")
    one.start()
    yield one
    one.stop()
    assert "Traceback" not in one.said(), one.said()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find()
    expect.set_options(timeout=SOON)
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield one
        one.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Open]:
    """`visit("landscape", scheme="dark")` opens a page of the app; the test fails at its end on what the browser
    complained of."""
    faults: list[str] = []
    contexts = []

    def open_page(path: str = "", scheme: Literal["light", "dark"] = "light") -> Page:
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        if server.process and server.process.poll() is not None:
            server.start()  # a test that kills it and fails costs no other
        context.set_default_timeout(LONG)  # whatever else the machine has to do
        contexts.append(context)
        page = context.new_page()
        watch(page, faults)
        page.goto(f"{server.url}/{path}")
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)
