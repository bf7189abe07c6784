"""The edge of stability: every rule's run settles at its own edge, another rule's does not, and the formulas hold
where they can be simulated."""

from dataclasses import replace

import numpy as np
import pytest

from engine.experiments import theory
from engine.experiments.edge import PAPER, EdgeOfStability
from engine.rules import SAM, SGD, USAM
from engine.spec import encode
from engine.training.runs import RunSpec
from tests.trials import failing, outcome, performed, spoilt, until, verdicts

pytestmark = pytest.mark.xdist_group("edge")

QUICK = EdgeOfStability()
GD, USAM_EDGE, SAM_EDGE, SSAM_EDGE, FAR, ALIGNED, PLAIN = range(7)


def test_the_claims_hold():
    result = performed(QUICK)
    assert [check.claimed for check in QUICK.checks(result)] == [True] * 6 + [False]
    assert verdicts(QUICK, result) == ["holds"] * 6 + ["fails"]


@pytest.mark.parametrize(
    "rule, ensemble, red",
    [
        (USAM(QUICK.rho), "GD", {GD}),
        (SGD(), "USAM", {USAM_EDGE}),
        (SGD(), "SAM", {SAM_EDGE, FAR, ALIGNED}),
        (SAM(QUICK.rho), "SSAM", {SSAM_EDGE}),
    ],
)
def test_a_wrong_rule_is_seen(rule, ensemble, red):
    result = spoilt(QUICK, lambda spec: replace(spec, rule=rule), ensemble)
    assert red <= set(failing(QUICK, result))


def grows(rate: float, lam: float, G: float, ascent) -> bool:
    """Whether a small x grows on f = G z + lam x²/2, where `ascent` gives the radius from the gradient's norm, and
    whether to rescale the step."""
    x = 1e-6
    for _ in range(50):
        g = np.array([G, lam * x])
        radius, rescaled = ascent(np.linalg.norm(g))
        u = np.array([G, lam * (x + radius * g[1])])
        x -= rate * u[1] * (np.linalg.norm(g) / np.linalg.norm(u) if rescaled else 1)
    return abs(x) > 1e-6


def threshold(rate: float, G: float, ascent) -> float:
    low, high = 1e-3, 1e3
    for _ in range(50):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if grows(rate, middle, G, ascent) else (middle, high)
    return low


@pytest.mark.parametrize("eta, rho, G", [(0.6, 0.1, 0.3), (0.1, 0.05, 0.02), (1.0, 0.3, 2.0)])
def test_the_edges_on_a_slope(eta, rho, G):
    """A slope beside the sharp direction keeps the gradient's norm: the growth of a small deviation tells the edge."""
    rows = (
        (lambda norm: (0.0, False), theory.gd_edge(eta)),
        (lambda norm: (rho, False), theory.usam_edge(eta, rho)),
        (lambda norm: (rho / norm, False), theory.sam_edge(eta, rho, G)),
        (lambda norm: (rho / norm, True), theory.ssam_edge(eta, rho, G, G)),
    )
    for ascent, edge in rows:
        assert threshold(eta, G, ascent) == pytest.approx(edge, rel=1e-3)


@pytest.mark.parametrize("eta, rho, G", [(0.6, 0.1, 0.3), (0.1, 0.05, 0.02)])
def test_limits_of_the_rescaled_edge(eta, rho, G):
    """Along the sharpest direction U = G + rho lam: the edge is 2/eta. Without a rescaling, U = G, it is SAM's;
    without a radius 2/eta."""
    assert theory.ssam_edge(eta, rho, G, G + rho * 2 / eta) == pytest.approx(2 / eta)
    assert (
        theory.ssam_edge(eta, rho, G, G) == pytest.approx(theory.sam_edge(eta, rho, G))
        and theory.sam_edge(eta, rho, G) < 2 / eta
    )
    assert theory.ssam_edge(eta, 0.0, G, G) == pytest.approx(2 / eta) and theory.ssam_edge(
        eta, rho, G, 0.0
    ) == pytest.approx(2 / eta)


def test_pictures_at_every_stage():
    whole = performed(QUICK)
    empty = outcome(encode(QUICK), 0, 0)
    for result, filled in ((empty, False), (until(whole, 3), True), (whole, True)):
        charts = QUICK.pictures(result)
        assert len({chart.name for chart in charts}) == len(charts) == 3
        assert all(len(line.x) == len(line.y) for chart in charts for line in chart.lines)
        assert all(
            chart.empty != filled and len(chart.caption) > 80
            for chart in charts
            if chart.name != "edge-ratio" or filled
        )
    assert set(verdicts(QUICK, until(whole, 3))) == set(verdicts(QUICK, empty)) - {"fails"} | {"pending"}
    assert [line.dash for line in QUICK.pictures(whole)[0].lines if line.theory] == ["dash"] * 4


@pytest.mark.parametrize("other", [EdgeOfStability(eta=0.3), EdgeOfStability(rho=0.02), EdgeOfStability(size="full")])
def test_other_settings(other):
    """Theory is computed anew; only at the usual settings must a run, of whichever rule, have climbed up to its
    edge. The full size has several seeds."""
    checks = other.checks(performed(QUICK))
    lows = {checks[i].low for i in (GD, USAM_EDGE, SAM_EDGE, SSAM_EDGE)}
    assert (lows == {0}) == (checks[FAR].void != "") == ("at most" in checks[SAM_EDGE].predicted) == (
        other.size == "quick"
    ) and len(lows) == 1
    assert 1 < checks[ALIGNED].low == 1 + 0.2 * other.rho
    assert len(other.ensembles()["SAM"]) == (4 if other.full else 1)
    assert str(theory.gd_edge(other.eta))[:3] in checks[GD].predicted


def test_what_it_speaks_of():
    spec = QUICK.ensembles()["SAM"][0]
    assert PAPER.speaks(spec) and not PAPER.speaks(replace(spec, batch=64)) and not PAPER.speaks(RunSpec())
