"""A map of runs in a real Chromium: it fills in, a click opens a cell's run, a dragged box is trained anew, and who
comes back finds it again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.harness import LONG, button, enter, key, settle, shows, turn_to

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("runs"), pytest.mark.timeout(400)]
PLOT = ".ravine-plot .main-svg"


def test_a_map(visit):
    page = visit("robustness")
    expect(page.locator(".ravine-plot")).to_have_count(4, timeout=LONG)
    enter(page, "sweep:level", "0.5")
    page.wait_for_url(re.compile("level=0.5"))
    for name, value in (("x.Axis.points", "3"), ("y.Axis.points", "3"), ("seeds", "1")):
        enter(page, f"sweep.{name}", value)
    train = button(page, "compute")
    expect(train).to_have_text("Train 30 runs")
    train.click()
    shows(page, "each cell one run, one seed", LONG)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=LONG)
    settle(page)

    third = page.locator(PLOT).nth(6).bounding_box()  # each panel has three such layers
    assert third
    page.mouse.click(third["x"] + third["width"] * 0.5, third["y"] + third["height"] * 0.5)
    shows(page, "Train seed 0 by itself and open it")

    across, up = (third["x"] + third["width"] * 0.35, third["y"] + third["height"] * 0.35)
    page.mouse.move(across, up)
    page.mouse.down()
    page.mouse.move(third["x"] + third["width"] * 0.75, third["y"] + third["height"] * 0.7, steps=4)
    page.mouse.up()
    ticks = page.locator(".ravine-plot").nth(2).locator(".xtick text")
    expect(ticks.first).to_have_text(re.compile(r"^[\d.,]+$"))
    assert ticks.count() > 1 and all(re.fullmatch(r"[\d.,]+", text) for text in ticks.all_text_contents())
    before = key(page, "sweep.x.Axis.high").locator("input").input_value()
    button(page, "enter").click()
    shows(page, "Back to the wider map", LONG)
    expect(key(page, "sweep.x.Axis.high").locator("input")).not_to_have_value(before)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=LONG)
    inside = key(page, "sweep.x.Axis.high").locator("input").input_value()
    turn_to(page, "Train")
    turn_to(page, "Robustness")
    expect(key(page, "sweep.x.Axis.high").locator("input")).to_have_value(inside)
    shows(page, re.compile("each cell one run"), LONG)
