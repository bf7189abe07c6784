"""Two rules and several problems, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.sweeps.comparisons import EXACT, difference, signs
from engine.sweeps.problems import dimensionality, tuning_sensitivity
from engine.sweeps.resamples import Outcomes

NAN = np.nan


def rule(cells, start=100.0, there=None) -> Outcomes:
    values = np.array(cells, float)
    return Outcomes(values, np.full(values.shape[2], start), there, count=100)


def test_sign_flips_by_hand():
    """Unpaired seeds, one side alone, a tie that is not at least as far: log differences 1, 2, 3 have the sum 6, which
    of 8 sign changes two reach; 1, 1, -1 have the sum 1, which all eight reach (3, 1, 1, -1 and their mirrors)."""
    other = rule([[[1, 1, 1], [1, 1, 1], [2, 3, 4]]])
    one = rule([[np.exp([1, 2, 3]), np.exp([1, 1, -1]), [2, 3, 4]]])
    found = difference(one, other)
    assert found.change[0] == pytest.approx([2, 1 / 3, 0])
    assert found.p[0] == pytest.approx([2 / 8, 1, 1]) and not found.significant.any()
    assert found.note == "3 seeds: p is at least 0.25, so nothing can be significant"


def test_false_discoveries():
    """Cells tested as if each were the only one: ten seeds all alike give p = 2 / 1024 = 0.00195, which is significant
    as one of 25 cells (0.05 / 25 = 0.002), and not as one of 26 (0.00192)."""
    for cells, marked in ((25, 1), (26, 0)):
        one, other = np.ones((1, cells, 10)), np.ones((1, cells, 10))
        one[0, 0] = 2
        found = difference(rule(one), rule(other))
        assert found.p[0, 0] == pytest.approx(2 / 1024) and found.significant.sum() == marked and not found.note


def test_difference_of_what_diverged_and_what_is_missing():
    """A diverged run counts as the start's loss; a seed that one of the rules lacks does not count, nor a cell that no
    seed has."""
    there = np.array([[[True, True, False], [False] * 3]])
    one = rule([[[NAN, NAN, 1], [1, 1, 1]]], start=np.e, there=there)
    found = difference(one, rule([[[1, 1, 1], [1, 1, 1]]], start=np.e))
    assert found.change[0, 0] == pytest.approx(1) and found.p[0, 0] == pytest.approx(0.5)
    assert np.isnan([found.change[0, 1], found.p[0, 1]]).all() and not found.significant[0, 1]


def test_one_seed_is_not_significant():
    """A p out of nothing."""
    found = difference(rule([[[1.0]]]), rule([[[50.0]]]))
    assert np.isnan(found.p).all() and not found.significant.any() and "one seed" in found.note
    with pytest.raises(ValueError, match=r"^values: the two rules differ"):
        difference(rule([[[1.0]]]), rule([[[1.0, 2.0]]]))


@pytest.mark.parametrize(("clear", "dotted"), [(4, 0), (5, 5)])
def test_few_seeds_find_many_cells_or_none(clear, dotted):
    """A promise of the caption: of 6 seeds p is at least 1/32, 62.5% of the rate, so that of 8 cells 5 have to have
    it; the others' seeds differ by as much to both sides."""
    sides = np.where(np.arange(6) % 2, 3.0, 1 / 3)
    one = np.where(np.arange(8)[None, :, None] < clear, 3.0, sides)
    found = difference(rule(one), rule(np.ones_like(one)))
    assert found.least == 1 / 32 and found.significant.sum() == dotted and not found.note


def test_p_is_a_probability():
    """A test that finds something where nothing is, in more than 5 % of cells, exact or by random flips: 400 cells
    without a difference, of which Binomial(400, 0.05) has more than 34 once in a thousand times."""
    random = np.random.default_rng(5)
    for seeds in (8, EXACT + 1):
        one, other = (rule(np.exp(random.normal(size=(20, 20, seeds)))) for _ in range(2))
        assert 6 <= (difference(one, other).p <= 0.05).sum() <= 34
    assert len(signs(3)) == 4 and (signs(3)[0] == 1).all() and len(signs(EXACT + 1)) == 4096


def landscape(*cells):
    """A problem of one rule without noise: its scores are 1 and 0 at the percentiles, here of 2x2 cells."""
    return {"rule": rule(np.array(cells, float)[..., None].repeat(3, 2))}


def test_tuning_sensitivity():
    """A best that is not common to all, another percentile: losses ((0, 1), (1, 2)) and ((2, 1), (1, 0)) have p5 = 0.15
    and p95 = 1.85, so 0 has the score 1.85 / 1.7 in both, and each cell 0.85 / 1.7 on average; 1 / 1.7 is gained."""
    problems = {"a": landscape((0, 1), (1, 2)), "b": landscape((2, 1), (1, 0))}
    found = tuning_sensitivity(problems)["rule"]
    assert found.value == pytest.approx(1 / 1.7) and found.low == found.high == pytest.approx(found.value)
    assert tuning_sensitivity({"a": problems["a"], "b": problems["a"]})["rule"].value == 0
    assert np.isnan(tuning_sensitivity({"a": landscape((1, 1), (1, 1))})["rule"].value)


def test_dimensionality():
    """Knobs that stay taken for those that are tuned: the same best cell needs none; the best cells (0, 0) and (0, 1)
    the column alone, (0, 0) and (1, 0) the row alone, (0, 0) and (1, 1) both."""
    a = landscape((0, 1), (1, 1))
    others = {0: a, 1: landscape((1, 0), (1, 1)), 2: landscape((1, 1), (1, 0))}
    for knobs, other in others.items():
        found = dimensionality({"a": a, "b": other})["rule"]
        assert (found.value, found.low, found.high) == (knobs,) * 3
    assert dimensionality({"a": a, "b": landscape((1, 1), (0, 1))})["rule"].value == 1
    with pytest.raises(ValueError, match=r"^problems: they differ"):
        dimensionality({"a": a, "b": {}})
