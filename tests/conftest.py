"""Fixtures for all tests: one torch thread, and a store of its own for each test that asks."""

import gc

import pytest
import torch

from engine.work.store import Store
from tests.forked import begin

torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def pytest_configure(config: pytest.Config) -> None:
    """Where there are several processes, they have their forks from one nursery."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        begin()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that share what is dear to make are one worker's: stops where this pytest passes over the groups.

    What the imports have left is out of the garbage collector's way, which else looks through it time and again.
    """
    gc.collect()
    gc.freeze()
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and not all("@" in item.nodeid for item in grouped):
        raise pytest.UsageError("groups of tests are not kept together by these versions of pytest and pytest-xdist")
