"""Fuzzing in small: of each kind that no other test fuzzes, some hundred inputs as `benchmarks.fuzz` makes them."""

import pytest

from benchmarks import fuzz


@pytest.mark.parametrize("kind", ["command", "csv", "npz", "listing"])
def test_a_stranger_gets_what_was_meant_or_one_line(kind, tmp_path, monkeypatch):
    """Wrong if zipfile, numpy, csv or json raise what nobody expected, or if what is accepted means something else
    when it is given again."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    found = fuzz.batch(kind, range(300), 1, tmp_path, list(fuzz.records(tmp_path / "kept")))
    assert found.faults == [] and min(found.counts[what] for what in ("accepted", "refused")) > 10
    assert not (tmp_path / "sprung").exists()
