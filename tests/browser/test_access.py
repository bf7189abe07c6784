"""Whether pages serve who sees little of them: what axe finds on every page, and in all that opens over it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import COLOURS, LONG, PAGES, darken, picture, settle, turn_to, violations

UPLOADERS = "presentation-role-conflict"
"""What axe says of the place for files that Streamlit puts up."""
BODY = "[data-testid=stPopoverBody]"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages"), pytest.mark.timeout(400)]


def test_accessible(visit):
    """Every page with its figures and all that opens on it, light and then dark, in one visit."""
    page, found = visit(), []
    for title in PAGES:
        turn_to(page, title)
        fill(page, title)
        found += [f"{title}: {violation}" for violation in violations(page) + opened(page)]
        darken(page)
        picture(page, f"{title.lower()}-dark")
        found += [f"{title}, dark: {v}" for v in violations(page, COLOURS) + opened(page, COLOURS)]
        page.emulate_media(color_scheme="light")
    assert not found, "\n".join(found)


def opened(page: Page, *rules: str) -> list[str]:
    """What axe finds in the page's popovers, and which of them leave the window, one after the other."""
    found = []
    for popover in page.get_by_test_id("stPopover").all():
        button = popover.get_by_role("button").first
        if not button.is_visible() or button.is_disabled():
            continue
        button.click()
        body = page.get_by_test_id("stPopoverBody")
        expect(body).to_be_visible()
        settle(page)
        found += [what for what in violations(page, *rules, within=BODY) if not what.startswith(UPLOADERS)]
        box = body.bounding_box()
        if not box or box["x"] < 0 or box["x"] + box["width"] > 1440:
            found.append(f"{button.inner_text()}: opens beyond the window")
        page.keyboard.press("Escape")
        expect(body).to_have_count(0)
    return found


def fill(page: Page, title: str) -> None:
    """Brings the page to where its figures are, and all its work is done."""
    if title == "Runs":
        page.get_by_test_id("stDataFrame").click(position={"x": 17, "y": 50})  # the first run's box, drawn on a canvas
        page.mouse.move(700, 850)  # off the list, whose toolbar covers the menu
    if title in ("Papers", "Tour", "Figure"):
        settle(page)
        return
    figure = (
        ".js-plotly-plot .main-svg"
        if title in ("Landscape", "Robustness")
        else '[data-testid="stVegaLiteChart"] :is(canvas, svg)'
    )
    expect(page.locator(figure).first).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=LONG)
    settle(page)
