"""The papers' page in a real Chromium: an experiment performed while its curves grow, presented by the keyboard, and
free of faults of access."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import (
    COLOURS,
    LONG,
    button,
    darken,
    enter,
    key,
    picture,
    settle,
    shows,
    violations,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages"), pytest.mark.timeout(400)]


def pictures(page: Page) -> int:
    """How many pictures the first figure's motion has had."""
    return int(page.locator(".ravine-plot").first.get_attribute("data-pictures") or 0)


def test_performed_presented_and_left(visit):
    page = visit("papers")
    button(page, "papers:open-Drift").click()
    expect(page.get_by_role("heading", name="Along a valley of minima")).to_be_visible()
    shows(page, "Reference: performed")
    settle(page)
    button(page, "train").click()
    expect(page.get_by_text("Reference: performed")).to_have_count(0, timeout=LONG)
    # the reference has no pending row either, and its curves grow too: the experiment's own come after these
    expect(page.locator("tr.pending")).not_to_have_count(0, timeout=LONG)
    expect(page.locator("tr.pending")).to_have_count(0, timeout=LONG)
    page.wait_for_function("() => document.querySelector('.ravine-plot').dataset.step == 5000")
    assert pictures(page) > 3, "the curves grow, they do not just appear"
    assert page.locator("tr.fails, tr.pending").count() == 0
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=LONG)
    settle(page)
    picture(page, "experiment-light")
    found = violations(page)
    before = page.evaluate("() => document.querySelector('.ravine-plot').data[0].x.length")
    page.locator(".ravine-plot").first.hover()
    page.locator("[data-title='Play again']").first.click()
    page.wait_for_function(f"() => document.querySelector('.ravine-plot').data[0].x.length < {before}")

    button(page, "papers:present").click()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    settle(page)
    picture(page, "present-claim")
    page.keyboard.press("ArrowRight")
    shows(page, "2 of")
    settle(page)
    picture(page, "present-figure")
    page.keyboard.press("ArrowLeft")
    shows(page, "1 of")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    with page.expect_download() as download:
        button(page, "papers:handout").click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")

    darken(page)
    picture(page, "experiment-dark")
    found += violations(page, COLOURS)
    assert not found, "\n".join(found)


def test_a_slide_that_is_left_while_its_curves_grow(visit):
    """Two experiments' figures in one place: finds the first, whose growth goes on, in the middle of the second."""
    page = visit("papers?lesson=five-questions-in-45-minutes&slide=13")
    drawn = "() => JSON.stringify(document.querySelector('.ravine-plot').data.map(trace => [trace.x, trace.y]))"
    shows(page, "13 of")
    settle(page)
    page.wait_for_function("() => document.querySelector('.ravine-plot')?.data")  # Plotly is there
    alone = page.evaluate(drawn)
    page.keyboard.press("ArrowLeft")
    shows(page, "12 of")
    settle(page)
    page.locator(".ravine-plot").first.hover()
    page.locator("[data-title='Play again']").first.click()
    page.keyboard.press("ArrowRight")
    shows(page, "13 of")
    page.wait_for_timeout(5000)  # longer than it plays
    assert page.evaluate(drawn) == alone


def test_back_to_what_is_at_work(visit):
    """A setting changed while an experiment is at work: from what the page then says there is a way back to it, its
    settings with it."""
    page = visit("papers")
    button(page, "papers:open-NormRatio").click()
    settle(page)
    enter(page, "papers.NormRatio.rho", "0.4")
    button(page, "train").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    enter(page, "papers.NormRatio.rho", "0.3")
    button(page, "behind-show").click()
    expect(key(page, "papers.NormRatio.rho").locator("input")).to_have_value(re.compile("^0.40*$"))
    button(page, "cancel").click()
    shows(page, "Cancelled.")
