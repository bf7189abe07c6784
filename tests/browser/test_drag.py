"""What is dragged answers in the browser: a toy's path, and a prediction."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import expect

from engine.encyclopedia.quadratic import Trial
from engine.experiments import EXPERIMENTS
from engine.problems import Product
from engine.rules import SAM, USAM
from engine.spec import flatten, knobs
from engine.training.runs import RunSpec
from pages.ui import sliders
from tests.browser.harness import LONG, button, key, settle, shows, turn_to
from tests.drive import final

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("runs"), pytest.mark.timeout(400)]
TOY = RunSpec(Product((1.0, 2.0)), SAM(0.1), lr=0.01, batch=0, steps=200)
ENDS = """() => {
  const dashed = [...document.querySelectorAll('.preview path[stroke-dasharray]')];
  return [...document.querySelectorAll('.ravine-plot')].map(plot => plot._fullLayout).filter(drawn => drawn.xaxis)
    .map(({ xaxis, yaxis }, nth) => {
      const [x, y] = dashed[nth].getAttribute('d').split(/[ML]/).at(-1).split(' ').map(Number);
      return [xaxis.p2d(x), yaxis.p2d(y)];
    });
}"""
"""Where the dashed paths on the maps end, in the maps' coordinates."""
BESIDE = """() => {
  const chart = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].at(-1);
  const drawn = [...chart.querySelectorAll('.mark-line path')]
    .map(line => line.getPointAtLength(0).matrixTransform(line.getScreenCTM()));
  const first = [...document.querySelectorAll('.preview > svg')].at(-1);
  const [x, y] = first.querySelector('path').getAttribute('d').match(/[-\\d.]+/g).map(Number);
  const left = x + Number(first.getAttribute('x')), top = y + Number(first.getAttribute('y'));
  return Math.min(...drawn.map(point => Math.hypot(point.x - left, point.y - top)));
}"""
"""Pixels from where the last dashed line of the last chart begins to where one of the chart's own lines does."""


def test_a_toys_path_follows_its_slider(visit):
    """Finds a path of other settings than the slider's, one at another place of the map, and one that stays when the
    run that is shown is that of the settings."""
    page = visit(f"?{urlencode(flatten(TOY))}")
    button(page, "train").click()
    expect(page.locator(".ravine-plot .main-svg").first).to_be_visible(timeout=LONG)
    settle(page)
    dashed, slider = page.locator(".preview path"), key(page, "train.lr:slider").locator("input[type=range]")
    expect(dashed).to_have_count(0)
    slider.press("ArrowRight")
    expect(dashed.first).to_be_attached()
    settle(page)
    stops = sliders.stops(knobs(RunSpec)["lr"].low, knobs(RunSpec)["lr"].high)
    further = replace(TOY, lr=stops[stops.index(TOY.lr) + 1])
    np.testing.assert_allclose(page.evaluate(ENDS)[0], final(further).theta.numpy(), atol=0.02)
    slider.press("ArrowLeft")
    expect(dashed).to_have_count(0)


def test_the_encyclopedias_runs_follow_its_slider(visit):
    """Finds a path on another rule's map, of another rate or radius, and one that stays when the page has answered; and
    a path that has faded, on which a step of the charts is not marked."""
    page = visit("encyclopedia?rule=SAM&other=USAM&rho=0.05")
    expect(page.locator(".ravine-plot .main-svg").nth(3)).to_be_visible()
    page.locator(".stVegaLiteChart").first.hover()
    expect(page.locator(".crosshair .spot")).to_have_count(1)  # the other has left its map by then
    dashed, slider = page.locator(".preview path"), key(page, "encyclopedia.eta").locator("input[type=range]")
    thumb, track = slider.bounding_box(), key(page, "encyclopedia.eta").bounding_box()
    assert thumb and track
    page.mouse.move(track["x"] + 0.5 * track["width"], thumb["y"] + thumb["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + 0.2 * track["width"], thumb["y"] + thumb["height"] / 2, steps=4)
    expect(dashed).to_have_count(8)  # a path and its rim on each map, and both rules on two charts
    dragged = Trial(float(slider.input_value()), 0.05)
    assert dragged.eta < 0.5
    expected = [final(dragged.spec(rule)).theta.numpy() for rule in (SAM(), USAM())]
    np.testing.assert_allclose(page.evaluate(ENDS), expected, atol=0.02)
    assert page.evaluate(BESIDE) < 1, "where runs end by their rate is the same at every rate"
    page.mouse.up()
    expect(dashed).to_have_count(0)
    assert f"eta={dragged.eta:g}" in page.url


def test_a_prediction_is_dragged_and_kept(visit):
    """Finds a line that does not follow the pointer or the keys, and a value that the server does not hear of."""
    page = visit()
    turn_to(page, "Papers")
    button(page, "papers:open-Stability").click()
    settle(page)
    key(page, "papers:predict").locator("label").first.click()
    line = page.locator(".predict")
    box = line.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 50, steps=4)
    page.mouse.up()
    settle(page)
    question = EXPERIMENTS["Stability"].question
    dragged = float(line.evaluate("line => line.ariaValueNow"))
    assert abs(dragged - question.low - 0.7 * (question.high - question.low)) < 0.05 * question.high
    line.press("ArrowRight")
    settle(page)
    value = float(line.evaluate("line => line.ariaValueNow"))
    assert value == pytest.approx(dragged + (question.high - question.low) / 100)
    page.get_by_role("button", name="Reveal").click()
    shows(page, "You said")
    shows(page, f"{value:.4g}")
    expect(page.locator(".predict text.measured")).to_be_visible()
