"""How soon pages answer, in a real Chromium on a warm server, medians of five (`--repeats`).

`page.paint_s`, the first contentful paint in a fresh browser, at most 0.8; `page.first_chart_s` at most 2;
`page.switch_s`, the slowest of the pages, Landscape among them, from one that has been looked at for two seconds, at
most 0.5; `page.draw_s`, from Draw to the first picture on the slowest plane, at most 1; `page.export_s`, a PDF, at
most 1; `page.handout_s` at most 2; `page.remounts` of a chart while a run trains, 0. `page.over_plain`: paint, first
chart and switch beside those of a page of plain Streamlit with one chart, in turn with them, the worst of the three; at
most 1.5. `page.drag_ms`, from a move of a toy's slider to the path that it would take, at most 100.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import divided, report
from benchmarks.serving import serving
from engine.analyses.planes import PLANES
from engine.analyses.surface import SurfaceSpec
from engine.problems import Product
from engine.spec import digest, flatten
from engine.training.runs import RunSpec

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-gpu-compositing"]
"""WebGL without a graphics card, and nothing else drawn by it."""
LOOK = 2000
"""Milliseconds that a page is looked at before anything else is asked of it."""
CHROMIUM = "chromium", "chromium-browser", "google-chrome"
CHART = ".stVegaLiteChart svg.marks, .stVegaLiteChart canvas, .ravine-plot .main-svg"
SWITCHES = {
    "Landscape": ("What does the ground look like?", ".ravine-plot[data-drawn] .gl-container canvas"),
    "Spectrum": ("How curved is it?", ".stVegaLiteChart svg.marks"),
    "Alignment": ("Does the gradient follow the sharpest direction?", ".stVegaLiteChart svg.marks"),
    "Encyclopedia": ("Which rule is which?", CHART),
}
"""Of each page, its heading and what is there once its picture is."""
WATCH = f"""() => {{
  const look = () => {{
    if (document.querySelector("{CHART}")) window.charted = performance.now();
    else requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}}"""
SWITCH = """([title, heading, drawn]) => new Promise((done, failed) => {
  const begun = performance.now();
  const links = [...document.querySelectorAll('[data-testid=stTopNavLink]')];
  links.find(link => link.innerText.trim() === title).click();
  const look = () => {
    const there = document.querySelector('h1')?.innerText.trim() === heading && document.querySelector(drawn);
    if (there) done((performance.now() - begun) / 1000);
    else if (performance.now() - begun > 60000) failed(new Error(`${title} did not come`));
    else requestAnimationFrame(look);
  };
  look();
})"""
DRAG = """place => new Promise((done, failed) => {
  const slider = document.querySelector(`.st-key-${place} input[type=range]`);
  const drawn = () => document.querySelector('.preview path')?.getAttribute('d') ?? '', before = drawn();
  const begun = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(slider, +slider.value + 1);
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  slider.dispatchEvent(new Event('change', { bubbles: true }));
  const look = () => {
    if (drawn() !== before) done(performance.now() - begun);
    else if (performance.now() - begun > 10000) failed(new Error('the path did not follow the slider'));
    else requestAnimationFrame(look);
  };
  look();
})"""
"""As React hears it of its own slider."""
OTHER = "before => { const p = document.querySelector('.ravine-plot'); return p?._fullLayout && p.keep !== before; }"
"""Whether a plot is drawn that shows another record."""
MARK = f"() => {{ window.live = [...document.querySelectorAll('{CHART}')]; return window.live.length; }}"
GONE = "() => window.live.filter(chart => !chart.isConnected).length"


def fresh(browser: Browser, url: str) -> tuple[Page, float, float]:
    """A page in a browser that has seen nothing yet, its first contentful paint and its first chart, in seconds."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(f"({WATCH})()")
    page.goto(url)
    page.wait_for_function("() => window.charted")
    paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    return page, paint, page.evaluate("() => window.charted / 1000")


def settled(page: Page) -> None:
    """Until the script has run, the charts have followed, and somebody has had a look at them."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(LOOK)


def switch(page: Page, title: str, heading: str, drawn: str) -> float:
    """Seconds from a click in the menu to the other page's picture."""
    spent = page.evaluate(SWITCH, [title, heading, drawn])
    settled(page)
    return spent


def drawn(browser: Browser, url: str, plane: str, nth: int) -> float:
    """Seconds from pressing Draw to the first picture on a plane, which nobody has drawn before."""
    spec = SurfaceSpec(plane=PLANES[plane](), span=1 + nth / 100)
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{url}/landscape?{urlencode({'run': digest(RunSpec()), **flatten(spec)})}")
    page.wait_for_selector(".ravine-plot .gl-container canvas")
    settled(page)
    before = page.evaluate("() => document.querySelector('.ravine-plot')?.keep ?? ''")
    begun = time.perf_counter()
    page.locator(".st-key-compute button").click()
    page.wait_for_function(OTHER, arg=before)
    spent = time.perf_counter() - begun
    page.wait_for_selector('[data-testid="stProgress"]', state="detached")
    page.context.close()
    return spent


def downloaded(page: Page, press: Callable[[], None]) -> float:
    """Seconds from pressing a button to its file."""
    begun = time.perf_counter()
    with page.expect_download() as download:
        press()
    download.value.path()
    return time.perf_counter() - begun


def export(page: Page) -> float:
    """Seconds to a PDF of the landscape that the page shows."""
    page.get_by_role("button", name="Export").click()
    spent = downloaded(page, page.locator(".st-key-surface-pdf button").click)
    page.keyboard.press("Escape")
    return spent


def remounts(browser: Browser, url: str, seed: int) -> int:
    """Charts that were put up anew while a run trained."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{url}/?{urlencode(flatten(RunSpec(seed=seed, steps=2000)))}")
    settled(page)
    page.locator(".st-key-train button").click()
    page.wait_for_selector(".st-key-pause button")
    page.wait_for_timeout(1500)
    if not page.evaluate(MARK):
        raise SystemExit("page: no chart was there while the run trained")
    page.wait_for_selector(".st-key-pause button", state="detached")
    settled(page)
    gone = int(page.evaluate(GONE))
    page.context.close()
    return gone


def beside_plain(browser: Browser, url: str, plain: str) -> tuple[list[float], list[float], float]:
    """(paint, first chart, slowest switch) of Ravine and (paint, first chart, switch) of the plain page, and seconds
    of an export."""
    page, *ours = fresh(browser, url)
    settled(page)
    times = {title: switch(page, title, *there) for title, there in SWITCHES.items()}
    switch(page, "Landscape", *SWITCHES["Landscape"])
    spent = export(page)
    page.context.close()
    page, *theirs = fresh(browser, plain)
    settled(page)
    theirs.append(switch(page, "Other", "Other", CHART))
    page.context.close()
    return [*ours, max(times.values())], theirs, spent


def drags(browser: Browser, url: str, count: int) -> list[float]:
    """Milliseconds from each move of the learning rate's slider to the path of a toy's run with it."""
    spec = RunSpec(Product(), lr=0.001, batch=0)
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{url}/?{urlencode(flatten(spec))}")
    settled(page)
    page.locator(".st-key-train button").click()
    page.wait_for_selector(".ravine-plot .main-svg")
    settled(page)
    spent = []
    for _ in range(count):
        spent.append(float(page.evaluate(DRAG, "train-lr-slider")))
        settled(page)
    page.context.close()
    return spent


def handed(browser: Browser, url: str) -> float:
    """Seconds to the handout of a paper."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{url}/papers?experiment=Drift")
    settled(page)
    spent = downloaded(page, page.locator(".st-key-papers-handout button").first.click)
    page.context.close()
    return spent


def figures(browser: Browser, url: str, plain: str, repeats: int) -> None:
    """All of it, after a visit that warms both servers."""
    beside_plain(browser, url, plain)
    rows = [beside_plain(browser, url, plain) for _ in range(repeats)]
    ratios = []
    for nth, name in enumerate(("paint_s", "first_chart_s", "switch_s")):
        ours, theirs = [row[0][nth] for row in rows], [row[1][nth] for row in rows]
        report(f"page.{name}", ours, f"plain Streamlit {statistics.median(theirs):.3g}")
        ratios.append(report(f"page.over_plain.{name.removesuffix('_s')}", divided(ours, theirs)))
    print(f"ratio page.over_plain {max(ratios):.4g}")
    planes = [name for name in PLANES if name != "Coordinates"]  # which only toys have
    waits = {name: [drawn(browser, url, name, nth) for nth in range(repeats)] for name in planes}
    slowest = max(waits, key=lambda name: statistics.median(waits[name]))
    report("page.draw_s", waits[slowest], f"{slowest}, the slowest of {', '.join(planes)}")
    report("page.drag_ms", drags(browser, url, repeats), "Product, SAM, 1,000 steps")
    report("page.export_s", [row[2] for row in rows])
    report("page.handout_s", [handed(browser, url) for _ in range(repeats)])
    report("page.remounts", [remounts(browser, url, 1000 + nth) for nth in range(repeats)])


def main() -> None:
    """Two servers and a browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)  # else the one that Playwright has installed
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(folder) as port,
        serving(folder, app="benchmarks/plain.py") as other,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        figures(browser, f"http://localhost:{port}", f"http://localhost:{other}", repeats)
        browser.close()


if __name__ == "__main__":
    main()
