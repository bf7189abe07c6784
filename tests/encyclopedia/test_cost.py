"""Costs: what every rule asks for is the number that was published for it, and a race's figures follow from its
laps."""

from dataclasses import replace
from itertools import pairwise
from threading import get_ident
from types import SimpleNamespace

import pytest

from engine.data import Moons
from engine.encyclopedia import cost
from engine.encyclopedia.cost import STEPS, count, race, timings
from engine.models import MLP
from engine.problems import Classification
from engine.rules import ESAM, MSAM, PGD, RULES, SAM, SGD, SSAM, LookSAM
from engine.training.runs import RunSpec
from engine.training.updates import Momentum
from tests.drive import final

EPOCH = 1437 // 64
PUBLISHED = {
    **dict.fromkeys(("SGD", "RandomDirection", "MomentumSAM"), (1.0, 1.0)),
    **dict.fromkeys(("SAM", "USAM", "SSAM", "UnifiedSAM", "ASAM", "GSAM", "FriendlySAM", "LookaheadSAM"), (2.0, 2.0)),
    "MSAM": (8.0, 2.0),  # two on each of four micro-batches
    "ESAM": (2.0, 1.5),
    "LookSAM": (1.2, 1.2),
    "SAMPa": (2 + 1 / STEPS, 2 + 1 / STEPS),
    "GraphSAM": (1 + 1 / EPOCH, 1 + 1 / EPOCH),
    "PGD": (6.0, 6.0),  # five with respect to the inputs
}
"""Calls and batches of a step with the rule's own settings, on digits in batches of 64."""
WITHOUT_G = {
    "RandomDirection": 1.0,
    "MomentumSAM": 1.0,
    "MSAM": 1.0,
    "SAMPa": 1 - 1 / STEPS,
    "GraphSAM": 1 - 1 / EPOCH,
    "PGD": 1.0,
}
"""The share of steps at which a rule does not ask for the whole batch's gradient at w itself."""
SMALL = Classification(Moons(128), MLP(4, 1))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_asks_for_what_was_published(name):
    found = count(RULES[name]())
    assert (found.calls, found.batches) == pytest.approx(PUBLISHED[name], rel=1e-12)
    assert found.least <= found.calls <= found.most
    assert found.steps == STEPS


@pytest.mark.parametrize("name", [name for name in RULES if name != "SSAM"])
def test_rescaling_asks_for_g_where_the_rule_does_not(name):
    calls, batches = PUBLISHED[name]
    found = count(SSAM(RULES[name]()))
    assert (found.calls, found.batches) == pytest.approx(
        (calls + WITHOUT_G.get(name, 0.0), batches + WITHOUT_G.get(name, 0.0)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("rule", "calls", "batches"),
    [
        *((LookSAM(k=k), 1 + 1 / k, 1 + 1 / k) for k in (1, 2, 10)),
        *((ESAM(gamma=gamma), 2.0, 1 + gamma) for gamma in (0.25, 1.0)),
        *((PGD(steps=k), 1 + k, 1 + k) for k in (1, 10)),
        (MSAM(m=0), 2.0, 2.0),
        (MSAM(m=48), 4.0, 2.0),  # the rest of 16 is a micro-batch too
    ],
    ids=repr,
)
def test_settings_that_decide_the_cost(rule, calls, batches):
    found = count(rule)
    assert (found.calls, found.batches) == pytest.approx((calls, batches), rel=1e-12)


@pytest.mark.parametrize("name", ["SAM", "ESAM", "LookSAM", "SAMPa", "PGD"])
def test_the_count_is_the_trainers(name):
    """The batches of a count are the gradients that training itself counts, and no measurement is among them."""
    rule = RULES[name]()
    spec = RunSpec(SMALL, rule, Momentum(0.9), lr=0.05, batch=64, steps=20, every=5, curvature=True)
    assert count(rule, 20, SMALL).batches * 20 == pytest.approx(final(spec).gradients, rel=1e-12)
    assert final(replace(spec, every=20, curvature=False)).gradients == final(spec).gradients


def test_a_count_leaves_the_rule_as_it_was():
    rule = SAM()
    count(rule, 5, SMALL)
    assert rule == SAM()
    assert "direction" not in vars(rule)


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """A clock that advances by one whenever a model is run here: a thread that a page's test has left behind may still
    count what a run costs."""
    clock, here = [0], get_ident()
    logits = Classification.logits

    def counted(*args, **more):
        clock[0] += get_ident() == here
        return logits(*args, **more)

    monkeypatch.setattr(Classification, "logits", counted)
    # not the clock of all: another thread would take the machine's speed by it, and keep that
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: float(clock[0])))
    return clock


@pytest.mark.parametrize(("rule", "ratio"), [(SGD(), 1.0), (SAM(), 2.0), (LookSAM(), 1.2), (ESAM(), 2.0)], ids=repr)
def test_a_race_divides_by_plain_descent(passes, rule, ratio):
    """Where every pass through the model takes a second: the losses by which ESAM chooses come from the pass that
    its second gradient goes back through."""
    laps = list(race([rule, SAM()], SMALL, steps=50, turns=6))
    shares = [lap.share for lap in laps]
    assert shares[-1] == 1.0
    assert all(a <= b for a, b in pairwise(shares))
    one, two = timings(laps[-1])
    assert (one.ratio, one.low, one.high, one.seconds, one.turns) == pytest.approx((ratio, ratio, ratio, ratio, 6))
    assert two.ratio == 2.0


def test_a_race_ends_in_time_but_not_before_it_has_a_median(passes):
    [one] = timings(list(race([SAM()], SMALL, steps=10, turns=50, seconds=1.0))[-1])
    assert one.turns == cost.LEAST
