"""Rules against closed forms on quadratics: stability thresholds, SAM's cycle, edges; and what each step costs in
gradients."""

import math
from dataclasses import replace

import pytest
import torch

from engine.data import Digits
from engine.experiments import theory
from engine.models import MLP
from engine.problems import Classification, Product, Quadratic, Saddle
from engine.rules import (
    ASAM,
    ESAM,
    GSAM,
    MSAM,
    RULES,
    SAM,
    SGD,
    SSAM,
    USAM,
    FriendlySAM,
    GraphSAM,
    LookaheadSAM,
    LookSAM,
    MomentumSAM,
    NormalizationOnly,
    SAMPa,
    Step,
    UnifiedSAM,
    scaled,
)
from engine.spec import SpecError, floats, with_floats
from engine.training.runs import RunSpec
from engine.training.updates import Momentum
from tests import oracles
from tests.drive import frames

EACH = [SGD(), *(rule for rho in (0.05, 0.1, 0.5) for rule in (SAM(rho), USAM(rho), SSAM(SAM(rho))))]
"""The rules that section 2 of the theory speaks of."""


QUADRATIC = Quadratic((10.0, 1.0), (1.0, 1.0))


def stays(rule, update, lr: float, steps: int = 2000) -> bool:
    """Whether full-batch steps on f = (10 x^2 + y^2)/2 from (1, 1) stay near where they began."""
    spec = RunSpec(QUADRATIC, rule, update, lr, batch=0, steps=steps, every=steps, curvature=False)
    return bool(frames(spec, stride=steps)[-1].theta.abs().max() < 1e4)


def measured_threshold(rule, update, low: float, high: float) -> float:
    """The learning rate between `low` and `high` where steps begin to grow without bound, by bisection to 0.3%."""
    assert stays(rule, update, low) and not stays(rule, update, high)
    while high > 1.003 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if stays(rule, update, middle) else (low, middle)
    return math.sqrt(low * high)


def test_every_rule_with_a_theory_is_checked():
    assert {type(rule) for rule in EACH} == {cls for cls in RULES.values() if cls.theory}


@pytest.mark.parametrize("rule", EACH, ids=repr)
def test_stability_threshold(rule):
    """The largest stable learning rate on f = (10 x^2 + y^2)/2 is the theory's, within 1% (Dai, Ahn & Sra 2023)."""
    theory = oracles.threshold(type(rule).__name__, getattr(rule, "rho", 0.0), 10.0)
    assert measured_threshold(rule, Momentum(), theory / 3, 3 * theory) == pytest.approx(theory, rel=0.01)


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("rule", [SGD(), USAM(0.1)], ids=repr)
def test_edge_is_where_a_quadratic_turns_unstable(rule, momentum, decay):
    """At the measured threshold the rule's edge is the quadratic's curvature: (2 + 2 mu)/eta less the decay, mapped
    through h + rho h^2."""
    update = Momentum(momentum, decay)
    eta = measured_threshold(rule, update, 0.02, 1.0)
    assert rule.edge(update.limit(eta), 1.0) == pytest.approx(10.0, rel=0.01)


@pytest.mark.parametrize("lr", [0.05, 0.1, 0.15])
@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_sam_ends_in_a_two_cycle(rho, lr):
    """Its radius on the top eigenvector is eta rho lam / (2 - eta lam), its sign changes every step; the others
    converge."""
    spec = RunSpec(QUADRATIC, SAM(rho), lr=lr, batch=0, steps=3001, every=3000, curvature=False)
    _, even, odd = (frame.theta[0] for frame in frames(spec, stride=3000))
    radius = lr * rho * 10 / (2 - lr * 10)
    assert even[0].abs().item() == pytest.approx(radius, rel=1e-6) and even[1].abs() < 1e-6
    assert torch.allclose(odd[0], -even[0], rtol=1e-6)
    for rule in (SGD(), USAM(rho / 10), SSAM(SAM(rho))):
        assert frames(replace(spec, rule=rule, lr=0.05), stride=3000)[-1].theta.abs().max() < 1e-6


@pytest.mark.parametrize("limit", [0.02, 2.0, 20.0, 1e4])
@pytest.mark.parametrize("norm", [1e-6, 0.3, 40.0])
@pytest.mark.parametrize("rho", [1e-7, 0.05, 3.0])
def test_edges_solve_their_equations(rho, norm, limit):
    sam, usam = SAM(rho).edge(limit, norm), USAM(rho).edge(limit, norm)
    assert sam + rho / norm * sam**2 == pytest.approx(limit, rel=1e-9)
    assert usam + rho * usam**2 == pytest.approx(limit, rel=1e-9)
    # the authors' form cancels where rho is small
    assert sam == pytest.approx(oracles.long_bartlett(2 / limit, rho, norm), rel=1e-4)
    assert SSAM(SAM(rho)).edge(limit, norm) == SGD().edge(limit, norm) == limit


@pytest.mark.parametrize("eta, rho, g, u", [(0.1, 0.05, 0.3, 0.9), (0.3, 0.2, 2.0, 2.1), (0.02, 1.0, 0.5, 0.4)])
def test_ssam_edge_is_sams_at_the_rescaled_rate(eta, rho, g, u):
    """By the papers' formula; 2/eta only where g lies along the top eigenvector, where u = g + rho lam."""
    assert SSAM(SAM(rho)).edge(2 / eta, g, u) == pytest.approx(theory.ssam_edge(eta, rho, g, u), rel=1e-12)
    along = SSAM(SAM(rho)).edge(2 / eta, g, g + rho * 2 / eta)
    assert along == pytest.approx(2 / eta, rel=1e-12)
    assert SSAM(SAM(rho), shrink=True).edge(2 / eta, g, u) == pytest.approx(
        theory.ssam_edge(eta, rho, g, max(g, u)), rel=1e-12
    )
    assert SSAM(SGD()).edge(2 / eta, g, g) == 2 / eta
    assert math.isnan(SSAM(ASAM()).edge(2 / eta, g, u))


def test_edges_as_measured():
    """What a run records is the theory's for the norms at its weights; SSAM's is below 2/eta where g lies elsewhere."""
    problem, rho, eta = Quadratic((10.0, 1.0), (0.01, 1.0)), 0.3, 0.1
    spec = RunSpec(problem, SSAM(SAM(rho)), lr=eta, batch=0, steps=3, every=1)
    rescaled, plain = frames(spec), frames(replace(spec, rule=SAM(rho)))
    for frame in rescaled:
        w, h = frame.theta[0], torch.tensor([10.0, 1.0], dtype=torch.float64)
        g = h * w
        u = h * (w + rho * g / g.norm())
        expected = theory.ssam_edge(eta, rho, float(g.norm()), float(u.norm()))
        assert frame.measures["edge"][0] == pytest.approx(expected, rel=1e-9)
    assert rescaled[0].measures["edge"][0] < 0.5 * 2 / eta
    for frame in plain:
        expected = oracles.long_bartlett(eta, rho, float((h * frame.theta[0]).norm()))
        assert frame.measures["edge"][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rule", EACH, ids=repr)
def test_edge_without_a_limit_or_a_gradient(rule):
    assert math.isnan(rule.edge(math.nan, 1.0))
    assert 0 <= rule.edge(2.0, 0.0) <= 2.0
    assert with_floats(rule, dict.fromkeys(floats(rule), 0.0)).edge(2.0, 0.3) == 2.0


@pytest.mark.parametrize("lam, rho", [(0.0, 0.3), (0.4, 0.3), (1.0, 0.3)])
def test_unified_edge_lies_between(lam, rho):
    """Lambda 0 is USAM's edge, 1 is SAM's, and between them it solves its own equation."""
    h, norm, limit = UnifiedSAM(rho, lam).edge(20.0, 0.7), 0.7, 20.0
    assert h + rho * (1 - lam + lam / norm) * h**2 == pytest.approx(limit, rel=1e-9)
    assert lam not in (0.0, 1.0) or h == pytest.approx((USAM(rho) if lam == 0 else SAM(rho)).edge(limit, norm))


def test_gsam_refuses_a_least_radius_above_its_radius():
    with pytest.raises(SpecError, match=r"^rule\.rho: expected at least rho_min, 0\.1, got 0\.05$"):
        RunSpec(QUADRATIC, GSAM(0.05, 0.1))
    with pytest.raises(SpecError, match=r"^rule\.rule\.rho: "):
        RunSpec(QUADRATIC, SSAM(GSAM(0.05, 0.1)))
    assert RunSpec(QUADRATIC, GSAM(0.1, 0.1)).rule.rho == 0.1


@pytest.mark.parametrize("radius", ["constant", "with the rate"])
@pytest.mark.parametrize("factor, expected", [(1.0, 0.3), (0.5, 0.17), (0.0, 0.04)])
def test_gsam_radius_follows_the_rate_once(radius, factor, expected):
    rule = GSAM(0.3, 0.04, 0.0)
    rule = rule if radius == "constant" else scaled(rule, factor)
    w = torch.tensor([1.0, 0.0], dtype=torch.float64)
    d, _ = rule.direction(Step(QUADRATIC, w, None, None, factor=factor), {})
    assert d[0].item() / 10 - 1 == pytest.approx(expected)


def test_no_edge_where_no_theory_says():
    silent = (
        SAM(0.1, NormalizationOnly()),
        ASAM(),
        SSAM(ASAM()),
        MSAM(),
        GSAM(),
        FriendlySAM(),
        ESAM(),
        LookSAM(),
        MomentumSAM(),
        SAMPa(),
        GraphSAM(),
        LookaheadSAM(),
    )
    assert all(math.isnan(rule.edge(20.0, 0.7)) for rule in silent)


def test_product_valley():
    """On l(xy) from (3, 10): GD stops at y^2 = 2/eta, USAM at y^2(1 + rho y^2) = 2/eta, SAM drifts on towards y = 0
    (Dai, Ahn & Sra 2023)."""
    spec = RunSpec(Product(), SGD(), lr=0.05, batch=0, steps=5000, every=5000, curvature=False)
    ends = {
        type(rule).__name__: frames(replace(spec, rule=rule), stride=5000)[-1].theta[0, 1].abs().item()
        for rule in (SGD(), USAM(0.1), SAM(0.1))
    }
    usam = math.sqrt((math.sqrt(1 + 4 * 0.1 * 40) - 1) / 0.2)
    assert (
        ends["SGD"] == pytest.approx(math.sqrt(40), abs=0.05)
        and ends["USAM"] == pytest.approx(usam, abs=0.05)
        and ends["SAM"] < 0.4
    )


def test_saddle_holds_sam_and_ssam_inside_their_radius_only():
    """SSAM leaves at plain descent's speed from outside abs(y) < rho, and is trapped inside it just as SAM is."""

    def leaves(rule, y: float) -> float:
        run = frames(RunSpec(Saddle((0.0, y)), rule, lr=0.05, steps=400, every=1, curvature=False))
        return next((f.step for f in run if f.theta[0, 1].abs() > 0.9), math.inf)

    assert leaves(SSAM(SAM(0.05)), 0.2) <= 1.1 * leaves(SGD(), 0.2) < 60
    assert leaves(SGD(), 0.02) < 150 and leaves(SAM(0.05), 0.02) == leaves(SSAM(SAM(0.05)), 0.02) == math.inf


def test_sampa_is_sharpness_aware_on_small_batches():
    """Its ascent, perturbed gradient and batch belong together: on digits in batches of 8 it ends far flatter than
    plain descent, as SAM does."""
    problem = Classification(Digits(train=600), MLP(32, 1))
    more = {"lr": 0.2, "batch": 8, "steps": 1000, "every": 1000}
    ends = [frames(RunSpec(problem, rule, **more))[-1].measures["sharpness"][0] for rule in (SGD(), SAMPa(0.1))]
    assert ends[1] < 0.5 * ends[0]
