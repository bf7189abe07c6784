"""kill -9 of the server while a run is training: the next server answers a link to any page, goes on from the last
checkpoint, and the end is the same to the last bit."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest
from playwright.sync_api import expect

from engine.records import Run
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import PARTIAL, Store
from tests.browser.harness import LONG, PAGES, SOON, button, enter, settle, shows
from tests.drive import workers

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("runs"), pytest.mark.timeout(400)]
SPEC = RunSpec(steps=3000)
"""Long enough to be killed on a quick machine, whose first piece of the path is kept after two seconds."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Run:
    store = Store(tmp_path_factory.mktemp("uninterrupted"))
    *_, last = perform(store, Work(SPEC))
    assert last.status == "finished"
    return store.run(digest(SPEC))


def test_killed_server(browser, server, visit, uninterrupted):
    store, run = Store(server.store), digest(SPEC)
    page = visit(f"?run={digest(RunSpec())}")
    enter(page, "train.steps", str(SPEC.steps))
    button(page, "train").click()
    while not store.has(run):
        time.sleep(0.05)
    page.close()  # which the run outlives
    while len(store.run(run).steps) <= 10:
        time.sleep(0.05)
    forks = workers(server.process.pid)
    server.kill()
    killed = time.time()
    before = store.run(run)
    assert before.status == "running"
    assert killed - store.file(run, PARTIAL).stat().st_mtime < 5
    assert psutil.wait_procs(forks, timeout=30)[1] == []

    server.start()
    # straight to a page, as the first request that a fresh server gets
    link = browser.new_page(viewport={"width": 1440, "height": 900})
    link.goto(f"{server.url}/runs?measure=sharpness")
    expect(link.get_by_role("heading", name="What has been run?")).to_be_visible(timeout=SOON)
    settle(link)
    expect(link.get_by_test_id("stTopNavLink")).to_have_count(len(PAGES))  # whole, not the page's script run alone
    expect(link.get_by_test_id("stTopNavLink").filter(has_text="Runs")).to_be_visible()
    assert "measure=sharpness" in link.url
    link.close()
    page = visit(f"?run={run}")
    page.get_by_role("button", name="Resume").click()
    shows(page, f"{SPEC.steps:,} steps", LONG)  # beside the time taken
    after = store.run(run)
    assert np.array_equal(after.seconds[: len(before.seconds)], before.seconds), "trained anew instead of going on"
    assert np.array_equal(after.path, uninterrupted.path)
    assert np.array_equal(after.steps, uninterrupted.steps)
    assert after.measures.keys() == uninterrupted.measures.keys()
    for name, values in uninterrupted.measures.items():
        assert np.array_equal(after.measures[name], values, equal_nan=True), name
