"""What a list of runs says of each: its settings by columns, without those that are empty."""

from __future__ import annotations

import pytest

from engine.figures import listing
from engine.rules import RULES
from engine.spec import complete
from engine.training.updates import AdamW
from tests.states import SPEC, SWITCHED, TOY


def test_a_run_is_listed_by_its_settings():
    """Finds a setting in another's column; a switched run has the radius of the rule that takes over."""
    assert listing.settings(SPEC) == {
        "Rule": "SAM",
        "Update": "",
        "Learning rate": 0.1,
        "ρ": 0.05,
        "Batch": 64,
        "Seed": 0,
        "Model": "MLP",
        "Data": "Digits",
    }
    assert listing.settings(SWITCHED)["Rule"] == "SGD, then SAM, then SSAM" and listing.settings(SWITCHED)["ρ"] == 0.05
    assert listing.settings(SPEC | {"update": complete(AdamW())})["Update"] == "AdamW"
    toy = listing.settings(TOY)
    assert (toy["Data"], toy["Model"], toy["Batch"], toy["Seed"]) == ("Beale", None, None, None)


@pytest.mark.parametrize("name", RULES)
def test_every_rules_radius_is_found(name):
    """Finds a radius that a rule has, or the rule it wraps, and that is not listed."""
    rule = complete(RULES[name]())
    assert (listing.settings(SPEC | {"rule": rule})["ρ"] is None) == ("'rho'" not in str(rule))


def test_columns_that_are_empty_in_all_rows_are_left_out():
    """Finds a zero that is taken for nothing."""
    rows = listing.filled([{"a": 0, "b": None, "c": ""}, {"a": None, "b": None, "d": 0.0}])
    assert rows == [{"a": 0, "d": None}, {"a": None, "d": 0.0}]
