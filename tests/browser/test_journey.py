"""A person's way through the app in a real Chromium: train, pause, leave, come back, look at the ground, take a
figure away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from engine.spec import digest
from engine.training.runs import RunSpec
from tests.browser.harness import (
    COLOURS,
    LONG,
    PAGES,
    button,
    enter,
    picture,
    saved,
    settle,
    shows,
    step,
    turn_to,
    violations,
)

UPLOADERS = "presentation-role-conflict"
"""What axe says of the place for files that Streamlit puts up."""
BODY = "[data-testid=stPopoverBody]"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(400)]


def test_journey(visit):
    page = visit()
    shows(page, "Same loss, half the curvature")  # the finished runs that ship with the app
    page = visit(f"?run={digest(RunSpec())}")
    shows(page, "1,000 steps")
    enter(page, "train.steps", "1500")
    button(page, "train").click()
    shows(page, re.compile(r"Running: step [1-9]"))
    button(page, "pause").click()
    shows(page, "Paused")
    page.wait_for_timeout(1500)
    paused = step(page)
    assert 0 < paused < 1500

    turn_to(page, "Runs")
    turn_to(page, "Train")
    shows(page, "Paused")
    assert step(page) == paused
    page.reload()
    settle(page)
    shows(page, "Paused")
    assert step(page) == paused

    page.get_by_role("button", name="Resume").click()
    shows(page, "1,500 steps", LONG)
    turn_to(page, "Landscape")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=LONG)
    pdf = saved(page, "surface", "pdf")
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize(("scheme", "rules"), [("light", []), ("dark", [COLOURS])], ids=["light", "dark"])
def test_accessible(visit, scheme, rules):
    """Every page with its figures and all that opens on it, in one visit."""
    page, found = visit(scheme=scheme), []
    for title in PAGES:
        turn_to(page, title)
        fill(page, title)
        picture(page, f"{title.lower()}-{scheme}")
        found += [f"{title}: {violation}" for violation in violations(page, *rules) + opened(page, *rules)]
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
