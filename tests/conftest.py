"""Fixtures for all tests: one torch thread, and a store of its own for each test that asks.

What takes long to import is imported where tests are run: who only hands them out would wait for it first.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from engine.work.nursery import begin

if TYPE_CHECKING:
    from engine.work.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty store."""
    from engine.work.store import Store

    return Store(tmp_path / "store")


def pytest_configure(config: pytest.Config) -> None:
    """Where there are several processes, they have their forks from one nursery, which the first begins."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        begin()
        return
    import torch

    import engine  # noqa: F401  # what numpy and torch read when they load

    torch.set_num_threads(1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take long begins first: no process then ends long after the others."""

    def limit(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return marker.args[0] if marker else 0.0

    items.sort(key=limit, reverse=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that share what is dear to make are one worker's: stops where this pytest passes over the groups.

    What the imports have left is out of the garbage collector's way, which else looks through it time and again.
    """
    gc.collect()
    gc.freeze()
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and not all("@" in item.nodeid for item in grouped):
        raise pytest.UsageError("groups of tests are not kept together by these versions of pytest and pytest-xdist")
