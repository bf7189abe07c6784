"""How pages look and how one goes through them: words that fit from a phone to a large screen, plots that follow their
container and keep their view, the browser's history, the keyboard, and every page's figures taken away."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from playwright.sync_api import Locator, Page, expect

from tests.browser.harness import button, enter, key, picture, saved, settle, shows, turn_to

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("runs"), pytest.mark.timeout(400)]
FORMS = (
    ("Train", "train", "pdf"),
    ("Papers", "papers", "svg"),
    ("Landscape", "surface", "png"),
    ("Robustness", "sweep", "csv"),
    ("Encyclopedia", "encyclopedia", "pdf"),
    ("Runs", "runs", "svg"),
)
"""Of each page that has a figure at once, what its menu's keys begin with, and a form to take one away in."""
BEGINS = {"pdf": b"%PDF-", "svg": b"<?xml", "png": b"\x89PNG", "csv": b"# "}
STILL = 6
"""Looks at a landscape, half a second apart, after which one that stands still is no longer being turned."""
DRAWN = """() => [...document.querySelectorAll('.ravine-plot')].every(
  plot => Math.abs(plot._fullLayout?.width - plot.clientWidth) <= 1)"""
"""Whether all plots are as wide as their places."""
CUT = """plot => {
  const box = plot.getBoundingClientRect(), words = [...plot.querySelectorAll('text')].filter(t => t.textContent);
  const rects = words.map(t => t.getBoundingClientRect());
  const out = r => r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1;
  const over = (a, b) => a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  return words.filter((_, i) => out(rects[i]) || rects.some((r, j) => j !== i && over(r, rects[i])))
    .map(t => t.textContent);
}"""
"""The words of a plot that reach beyond it, or over others."""
SCENE = """plot => {
  const box = plot.getBoundingClientRect(), { l, t, w, h } = plot._fullLayout._size;
  return { x: box.x + l, y: box.y + t, width: w, height: h };
}"""
"""Where a plot's scene is on the page."""
TURN = """x => {
  const plot = [...document.querySelectorAll('.ravine-plot')].find(p => p._fullLayout?.scene);
  return Plotly.relayout(plot, { 'scene.camera.eye.x': x });
}"""
"""Turns the landscape, as a hand would."""
INK = """colour => [...document.querySelectorAll('.ravine-plot')].every(
  plot => plot._fullLayout?.font.color === colour)"""
"""Whether the words of all plots have a colour."""
FLUSH = """() => {
  const plot = document.querySelector('.ravine-plot'), { range } = plot._fullLayout.xaxis, side = plot._fullData[0].x;
  return plot.data.length > 4 && [side.at(0), side.at(-1)].every((end, i) => Math.abs(end - range[i]) < 1e-3);
}"""
"""Whether a map of several paths ends where its axes do."""
MARK = "plot => { window.scene = plot.querySelector('.gl-container canvas'); }"
SAME = "() => document.querySelector('.ravine-plot[data-drawn] .gl-container canvas') === window.scene"
"""Whether a landscape is drawn in the scene that was marked."""


def cut_off(page: Page, plot: Locator) -> bool:
    """Whether anything of a scene, such as an axis's name, reaches its left or right edge."""
    pixels = imread(io.BytesIO(page.screenshot(clip=plot.evaluate(SCENE))))
    return any(len(np.unique(rim.reshape(-1, rim.shape[-1]), axis=0)) > 1 for rim in (pixels[:, 2:4], pixels[:, -4:-2]))


def sized(page: Page, width: int, height: int = 900) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(500)  # what hears of it, and draws anew
    settle(page)


def test_plots_follow_their_container_and_keep_their_view(visit):
    """The landscape's scene is the one that another page has made ready, and is kept when its page is left."""
    page = visit("runs")
    page.wait_for_function("() => window.ravineSolid")
    page.evaluate(f"() => ({MARK})(window.ravineSolid)")
    turn_to(page, "Landscape")
    plots = page.locator(".ravine-plot")
    expect(plots).to_have_count(2)
    page.wait_for_function(SAME)
    for width in (1000, 1280, 1440, 1920):
        sized(page, width)
        page.wait_for_function(DRAWN)
        picture(page, f"landscape-{width}")
        assert [plots.nth(nth).evaluate(CUT) for nth in (0, 1)] == [[], []], width
        assert not cut_off(page, plots.nth(1)), width
    camera = "plot => plot._fullLayout.scene._scene.getCamera().eye.x.toFixed(3)"
    before, box = plots.nth(1).evaluate(camera), plots.nth(1).bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 250)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 270, steps=5)
    page.mouse.up()
    looks = [before]
    while before in looks or len(looks) < STILL or len({*looks[-STILL:]}) > 1:  # a busy machine turns it bit by bit
        looks = [*looks[1 - STILL :], plots.nth(1).evaluate(camera)]
        page.wait_for_timeout(500)
    key(page, "surface:quantity").get_by_role("radio", name="Accuracy").click()
    shows(page, "Accuracy on all")
    settle(page)
    assert plots.nth(1).evaluate(camera) == looks[-1]
    assert page.evaluate(SAME), "another quantity is another picture in the same scene"
    turn_to(page, "Runs")
    expect(plots).to_have_count(0)
    turn_to(page, "Landscape")
    page.wait_for_function(SAME)
    assert plots.nth(1).evaluate(camera) == looks[-1]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(INK, arg="#F2F4F8")

    turn_to(page, "Encyclopedia")
    key(page, "encyclopedia:other").locator("input").fill("USAM")
    page.keyboard.press("Enter")
    expect(plots).to_have_count(2)
    for width in ("", "260px"):  # a container that changes without the window
        page.evaluate(
            "w => document.querySelectorAll('.ravine-plot').forEach(p => p.parentElement.style.width = w)", width
        )
        page.wait_for_function(DRAWN)
        sides = [plots.nth(nth).evaluate("plot => plot._fullLayout.xaxis._length") for nth in (0, 1)]
        assert sides[0] == pytest.approx(sides[1], abs=1)


def test_a_figure_and_a_link_are_copied_and_a_landscape_leaves_as_it_is_turned(visit):
    """Where the browser lets a page copy; where it does not, a line says what to do. The map that comes next has axes
    of its own."""
    page = visit("landscape")
    expect(page.locator(".ravine-plot .gl-container canvas").first).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Export").click()
    told, turned = page.locator(".copies output").last, key(page, "surface:turned").locator("output")
    page.get_by_role("button", name="Copy picture").click()
    expect(told).to_have_text("Picture copied")
    kinds = "async () => (await navigator.clipboard.read()).flatMap(item => item.types)"
    assert page.evaluate(kinds) == ["image/png"]
    page.get_by_role("button", name="Copy link").click()
    expect(told).to_have_text("Link copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == page.url
    files = []
    for x in (1.5, -1.5):
        page.evaluate(TURN, x)
        with page.expect_download() as download:
            page.get_by_role("button", name="SVG as turned").click()
        files.append(Path(download.value.path()).read_bytes())
    assert all(file.startswith(BEGINS["svg"]) for file in files) and files[0] != files[1]
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    for name, instead in (("Copy picture", "download the PNG"), ("Copy link", page.url)):
        page.get_by_role("button", name=name).click()
        expect(told).to_contain_text("lets no page copy")
        expect(told).to_contain_text(instead)
    expect(turned).to_have_text("")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="SGD, SAM, SSAM and AdamW").click()
    page.wait_for_function(FLUSH)
    page.wait_for_timeout(1500)  # a wrong one is drawn last
    assert page.evaluate(FLUSH)


def test_ways_through_the_pages(visit):
    """Each page is one step back, an experiment leads back to the cards, a key held down moves a slider as often as it
    is heard, what is typed last is trained, and every page's figure is taken away."""
    page = visit()
    begun = page.evaluate("() => history.length")
    turn_to(page, "Landscape")
    turn_to(page, "Papers")
    button(page, "papers:open-Drift").click()
    shows(page, "l(z) = ")
    enter(page, "papers.Drift.rho", "0.2")
    assert page.evaluate("() => history.length") == begun + 3
    for heading in ("Why does SAM work?", "What does the ground look like?", "Same loss, half the curvature"):
        page.go_back()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        settle(page)

    turn_to(page, "Encyclopedia")
    slider = page.get_by_role("slider").first
    slider.focus()
    before = float(slider.input_value())
    for _ in range(25):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(40)
    settle(page)
    page.wait_for_timeout(500)
    assert float(slider.input_value()) == pytest.approx(before + 0.25)

    for title, at, form in FORMS:
        turn_to(page, title)
        if title == "Papers":
            button(page, "papers:open-Drift").click()
            settle(page)
        if title == "Runs":
            page.get_by_test_id("stDataFrame").click(position={"x": 17, "y": 50})
            settle(page)
            page.get_by_test_id("stDataFrame").hover(position={"x": 600, "y": 50})  # its toolbar covers no menu
        assert saved(page, at, form).startswith(BEGINS[form]), title

    turn_to(page, "Train")
    key(page, "train.lr").locator("input").fill("-1")
    button(page, "train").click()
    expect(page.get_by_test_id("stSidebar").get_by_text("lr: expected")).to_be_visible()
    expect(button(page, "train")).to_be_disabled()
