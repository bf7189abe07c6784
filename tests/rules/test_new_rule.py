"""A rule is one class and its name in a table: added in memory, it is in the menus, the links and the tests of every
rule by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from streamlit.testing.v1 import AppTest

import tests.rules.test_every_rule as properties
from engine.encyclopedia.cost import count
from engine.rules import RULES, Rule, along
from engine.spec import decode, encode, flatten, knob, read_address
from engine.training.runs import RUNS, RunSpec
from pages.ui import cached
from tests.pages.headless import open_page, server_store  # noqa: F401  # the fixture `store`


@dataclass(frozen=True)
class Backwards(Rule):
    """The gradient at distance rho down the slope."""

    rho: float = knob(0.07, 0.0, 10.0, "Radius rho", "How far down the gradient is taken.", log=True)

    formula: ClassVar = "d = ∇L(w − ρ g/‖g‖)"
    paper: ClassVar = "made up for this test"

    def direction(self, step, memory):
        return step.gradient(along(step.w, step.g, -self.rho)), memory


@pytest.fixture(autouse=True)
def added(monkeypatch):
    monkeypatch.setitem(RULES, "Backwards", Backwards)
    monkeypatch.setitem(properties.RULE, "Backwards", Backwards(0.1))


def test_json_and_links():
    spec = RunSpec(rule=Backwards(0.2))
    assert decode(RUNS, encode(spec)) == spec
    assert flatten(spec) == {"rule": "Backwards", "rule.rho": "0.2"}
    wrapped = read_address(RUNS, {"rule": "SSAM", "rule.rule": "Backwards", "rule.rule.rho": "0.3"})
    assert wrapped.spec.rule.rule == Backwards(0.3)


@pytest.mark.parametrize("network", ["MLP", "CNN-batch", "GraphNet-batch"])
def test_properties(network):
    for test in (
        properties.test_ensemble,
        properties.test_zero_radius_is_plain_descent,
        properties.test_measuring_leaves_the_path_alone,
    ):
        test("Backwards", network)
    assert count(Backwards()).calls == 2


def test_menus(store):
    """In the Train page's menu with its setting, in the address, and within SSAM."""
    app = open_page(rule="Backwards", rule__rho="0.3")
    assert "Backwards" in next(s for s in app.selectbox if s.key == "train.rule").options
    assert next(n for n in app.number_input if n.key == "train.rule.Backwards.rho").value == 0.3
    app = open_page(rule="SSAM", rule__rule="Backwards")
    assert next(s for s in app.selectbox if s.key == "train.rule.SSAM.rule").value == "Backwards"
    assert isinstance(app, AppTest) and not cached.jobs().active()
