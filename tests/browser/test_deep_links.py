"""A link straight to a page, as the first request that a fresh server gets."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.harness import settle

pytestmark = pytest.mark.browser


def test_a_link_to_a_page_of_a_fresh_server(browser, server):
    """Whole, with the menu and with what the address says; not the page's script run alone."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{server.url}/runs?measure=sharpness")
    expect(page.get_by_role("heading", name="What has been run?")).to_be_visible(timeout=30_000)
    settle(page)
    expect(page.get_by_test_id("stTopNavLink")).to_have_count(7)
    expect(page.get_by_test_id("stTopNavLink").filter(has_text="Runs")).to_be_visible()
    assert "measure=sharpness" in page.url
    page.close()
