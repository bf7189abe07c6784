"""Thresholds over a map: against closed forms on a quadratic, where theory is exact, and where there is none."""

import math

import numpy as np
import pytest

from engine.experiments import theory
from engine.problems import Quadratic
from engine.rules import SAM, SGD, SSAM, USAM
from engine.sweeps.spec import Axis, SweepSpec
from engine.sweeps.thresholds import thresholds
from engine.training.runs import RunSpec
from engine.training.updates import AdamW, Momentum

LAM, SMALL = 8.0, 3.0
BEGIN = (0.5, -1.0)
G = math.hypot(LAM * BEGIN[0], SMALL * BEGIN[1])
RUN = RunSpec(Quadratic((LAM, SMALL), BEGIN), steps=10)
RULES = (SGD(), USAM(), SAM(), SSAM())
RATES, RADII = Axis("lr", 0.01, 1.0, 3), Axis("rule.rho", 0.05, 2.0, 4)


def found(run=RUN, x=RATES, y=RADII, rules=RULES):
    work = thresholds(SweepSpec(run, x, y, rules))
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_closed_forms():
    """A sharpness, a gradient or a radius of another row, and an edge that is solved for the wrong thing."""
    plain, unnormalized, normalized, rescaled = found()
    radii = SweepSpec(RUN, RATES, RADII, (SAM(),)).rows
    assert plain == pytest.approx([2 / LAM] * 4, rel=1e-6)
    assert unnormalized == pytest.approx([theory.threshold_usam(LAM, rho) for rho in radii], rel=1e-6)
    for rho, sam, ssam in zip(radii, normalized, rescaled, strict=True):
        assert theory.sam_edge(sam, rho, G) == pytest.approx(LAM, rel=1e-6)
        gradient = np.array([LAM * BEGIN[0], SMALL * BEGIN[1]])
        ascent = np.linalg.norm([LAM, SMALL] * (BEGIN + rho * gradient / G))
        assert theory.ssam_edge(ssam, rho, G, float(ascent)) == pytest.approx(LAM, rel=1e-6)


def test_where_theory_says_another_thing_or_nothing():
    """An update's part in the edge; Adam's edge, which is none of the Hessian's; columns that are no rates."""
    heavy, adaptive = (RunSpec(RUN.problem, update=update, steps=10) for update in (Momentum(0.5), AdamW()))
    assert found(heavy, y=Axis(""), rules=(SGD(),)) == pytest.approx(3 / LAM)
    assert np.isnan(found(adaptive, y=Axis(""), rules=(SGD(),))).all()
    assert np.isnan(found(x=RADII, y=RATES, rules=(SAM(),))).all()
