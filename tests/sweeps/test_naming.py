"""Names of cells: the fast way gives the digest of every cell's spec."""

from dataclasses import replace

import pytest

from engine.problems import Classification, Quadratic
from engine.rules import MSAM, SAM, SGD, SSAM, USAM, UnifiedSAM
from engine.spec import digest
from engine.spec.coding import BASELINE
from engine.sweeps.naming import names
from engine.sweeps.spec import Axis, SweepSpec
from engine.training.runs import RunSpec, Switch
from tests.family import each_rule, networks
from tests.sweeps.same import MLPS

THEN = replace(MLPS, then=(Switch(SAM(), 2), Switch(SSAM(USAM()), 4)))
SWEEPS = {
    "five rules": SweepSpec(MLPS, rules=(SAM(), SSAM(), SGD(), USAM(), UnifiedSAM()), seeds=3),
    "defaults among the values": SweepSpec(
        MLPS, Axis("lr", 0.1, 0.2, 3, log=False), Axis("rule.rho", 0.0, 0.1, 3, log=False), (UnifiedSAM(), USAM())
    ),
    "one value, the default": SweepSpec(MLPS, y=Axis("rule.rho", 0.05, 0.05, 1), rules=(SAM(), UnifiedSAM())),
    "whole numbers that coincide": SweepSpec(MLPS, Axis("batch", 4, 8, 16), Axis("warmup", 0, 3, 7, log=False)),
    "a later rule": SweepSpec(THEN, Axis("then.1.rule.rho", 0.01, 1, 4), Axis("then.0.at", 1, 3, 3)),
    "deep in the problem": SweepSpec(
        RunSpec(Classification(), batch=20),
        Axis("problem.data.label_noise", 0, 0.5, 3, log=False),
        Axis("problem.model.width", 2, 9, 3),
    ),
    "a field that came later": SweepSpec(
        MLPS, Axis("clip", 0, 1, 3, log=False), Axis("update.momentum", 0, 0.9, 4, log=False)
    ),
    "one knob": SweepSpec(MLPS, Axis("rule.m", 0, 5, 4, log=False), Axis(""), (MSAM(),), 2),
    "a toy": SweepSpec(RunSpec(Quadratic(), SAM(), batch=0, steps=5, every=5), Axis("lr", 0.01, 0.1, 3)),
    "every rule": SweepSpec(replace(MLPS, batch=0), rules=tuple(each_rule()[:6])),
}
"""Knobs of every kind and depth, in the baseline's fields and in later ones."""


@pytest.mark.parametrize("name", SWEEPS)
def test_every_cell(name):
    """Finds a value that is encoded otherwise, a default that is left out of the encoding, and a knob in another's
    place."""
    sweep = SWEEPS[name]
    assert [*names(sweep)] == [(cell.place, digest(cell.spec)) for cell in sweep.cells()]
    assert all(sweep.cell(cell.place) == cell.spec for cell in sweep.cells())


@pytest.mark.parametrize(
    "name", ["defaults among the values", "one value, the default", "deep in the problem", "five rules"]
)
@pytest.mark.parametrize(
    "left_out", [{"lr"}, {"rho"}, {"rule"}, {"seed"}, {"label_noise"}, {"data", "model"}, {"width", "rule", "lr"}]
)
def test_fields_that_came_later(monkeypatch, name, left_out):
    """Finds a value that is that of the defaults, which an encoding leaves out, and a run's seed that is."""
    for cls, fields in BASELINE.items():
        monkeypatch.setitem(BASELINE, cls, [field for field in fields if field not in left_out])
    test_every_cell(name)


def test_every_network():
    """Finds a spec whose text has a value twice."""
    for data, model in networks().values():
        run = RunSpec(Classification(data, model), batch=8, seed=12345)
        sweep = SweepSpec(run, Axis("lr", 0.01, 1, 2), Axis("rule.rho", 0.01, 1, 2), seeds=2)
        assert [*names(sweep)] == [(cell.place, digest(cell.spec)) for cell in sweep.cells()]
