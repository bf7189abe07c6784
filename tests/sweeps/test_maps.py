"""Numbers of one map, worked by hand: diverged runs, ties, chance, one seed, missing cells."""

from __future__ import annotations

import numpy as np
import pytest

from engine.sweeps.bootstrap import draws, medians, tallies, weighted_medians
from engine.sweeps.maps import best_cell, best_of, decomposed, importance, rate_sensitivity, share_within, stable_rate
from engine.sweeps.resamples import Outcomes, tuned

NAN, INF = np.nan, np.inf
RATES = np.array([0.01, 0.1, 1.0])


def rule(cells, start=4.0, there=None) -> Outcomes:
    values = np.array(cells, float)
    return Outcomes(values, np.full(values.shape[2], start), there, count=200)


def test_medians_of_resamples():
    """A tally that is off by one, or a missing run that counts: against NumPy's median of the runs drawn."""
    random = np.random.default_rng(3)
    for seeds in (1, 2, 5, 10):
        values, drawn = random.normal(size=(3, 4, seeds)).round(1), draws(seeds, 40)
        there = random.random((3, 4, seeds)) < 0.7
        plain = np.median(values[..., drawn], -1).transpose(2, 0, 1)
        assert np.array_equal(medians(values, tallies(drawn)), plain)
        some = medians(values, tallies(drawn), there)
        for b, y, x in np.ndindex(some.shape):
            runs = values[y, x, drawn[b]][there[y, x, drawn[b]]]
            assert np.isnan(some[b, y, x]) if not runs.size else some[b, y, x] == np.median(runs)


def test_weighted_medians():
    """NaN that counts, or half a tie: [3, NaN, 1] is 2, and with the 1 counted twice 1."""
    rows = np.array([[3.0, NAN, 1.0]] * 3)
    found = weighted_medians(rows, np.array([[1, 1, 1], [1, 0, 2], [0, 3, 0]]))
    assert found[:2].tolist() == [2.0, 1.0] and np.isnan(found[2])


def test_what_diverged_counts_as_the_start():
    """NaN or a loss above the start that enters as it is."""
    one = rule([[[1.0, NAN, INF, -INF, 5.0, 4.0]]])
    assert one.settled.ravel().tolist() == [1, 4, 4, 4, 4, 4]
    assert one.stable.ravel().tolist() == [True, False, False, False, False, True]


def test_a_seed_has_no_part_in_the_choice_that_judges_it():
    """The luck of the draw: seeds 0, 1, 2 have the columns (1, 3), (3, 1), (3, 3). Without seed 0 the lower medians are
    (3, 1), so it is judged by column 1: 3. Without seed 1 they are (1, 3): 3. Without seed 2 (1, 1): the first, 3."""
    one = rule([[[1, 3, 3], [3, 1, 3]]])
    assert tuned([one])[0].tolist() == [3, 3, 3]
    assert best_cell(one).loss.value == 3  # a minimum over runs would say 1


def test_share_within():
    """A line that is not the best's, or cells without a run that count: medians 1, 1.05, 2 and none; within 10 % of 1
    lie two of three cells, within 10 % of a rival's 0.5 none."""
    there = np.ones((2, 2, 3), bool)
    there[1, 1] = False
    one = rule([[[1] * 3, [1.05] * 3], [[2] * 3, [NAN] * 3]], there=there)
    rival = rule([[[0.5] * 3, [4] * 3], [[4] * 3, [4] * 3]])
    found = share_within(one)
    assert found.value == pytest.approx(2 / 3) and found.low == found.high == pytest.approx(2 / 3)
    assert found.note == "3 of 12 runs are missing"
    assert share_within(one, rivals=[rival]).value == 0 and share_within(rival, rivals=[one]).value == 0.25
    assert share_within(one, within=1.0).value == 1


def test_best_cell():
    """Another of two equal cells, or an edge that is not told: the first of the two cells with 1."""
    one = rule([[[2] * 4] * 3, [[2] * 4, [1, 1, 1, 3], [1] * 4], [[2] * 4] * 3])
    found = best_cell(one)
    assert (found.row, found.column) == (1, 1) and found.quartiles == (1, 1, 1.5)
    assert "edge" not in found.loss.note
    assert "edge" in best_cell(rule([[[1] * 4, [2] * 4]])).loss.note
    assert "edge" in best_cell(rule([[[2] * 4, [1] * 4, [2] * 4], [[2] * 4] * 3, [[2] * 4] * 3])).loss.note


def test_one_seed_has_no_interval():
    """An interval out of nothing, of any measure."""
    one = rule([[[1.0], [2.0], [NAN]]])
    found = [best_cell(one).loss, share_within(one), rate_sensitivity(one, RATES), best_of(one, 1)[0]]
    found += [stable_rate(one, RATES).rate, *importance(one).values()]
    assert all(np.isnan([each.low, each.high]).all() and np.isfinite(each.value) for each in found)
    assert found[0].value == 1 and "noise" in importance(one)["rows"].note


def test_stable_rate():
    """A half that is not enough, a stable rate behind an unstable one, a column without runs, none at all."""
    half = [[1, 1, 1, 1], [2, 2, NAN, 5], [2, NAN, NAN, INF]]  # all, a half, a quarter of the seeds are stable
    assert stable_rate(rule([half]), RATES).rate.value == 0.1
    gap = [[1, 1, 1, 1], [2, NAN, NAN, NAN], [2, 2, 2, 2]]
    assert stable_rate(rule([gap]), RATES).column.value == 0
    there = np.array([[[True] * 4, [False] * 4, [True] * 4]])
    beyond = stable_rate(rule([gap], there=there), RATES)
    assert beyond.rate.value == 1.0 and beyond.rate.note.endswith("a lower bound")
    none = stable_rate(rule([[[NAN] * 4] * 3]), RATES)
    assert none.column.value == none.column.low == -1 and np.isnan(none.rate.value)
    assert stable_rate(rule([half, [[3] * 4] * 3]), RATES, row=1).rate.value == 1.0


def test_stable_rate_interval():
    """Resamples of runs rather than of seeds: 5 of 10 seeds are stable at the second rate, so that about half of the
    resamples are stable there, and none at the third."""
    runs = np.full((1, 3, 10), 1.0)
    runs[0, 1, 5:] = runs[0, 2] = NAN
    found = stable_rate(Outcomes(runs, np.full(10, 4.0)), RATES)
    assert (found.column.value, found.column.low, found.column.high) == (1, 0, 1)
    assert (found.rate.low, found.rate.high) == (0.01, 0.1)


def test_rate_sensitivity():
    """A row that is not the best cell's, rates outside of the decades, or a loss above the start: the second row has
    the best cell; its medians are 3, 1, 4 (diverged), their mean 8/3, less 1. Within one decade there is 1 alone."""
    one = rule([[[2] * 3] * 3, [[3] * 3, [1] * 3, [9] * 3]])
    found = rate_sensitivity(one, RATES)
    assert found.value == pytest.approx(8 / 3 - 1) and found.low == found.high == found.value
    assert found.note == ""  # two decades, and at each end one step of the grid
    assert rate_sensitivity(one, RATES, decades=1).value == 0
    assert rate_sensitivity(one, np.array([1.0, 1.1, 1.21])).note == "the rates cover 0.083 of 3 decades"
    with pytest.raises(ValueError, match="rates: not 3 positive"):
        rate_sensitivity(one, RATES[::-1])


def test_best_of():
    """Draws with replacement for those without, or ties counted twice: of 1, 2, 4 the mean is 7/3, the best of two
    (1 + 1 + 2) / 3, of three 1; with replacement two have 1 in 5 of 9 cases, 2 in 3, 4 in 1."""
    one = rule([[[2, 2], [1, 1], [NAN, 9]]])
    assert [each.value for each in best_of(one, 4)] == pytest.approx([7 / 3, 4 / 3, 1, NAN], nan_ok=True)
    assert best_of(one, 2, replace=True)[1].value == pytest.approx((5 + 6 + 4) / 9)
    there = np.array([[[True, True], [True, True], [True, False]]])
    assert best_of(rule([[[2, 2], [1, 1], [4, 4]]], there=there), 1)[0].value == pytest.approx((7 / 3 + 1.5) / 2)


def test_best_of_has_students_interval():
    """A wrong number of degrees of freedom: seeds 1 and 3 have mean 2, standard error 1, and t of one is 12.7062."""
    found = best_of(rule([[[1, 3]]]), 1)[0]
    assert (found.low, found.high) == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-4)


def test_decomposition():
    """Effects that do not add up: [[0, 2], [4, 10]] has mean 4, rows -3 and 3, columns -2 and 2, interaction 1 and -1;
    squares 9 + 4 + 1 = 14 = (16 + 4 + 0 + 36) / 4."""
    rows, columns, both = decomposed(np.array([[0.0, 2.0], [4.0, 10.0]]))
    assert rows.tolist() == [[-3, -3], [3, 3]] and columns.tolist() == [[-2, 2], [-2, 2]]
    assert both.tolist() == [[1, -1], [-1, 1]]


def test_importance():
    """Shares of another scale than the logarithm's, or noise that remains: of the grid above, 9/14, 4/14 and 1/14."""
    grid = np.exp(np.array([[0.0, 2.0], [4.0, 10.0]]))[..., None]
    shares = {"rows": 9 / 14, "columns": 4 / 14, "interaction": 1 / 14}
    assert {k: v.value for k, v in importance(rule(grid.repeat(3, 2), start=1e9)).items()} == pytest.approx(shares)
    noisy = grid * np.exp(np.random.default_rng(0).normal(size=(2, 2, 2000)))  # would add 1/4 to each part's variance
    found = importance(rule(noisy, start=1e9))
    assert {k: v.value for k, v in found.items()} == pytest.approx(shares, abs=0.01)
    assert np.isnan(importance(rule(np.ones((2, 2, 3))))["rows"].value)
    luck = np.exp(np.array([[[1, 1, -1]], [[-1, -1, 1]]]))  # of two different seeds -1 + 1 - 1 < 0: the rest is noise
    assert importance(rule(luck))["rows"].note == "no variance beyond the seeds' noise"
    there = np.ones((2, 2, 3), bool)
    there[0, 0, 0] = False
    assert importance(rule(grid.repeat(3, 2), start=1e9, there=there))["rows"].note == "with the seeds' noise"


@pytest.mark.parametrize(
    "field, values, start, there",
    [
        ("values", np.ones((2, 2)), np.ones(2), None),
        ("start", np.ones((2, 2, 3)), np.ones(2), None),
        ("start", np.ones((2, 2, 3)), np.full(3, NAN), None),
        ("there", np.ones((2, 2, 3)), np.ones(3), np.ones((2, 2))),
    ],
)
def test_bad_input_names_the_field(field, values, start, there):
    with pytest.raises(ValueError, match=f"^{field}: "):
        Outcomes(values, start, there)
