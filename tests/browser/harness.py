"""What the journeys share: a server of the app with a store of its own, and what is asked of a page in the browser."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from benchmarks.serving import free_port
from tests.drive import alone

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "test-results"
SOON = 30_000
"""Milliseconds for an answer of the server; much more than any takes, for a busy machine."""
LONG = 90_000
"""Milliseconds for a small run or surface."""
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
STILL = """() => document.getAnimations().every(
    (a) => a.playState !== "running" || a.effect.getComputedTiming().iterations === Infinity)"""
"""Whether the transitions of widgets have ended; what turns for ever is not waited for."""
COLOURS = "color-contrast"
"""axe's rule of colours, which alone a dark page has otherwise."""


PAGES = [
    "Train",
    "Papers",
    "Landscape",
    "Spectrum",
    "Alignment",
    "Robustness",
    "Runs",
    "Encyclopedia",
    "Figure",
    "Tour",
]
"""The menu's words."""


@dataclass
class Server:
    """`streamlit run app.py` on a port and a store of its own; it can be killed and started again."""

    store: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        self.log = (self.store.parent / "server.log").open("ab")
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.headless=true",
            f"--server.port={self.port}",
        ]
        environment = alone() | {"RAVINE_STORE": str(self.store)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        self._wait(60)

    def kill(self) -> None:
        """kill -9, as a crash or a full memory would do it."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.log:
            self.log.close()

    def said(self) -> str:
        return (self.store.parent / "server.log").read_text(errors="replace")

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process and self.process.poll() is None, f"the server ended:\n{self.said()}"
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the server did not answer within {seconds} s:\n{self.said()}")


def watch(page: Page, faults: list[str]) -> None:
    """Collects console errors, uncaught exceptions, and requests that leave the server's host."""

    def request(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname != "localhost":
            faults.append(f"request to another host: {url[:200]}")

    page.on(
        "console",
        lambda message: (
            faults.append(f"console: {message.text[:500]} {message.location['url']}")
            if message.type == "error"
            else None
        ),
    )
    page.on("pageerror", lambda error: faults.append(f"exception: {error.message[:500]}"))
    page.on("request", lambda r: request(r.url))
    page.on("websocket", lambda w: request(w.url))


def settle(page: Page) -> None:
    """Waits until the script has run and what it placed is drawn; a page that shows a traceback fails at once."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_selector('[data-testid="stSkeleton"]', state="detached")
    page.wait_for_timeout(100)  # the charts, which follow in the next frames
    page.wait_for_function(STILL)
    broken = page.locator('[data-testid="stException"]')
    assert broken.count() == 0, broken.first.inner_text()


def darken(page: Page) -> None:
    """The system turns dark while the page is open; it is run again, for the server draws its figures."""
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor.match(/\\d+/)[0] < 100"
    )
    page.keyboard.press("r")
    settle(page)


def violations(page: Page, *rules: str, within: str = "") -> list[str]:
    """What axe finds wrong with the page as it is now, or `within` a part: the rule, and where; by all rules, or by
    these."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(
        "([within, o]) => axe.run(within || document, o)",
        [within, {"resultTypes": ["violations"]} | ({"runOnly": [*rules]} if rules else {})],
    )
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: {n['target']} {n['html'][:160]} {_reason(n)}"
        for v in found["violations"]
        for n in v["nodes"]
    ]


def _reason(node: dict) -> str:
    return re.sub(r"\s+", " ", node.get("failureSummary") or "")[:300]


def picture(page: Page, name: str) -> None:
    """Keeps a screenshot in test-results/."""
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / f"{name}.png")


def key(page: Page, name: str):
    """A widget by its key, as Streamlit writes it into the class."""
    return page.locator(f".st-key-{re.sub(r'[^a-zA-Z0-9_-]', '-', name)}")


def button(page: Page, name: str):
    return key(page, name).get_by_role("button").first


def enter(page: Page, name: str, value: str) -> None:
    """Types a number into a field."""
    box = key(page, name).locator("input")
    box.fill(value)
    box.press("Enter")
    settle(page)


def shows(page: Page, text: str | re.Pattern[str], timeout: int = SOON) -> None:
    expect(page.get_by_test_id("stMain")).to_contain_text(text, timeout=timeout)


def turn_to(page: Page, title: str) -> None:
    """Another page, by the menu at the top."""
    page.get_by_test_id("stTopNavLink").filter(has_text=title).click()
    settle(page)


def step(page: Page) -> int:
    said = re.search(r"step ([\d,]+) of", page.get_by_test_id("stMain").inner_text())
    assert said
    return int(said[1].replace(",", ""))


def saved(page: Page, at: str, form: str) -> bytes:
    """The file of a page's export menu."""
    page.get_by_role("button", name="Export").click()
    with page.expect_download(timeout=SOON) as download:
        button(page, f"{at}:{form}").click()
    page.keyboard.press("Escape")
    return Path(download.value.path()).read_bytes()
