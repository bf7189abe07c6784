"""Scores of several problems together: against rliable's numbers, kept in data/rliable.json with the program that made
them, and by hand; and the spike score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.sweeps.aggregates import interquartile_mean, performance_profile, probability_of_improvement
from engine.sweeps.spikes import spike_score

NAN = np.nan
KEPT = {k: np.array(v) for k, v in json.loads((Path(__file__).parent / "data" / "rliable.json").read_text()).items()}


def scores(table: np.ndarray) -> dict[str, np.ndarray]:
    return {str(k): column for k, column in enumerate(table.T)}


def test_as_rliable():
    """Another trimming, or ties that are not a half: scores have one decimal, so there are ties; rliable's are higher
    the better, so its other rule is our first."""
    one, other = scores(KEPT["one"]), scores(KEPT["other"])
    assert interquartile_mean(one, 10).value == pytest.approx(KEPT["iqm"], abs=1e-12)
    assert probability_of_improvement(other, one, 10).value == pytest.approx(KEPT["improvement"], abs=1e-12)
    at_most = [each.value for each in performance_profile(one, KEPT["thresholds"], 10)]
    assert at_most == pytest.approx(1 - KEPT["exceeding"], abs=1e-12)


def test_as_rliable_resampled():
    """A resample that is not counted as a sweep would be: the same indices, problem by problem."""
    again = [scores(np.take_along_axis(KEPT["one"], rows, 0)) for rows in KEPT["drawn"]]
    assert [interquartile_mean(a, 2).value for a in again] == pytest.approx(KEPT["resampled_iqm"], abs=1e-12)
    wins = [probability_of_improvement(scores(KEPT["other"]), a, 2).value for a in again]
    assert wins == pytest.approx(KEPT["resampled_improvement"], abs=1e-12)


def test_interquartile_mean_by_hand():
    """Ends that count: of 1 ... 7 and a diverged run the middle four, 3 to 6; of one seed there is no interval."""
    found = interquartile_mean({"a": np.array([7.0, 1, 5, 3]), "b": np.array([2, NAN, 4, 6.0])}, 500)
    assert found.value == 4.5 and found.low < 4.5 < found.high
    alone = interquartile_mean({"a": np.array([7.0])})
    assert alone.value == 7 and np.isnan(alone.low) and alone.note == "one seed: no interval"


def test_strata_do_not_mix():
    """Runs drawn from another problem's: where each problem's are alike there is nothing to draw."""
    found = interquartile_mean({"a": np.full(4, 1.0), "b": np.full(4, 5.0)}, 200)
    assert (found.value, found.low, found.high) == (3, 3, 3)


def test_pairs_stay_together():
    """Seeds drawn apart for the two rules: b is a a little later, seed by seed, and far seeds decide the rest, so that
    paired draws win (n + 1) / 2n at least: ties within one draw never go below a half."""
    a = np.arange(6.0) * 10
    found = probability_of_improvement({"p": a}, {"p": a + 1}, 500)
    assert found.value == pytest.approx(21 / 36) and found.low > 0.5  # 15 pairs and 6 of one seed
    with pytest.raises(ValueError, match=r"^scores: the two rules differ"):
        probability_of_improvement({"p": a}, {"q": a})


def test_spike_score():
    """A spike that is in its own window (100 would be 7 deviations from a mean it has moved), a spike downwards that
    does not count, the first 50 that do: 60 judged, two of them 100 and -100; NaN is left out; a flat run has none."""
    flat = np.tile([-1.0, 1.0], 55)
    run = flat.copy()
    run[[10, 60]] = 100, 0
    assert spike_score(flat[None]).value == 0 and spike_score(run[None]).value == 0
    run = flat.copy()
    run[[60, 109]] = 100, -300
    assert spike_score(run[None]).value == pytest.approx(2 / 60)
    gone = np.concatenate([run, np.full(30, NAN)])
    both = spike_score(np.stack([gone, np.concatenate([flat, np.full(30, NAN)])]))
    assert both.value == pytest.approx(1 / 60) and both.note == "the window is of 50 to 140 measurements"
    short = spike_score(flat[None, :50])
    assert np.isnan(short.value) and short.note == "no run has more than 50 measurements"
    assert spike_score(np.ones((2, 100))).value == 0


def test_spikes_at_seven_deviations():
    """Another number of deviations, or a window of another length: after 50 of -1 and 1, 50 of -2 and 2; over the last
    50 a 13.9 is no spike and a 14 is one, over all it would be at 11.1."""
    for last, score in ((13.9, 0), (14.0, 1 / 51)):
        run = np.concatenate([np.tile([-1.0, 1.0], 25), np.tile([-2.0, 2.0], 25), [last]])
        assert spike_score(run[None], window=50).value == pytest.approx(score)
