"""The intervals hold the truth as often as they say, and the table says what is computed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.coverage import covered, designs, maps, problems, scores
from engine.sweeps import aggregates, boundary, comparisons, spikes
from engine.sweeps import maps as single
from engine.sweeps import problems as several
from engine.sweeps.measures import MEASURES

SWEEPS = 200
FEW = {"stable", "dimensionality"}
"""What takes few values: a nominal share is not to be had, so nothing but a lower bound is."""
WIDE = {"share", "share.all", "best", "sensitivity", "phi"}
"""What is made of medians and minima: its interval is allowed to be too wide."""


@pytest.mark.parametrize(
    "kind, sweeps",
    [(maps, SWEEPS), (problems, SWEEPS), (scores, SWEEPS), (designs, 40)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_intervals_hold_the_truth(kind, sweeps):
    """Percentiles of few seeds, the luck of the best cell, seeds that do not stay together, halves of a design's points
    that are taken for wholes: 10 seeds, and coverages that 93 to 97 % would lie beyond once in a thousand times."""
    for name, rows in covered(sweeps, kinds=(kind,), count=200).items():
        held = int(rows[:, 0].sum())
        assert held >= binom.ppf(0.001, sweeps, 0.93), f"{name}: {held} of {sweeps}"
        assert name in FEW | WIDE or held <= binom.ppf(0.999, sweeps, 0.97), f"{name}: {held} of {sweeps}"


def test_few_seeds_have_wide_intervals_and_two_have_none():
    """An interval of two seeds, of which every resample is alike, and of three, as narrow as if they were ten: each
    held the truth in 0 and in 83 % of sweeps."""
    for name, rows in covered(100, seeds=3, kinds=(maps,), count=200).items():
        assert name == "stable" or rows[:, 0].sum() >= binom.ppf(0.001, 100, 0.93), name
    width = {name: rows[:, 2] for name, rows in covered(2, seeds=2, kinds=(maps,), count=200).items()}
    assert all(np.isnan(width[name]).all() == (not name.startswith("best_of")) for name in width)


def test_the_share_is_not_biased_by_its_luck():
    """The smallest of 64 noisy medians taken for the best loss: 8 standard errors too small a share."""
    bias = covered(SWEEPS, kinds=(maps,), count=2)["share"][:, 1]
    assert abs(bias.mean()) < 0.008 and bias.std() / SWEEPS**0.5 < 0.005


def test_the_table_has_every_measure():
    """A measure that the page would not explain, or an explanation that is not one sentence."""
    public = {
        f for m in (single, aggregates, boundary, comparisons, several, spikes) for f in vars(m).values() if callable(f)
    }
    computed = {m.function for m in MEASURES.values()}
    assert computed <= public and len(computed) == len(MEASURES) == 14
    for each in MEASURES.values():
        assert each.definition.endswith(".") and each.definition.count(". ") == 0, each.title
        assert each.formula and each.source and each.unit and each.function.__doc__
    assert np.unique([each.title for each in MEASURES.values()]).size == 14
