"""Sweeps as sets: whatever is done to them and whoever is killed, each cell is trained once, and as if undisturbed."""

import random

import pytest

from tests.sweeps.sets import carried_out, counted, faults, sequence

pytestmark = pytest.mark.xdist_group("sweeps")


@pytest.mark.parametrize("seed", range(3))
def test_a_sequence_of_changes_and_kills(tmp_path, seed):
    """Finds a cell that is trained again after an extension, a refinement or a kill, or that a kill has spoiled."""
    draw = random.Random(seed)
    counted(tmp_path)
    sequences = [sequence(draw)]
    assert carried_out(sequences, tmp_path, draw) > 0
    assert faults(sequences, tmp_path) == []


@pytest.mark.parametrize("by", ["here", "pool"])
def test_two_at_once_on_one_store(tmp_path, by):
    """Finds a cell that both train, one that both leave to each other, and a claim that outlives its process."""
    draw = random.Random(by)
    counted(tmp_path)
    sequences = [sequence(draw), sequence(draw)]
    carried_out(sequences, tmp_path, draw, by)
    assert faults(sequences, tmp_path) == []
