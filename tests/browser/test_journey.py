"""A person's way through the app in a real Chromium: train, pause, leave, come back, look at the ground, take a
figure away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from engine.spec import digest
from engine.training.runs import RunSpec
from tests.browser.harness import LONG, button, enter, saved, settle, shows, step, turn_to

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("runs"), pytest.mark.timeout(400)]


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
