"""Fixtures for all tests: one torch thread, and a store of its own for each test that asks."""

import pytest
import torch

from engine.work.store import Store

torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")
