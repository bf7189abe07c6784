"""1-SAM against n-SAM: the claims hold, another rule in place of one is seen, and the linear program finds the least
trace."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from engine.experiments import theory
from engine.experiments.stochastic import PAPER, MicroBatches
from engine.problems import DiagonalNet
from engine.records import Result
from engine.rules import MSAM, SAM, SGD
from engine.spec import encode
from engine.training.runs import RunSpec
from tests.trials import failing, outcome, performed, spoilt, until, verdicts

pytestmark = pytest.mark.xdist_group("stochastic")

QUICK = MicroBatches()
TRACE, BELOW_N, BELOW_GD, EVERY_DRAW, ABOVE, GROWS, LOSS_GROWS = range(7)


def test_the_claims_hold():
    result = performed(QUICK)
    assert verdicts(QUICK, result)[:LOSS_GROWS] == ["holds"] * 6
    assert [check.claimed for check in QUICK.checks(result)] == [True] * 6 + [False]


@pytest.mark.parametrize(
    "rule, name, red",
    [
        (SAM(QUICK.rho), "1-SAM", {TRACE, BELOW_N, BELOW_GD, GROWS}),
        (SGD(), "1-SAM", {TRACE, BELOW_N, BELOW_GD, GROWS}),
        (MSAM(QUICK.rho, 1), "n-SAM", {BELOW_N, ABOVE, GROWS}),
        (MSAM(QUICK.rho, 1), "GD", {BELOW_GD}),
    ],
)
def test_a_wrong_rule_is_seen(rule, name, red):
    result = spoilt(QUICK, lambda spec: replace(spec, rule=rule), name)
    assert red <= set(failing(QUICK, result))


def test_one_bad_draw_is_seen():
    last = QUICK.draws[-1]
    result = spoilt(QUICK, lambda spec: replace(spec, rule=SGD()) if spec.problem.draw == last else spec, "1-SAM")
    assert verdicts(QUICK, result)[EVERY_DRAW] == "fails" and verdicts(QUICK, result)[BELOW_N] == "holds"


def test_n_is_all_of_them():
    """m = n in the experiment's own words is SAM, and GD no SAM at all."""
    specs = QUICK.ensembles()
    assert specs["n-SAM"][0].rule == MSAM(QUICK.rho, DiagonalNet().train)
    assert all(
        spec.batch == 0 and spec.problem == DiagonalNet(20, draw=draw)
        for name in ("1-SAM", "GD")
        for draw, spec in enumerate(specs[name])
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_least_trace(seed):
    """With one dimension more than examples the solutions are a line: the least trace on it, over u as well, by a
    plain search."""
    random = np.random.default_rng(seed)
    x, truth = random.normal(size=(3, 4)), random.normal(size=4)
    beta, trace = theory.least_trace(x, x @ truth)
    assert np.allclose(x @ beta, x @ truth)
    line = truth + np.linspace(-20, 20, 400_001)[:, None] * np.linalg.svd(x)[2][-1]
    traces = 2 * np.abs(line) @ (x**2).mean(0)
    assert trace == pytest.approx(traces.min(), rel=1e-3) and trace <= traces.min() + 1e-9
    u = np.exp(np.linspace(-5, 5, 100_001))[:, None] * np.sqrt(np.abs(beta)).max()
    assert ((u**2 + (beta / u) ** 2) * (x**2).mean(0)).min(axis=0).sum() == pytest.approx(trace, rel=1e-3, abs=1e-3)


def test_the_trace_is_the_hessians():
    """What the probe measures, against second differences of the loss."""
    spec = QUICK.ensembles()["GD"][0]
    result, problem, data = performed(QUICK), spec.problem, spec.problem.load("train")
    theta, h = problem.start(0), 1e-3
    here = float(problem.loss(theta, data.x, data.y))
    total = 0.0
    for i in range(len(theta)):
        step = theta.new_zeros(len(theta))
        step[i] = h
        total += (
            float(problem.loss(theta + step, data.x, data.y) + problem.loss(theta - step, data.x, data.y) - 2 * here)
            / h**2
        )
    assert result.over("GD", "trace")[0, 0] == pytest.approx(total, rel=1e-4)


def begun(result: Result) -> Result:
    """The result as it was after five measurements, while the last run had not begun."""
    early = until(result, 5)
    for key, values in early.arrays.items():
        if key.startswith("n-SAM/") and not key.endswith("/step"):
            values[:, -1] = np.nan
    return early


def test_pictures_at_every_stage():
    whole = performed(QUICK)
    for result in (outcome(encode(QUICK), 0, 0), begun(whole), whole):
        charts = QUICK.pictures(result)
        assert len({chart.name for chart in charts}) == len(charts) == 3
        assert all(len(line.x) == len(line.y) for chart in charts for line in chart.lines)
        assert all(len(chart.caption) > 80 for chart in charts)
        if not result.complete:
            assert "fails" not in verdicts(QUICK, result)
    assert not any(chart.empty for chart in QUICK.pictures(whole))


def test_other_settings():
    """A run that is too short or too gentle to have drifted is judged by nothing; the full size has more draws and
    sizes."""
    assert {check.void != "" for check in MicroBatches(rho=0.05).checks(performed(QUICK)) if check.claimed} == {True}
    full = MicroBatches(size="full")
    assert (
        len(full.draws) > len(QUICK.draws)
        and set(full.sizes) > set(QUICK.sizes)
        and all(a < b for a, b in pairwise(full.sizes))
    )


def test_what_it_speaks_of():
    assert PAPER.speaks(RunSpec(rule=MSAM())) and not PAPER.speaks(RunSpec(rule=SAM()))
