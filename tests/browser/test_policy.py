"""The proxy's policy for browsers, in a real one: under the headers that strangers get, every page draws."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.harness import SOON, Server, settle, turn_to, watch

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages")]
ROOT = Path(__file__).resolve().parents[2]
HEADERS = dict(
    re.findall(r'add_header ([\w-]+) "?([^";]+(?:; [^"]+)?)"? always;', (ROOT / "deploy/nginx.conf").read_text())
)
DRAWN = {
    "Train": "[data-testid='stVegaLiteChart'] svg .mark-line",
    "Papers": ".card",
    "Landscape": ".ravine-plot .gl-container canvas",
    "Spectrum": "[data-testid='stMain']",
    "Alignment": "[data-testid='stMain']",
    "Encyclopedia": "[data-testid='stVegaLiteChart'] svg .mark-line",
    "Runs": "[data-testid='stDataFrame'] canvas",
}
"""Of each page, what is there only once its scripts have run."""


@pytest.fixture
def faults() -> list[str]:
    """What the browser complains of."""
    return []


@pytest.fixture
def page(browser: Browser, faults: list[str]) -> Iterator[Page]:
    """A page that gets the proxy's headers with every answer, and tolerates no complaint of the browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, permissions=["local-network-access"])

    def proxied(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers=answer.headers | {k.lower(): v for k, v in HEADERS.items()})

    context.route("**/*", proxied)
    page = context.new_page()
    watch(page, faults)
    yield page
    context.unroute_all(behavior="ignoreErrors")
    context.close()
    assert faults == []


def test_every_page_draws_under_the_policy(server: Server, page: Page, faults: list[str]):
    """Finds a source that a page asks for and the policy does not allow: the browser complains of each, and what it
    was for is not drawn. And a policy that allows all: a script in the page, another site's, and a frame around it
    are refused."""
    assert "script-src" in HEADERS["Content-Security-Policy"]
    answer = page.goto(f"{server.url}/spectrum")
    assert answer and answer.headers["x-frame-options"] == "DENY"
    settle(page)
    assert faults == [], "a page's own address: Streamlit would look for its server below it"
    for name, drawn in DRAWN.items():
        turn_to(page, name)
        expect(page.locator(drawn).first, name).to_be_visible(timeout=SOON)
        assert faults == [], name

    ran = page.evaluate(
        """() => { const tag = document.createElement('script'); tag.textContent = 'window.strange = 1';
        const heard = []; document.addEventListener('securitypolicyviolation', e => heard.push(e.violatedDirective));
        document.head.append(tag);
        document.body.insertAdjacentHTML('beforeend', '<img src="x:" onerror="strange = 2">');
        return new Promise(done => setTimeout(() => done([window.strange ?? null, heard]), 500)); }"""
    )
    assert any("Executing inline" in fault for fault in faults)
    faults.clear()
    assert ran[0] is None and any(directive.startswith("script-src") for directive in ran[1])
    policy = HEADERS["Content-Security-Policy"]
    assert (
        "frame-ancestors 'none'" in policy
        and "*" not in policy
        and "'unsafe-inline'" not in policy.split("style-src")[0]
    )
