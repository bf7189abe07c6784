"""Screenshots: the README's pictures of the app on a new store, in a light and in a dark browser;
`python -m tests.browser.screenshots` takes them anew."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from tests.browser.harness import LONG, ROOT, Server, button, settle
from tests.chromium import FLAGS, find

FOLDER = ROOT / "assets"
SIZE = 1440, 900
"""Pixels across and down."""
PICTURES: dict[str, Literal["light", "dark"]] = {"screenshot.png": "light", "screenshot-dark.png": "dark"}
"""Files, and the schemes of the browsers that they are taken in."""
PLOT, CHART = ".ravine-plot .main-svg", "[data-testid=stVegaLiteChart] svg.marks"
"""What there is once a map and a chart are drawn."""


def take(browser: Browser, url: str, scheme: Literal["light", "dark"]) -> bytes:
    """A PNG of the start page, once all that it shows is drawn."""
    width, height = SIZE
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(LONG)
    page.goto(url)
    button(page, "tour:skip").click()
    for figure in (PLOT, CHART):
        page.wait_for_selector(figure)
    settle(page)
    page.wait_for_load_state("networkidle")
    picture = page.screenshot()
    page.close()
    return picture


def make(folder: Path = FOLDER) -> None:
    """Serves the app on a store of its own, and writes the pictures."""
    path = find()
    with tempfile.TemporaryDirectory() as store, sync_playwright() as playwright:
        server = Server(Path(store) / "store")
        server.start()
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            for name, scheme in PICTURES.items():
                (folder / name).write_bytes(take(browser, server.url, scheme))
        finally:
            server.stop()


if __name__ == "__main__":
    make()
