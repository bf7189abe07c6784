"""Every page and every experiment fits, from a phone to a large screen, in one window that changes its size."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from engine.experiments import EXPERIMENTS
from engine.problems import Product
from engine.spec import digest, flatten
from engine.training.runs import RunSpec
from engine.work.presets import TRIO
from tests.browser.harness import PAGES, button, picture, settle, turn_to

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages"), pytest.mark.timeout(400)]
SIZES = ((390, 844), (768, 1024), (1000, 800), (1280, 720), (1440, 900), (1920, 1080))
FITS = (Path(__file__).parent / "fits.js").read_text(encoding="utf-8")


def unfit(page: Page, width: int, height: int) -> list[str]:
    """What does not fit into a window of that size, once what hears of it is drawn anew."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(250)
    found = page.evaluate(FITS)
    for _ in range(12):
        if not found:
            break
        page.wait_for_timeout(400)
        found = page.evaluate(FITS)
    return found


def test_every_page_fits_at_every_size(visit):
    """Finds a style by which words are cut, lie over others or leave the window, a legend on its plot, a plot that
    keeps its old width, and a control that cannot be reached by the mouse."""
    page, wrong = visit(), []
    page.on("console", lambda message: wrong.append(message.text) if "Infinite extent" in message.text else None)
    for title in PAGES:
        turn_to(page, title)
        for size in SIZES:
            wrong += [f"{title} at {size[0]}: {what}" for what in unfit(page, *size)]
            if size == SIZES[0]:
                picture(page, f"phone-{title.lower()}")
        page.set_viewport_size({"width": 1440, "height": 900})
        settle(page)
    assert not wrong, "\n".join(wrong)


@pytest.mark.walk
def test_every_experiment_fits(visit):
    """Finds the same of the experiments' own pages, and tables that are wider than a phone."""
    page, wrong = visit(), []
    turn_to(page, "Papers")
    for name in EXPERIMENTS:
        button(page, f"papers:open-{name}").click()
        expect(page.locator(".ravine-plot .main-svg").first).to_be_visible()
        settle(page)
        for size in (SIZES[0], SIZES[3]):
            wrong += [f"{name} at {size[0]}: {what}" for what in unfit(page, *size)]
        button(page, "papers:all").click()
        settle(page)
    assert not wrong, "\n".join(wrong)


PAIR = "run={}&against={}".format(*map(digest, TRIO[:2]))
OTHERWISE = (
    *(f"{page}?{PAIR}" for page in ("", "landscape", "spectrum", "alignment")),
    "encyclopedia?other=SSAM",
    "robustness?name=DesignSpec",
    f"?{urlencode(flatten(RunSpec(Product(), lr=0.01, batch=0)))}",
)
"""Pages beside their usual looks: two runs or two rules compared, a design, a toy."""


@pytest.mark.walk
@pytest.mark.parametrize("address", OTHERWISE)
def test_what_is_compared_fits(visit, address):
    """Finds the same where two are compared, or a page has other charts than usual."""
    page = visit(address)
    wrong = [f"at {size[0]}: {what}" for size in SIZES for what in unfit(page, *size)]
    assert not wrong, "\n".join(wrong)
