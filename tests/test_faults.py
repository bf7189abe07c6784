"""The planted faults of `make faults`: each is still where it can be planted, and a copy that holds one is mended after
it."""

from pathlib import Path

import pytest

from tests.faults import ROOT, Fault, holder, planned, planted


def test_every_passage_is_in_the_engine_once():
    """Else nobody would know, before the faults are wanted, that they have gone stale."""
    faults = planned()
    assert len({fault.name for fault in faults}) == len(faults) == 60
    for fault in faults:
        assert holder(ROOT, fault).exists() and fault.new != fault.old, fault
        assert fault.tests and all((ROOT / "tests" / test.partition("::")[0]).is_file() for test in fault.tests), fault


def test_a_fault_is_planted_and_taken_away(tmp_path: Path):
    file, fault = tmp_path / "a.py", Fault("a", ".", "x + 1", "x - 1", ())
    file.write_text("y = x + 1\n")
    with pytest.raises(KeyError), planted(tmp_path, fault):
        assert file.read_text() == "y = x - 1\n"
        raise KeyError
    assert file.read_text() == "y = x + 1\n"
    file.write_text("y = x + 1, x + 1\n")
    with pytest.raises(ValueError, match="expected once, found 2 times"), planted(tmp_path, fault):
        pass
