"""How pages look and how one goes through them: words that fit from a phone to a large screen, plots that follow their
container and keep their view, the browser's history, the keyboard, and every page's figures taken away."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import key, picture, settle, shows, turn_to

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(400)]
PAGES = ["Train", "Papers", "Landscape", "Spectrum", "Alignment", "Robustness", "Encyclopedia", "Runs"]
BEYOND = """() => {
  const side = document.querySelector('[data-testid=stSidebar]').getBoundingClientRect();
  const out = e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.rows, [data-testid=stDataFrame]');
  const found = [...document.querySelectorAll('[data-testid=stMain] :is(h1, button, dl, p, .ravine-plot, svg)')];
  return [side.right > 0 ? 'the sidebar' : '', ...found.filter(out).map(e => e.outerHTML.slice(0, 90))].filter(Boolean);
}"""
"""What of a phone's page lies beyond its right edge, and whether the closed sidebar covers its left."""
DRAWN = "() => [...document.querySelectorAll('.ravine-plot')].every(p => p._fullLayout?.width === p.clientWidth)"
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
RIM = """plot => new Promise(done => {
  const canvas = plot.querySelector('.gl-container canvas'), box = canvas.getBoundingClientRect();
  const scene = plot._fullLayout.scene._scene.glplot;
  scene.onrender = () => {
    const gl = scene.gl, width = gl.drawingBufferWidth, height = gl.drawingBufferHeight;
    const edge = new Uint8Array(4 * 3 * height);
    let ink = 0;
    for (const x of [0, width - 3]) {
      gl.readPixels(x, 0, 3, height, gl.RGBA, gl.UNSIGNED_BYTE, edge);
      for (let i = 3; i < edge.length; i += 4) ink += edge[i] > 0;
    }
    scene.onrender = null;
    done(ink);
  };
  scene.setDirty ? scene.setDirty() : plot._fullLayout.scene._scene.glplot.redraw();
})"""
"""How many points are drawn along the left and the right edge of a scene: names that are cut off there, or ground."""


def left(page: Page, what: str) -> list[str]:
    """What a script still finds after some seconds, in which plots are drawn anew."""
    found = page.evaluate(what)
    for _ in range(20):
        if not found:
            break
        page.wait_for_timeout(250)
        found = page.evaluate(what)
    return found


def sized(page: Page, width: int, height: int = 900) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(500)  # what hears of it, and draws anew
    settle(page)


def test_words_fit_and_plots_follow(visit):
    page, found = visit(), []
    warned: list[str] = []
    page.on("console", lambda message: warned.append(message.text) if "Infinite extent" in message.text else None)
    for title in PAGES:
        turn_to(page, title)
        sized(page, 390, 844)
        found += [f"{title}: {what}" for what in left(page, BEYOND)]
        picture(page, f"phone-{title.lower()}")
        sized(page, 1440)
    assert not found, "\n".join(found)
    assert not warned

    turn_to(page, "Landscape")
    plots = page.locator(".ravine-plot")
    expect(plots).to_have_count(2)
    page.wait_for_function("() => document.querySelector('.ravine-plot .gl-container canvas')")
    for width in (1000, 1280, 1440):
        sized(page, width)
        page.wait_for_function(DRAWN)
        picture(page, f"landscape-{width}")
        assert [plots.nth(nth).evaluate(CUT) for nth in (0, 1)] == [[], []], width
        assert plots.nth(1).evaluate(RIM) == 0, width
    camera = "plot => plot._fullLayout.scene._scene.getCamera().eye.x.toFixed(3)"
    before, box = plots.nth(1).evaluate(camera), plots.nth(1).bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 250)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 270, steps=5)
    page.mouse.up()
    turned = plots.nth(1).evaluate(camera)
    assert turned != before
    key(page, "surface:quantity").get_by_role("radio", name="Accuracy").click()
    shows(page, "Accuracy on all")
    settle(page)
    assert plots.nth(1).evaluate(camera) == turned

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
