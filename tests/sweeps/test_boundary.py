"""The boundary of trainability: the maps against a plain loop, ranks by hand, the dimension of edges that have a known
one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks import boundary as plain
from benchmarks.coverage import covered, edges
from benchmarks.shapes import QUADRIC, filled, island
from engine.records import Sweep
from engine.rules import SAM, SGD
from engine.spec import encode
from engine.sweeps.boundary import boundaries, boxes, edge, ranks
from engine.sweeps.spec import Axis, SweepSpec
from engine.training.runs import RunSpec
from engine.work import sweeping
from engine.work.executors import Here
from engine.work.presets import BOUNDARIES

NAN, INF = np.nan, np.inf
DRAWS = 60


@pytest.mark.parametrize("title", BOUNDARIES)
def test_maps_against_a_loop_in_numpy(title, monkeypatch, tmp_path):
    """A ratio that is its inverse, a radius in other coordinates, a rank that forgets how a run diverged."""
    monkeypatch.setattr(sweeping, "executor", lambda settings: Here())
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path))
    spec, usual = BOUNDARIES[title].spec, RunSpec()
    assert spec.rules and (spec.run.rule, spec.run.lr) == (usual.rule, usual.lr), "as the page's controls describe it"
    few = replace(
        spec, run=replace(spec.run, steps=80, every=4), x=replace(spec.x, points=32), y=replace(spec.y, points=3)
    )
    found = plain.swept(few)
    curves = plain.looped(few)
    assert plain.correlation(found, plain.placed(curves)) >= 0.99
    assert 0.1 < (ranks(found) < 0).mean() < 0.9, "there are both sides"
    np.testing.assert_allclose(found.curves["train_loss"].reshape(96, -1)[:, 1], curves[:, 1], rtol=1e-6)


def by_hand(curves: list[list[float]], states: list[int]) -> Sweep:
    """A sweep of one row, each cell with one seed."""
    spec = SweepSpec(x=Axis("lr", 0.1, 1.0, len(states)), y=Axis(""), rules=(SGD(),))
    values, shape = np.array(curves), (1, 1, len(states), 1)
    return Sweep(
        spec=encode(spec),
        rows=np.array([NAN]),
        columns=np.array(spec.columns),
        outcomes={"train_loss": values[:, -1].reshape(shape), "state": np.array(states, float).reshape(shape)},
        curves={"train_loss": values.reshape(*shape, -1)},
        looks=np.linspace(0, 1, values.shape[1]),
    )


def test_ranks_by_hand():
    """Of four trained runs, two are alike: places 1/8, 3/8 and the mean of 5/8 and 7/8, less 1. Of three that are not,
    one ends above its start, one is lost late and one soon: 1/6, 3/6, 5/6. One is missing, one failed, and one begins
    without a loss."""
    trained = [[8, 2, 1], [4, 2, 2], [2, 1.5, 1.5], [4, 3, 3]]
    lost = [[4, 400, NAN], [4, 4, 5], [4, INF, NAN]]
    found = by_hand([*trained, *lost, [NAN] * 3, [NAN] * 3, [0, 1, 1]], [1, 1, 1, 1, 2, 1, 2, 0, 3, 1])
    expected = [-7 / 8, -5 / 8, -2 / 8, -2 / 8, 3 / 6, 1 / 6, 5 / 6, NAN, NAN, NAN]
    np.testing.assert_allclose(ranks(found).ravel(), expected)
    alone = ranks(by_hand(trained, [1] * 4)).ravel()
    assert (alone < 0).all(), "all on one side"


def test_dimensions_of_known_edges():
    """A slope of another sign or base, boxes so large that one holds all, an interval that is too narrow: on maps of
    64 x 64 the intervals hold the truth nine times in ten, and in the middle values are near it."""
    for name, rows in covered(DRAWS, kinds=(edges,)).items():
        held, bias = int(rows[:, 0].sum()), rows[:, 1].mean()
        assert held >= binom.ppf(0.001, DRAWS, 0.9) and abs(bias) < 0.1, (name, held, bias)


def test_edges_that_are_exact():
    """Corners counted twice: a straight edge is as long as the map, and takes half as many boxes of twice the side; a
    square's outline the same; an island of quadric Koch curves has 3/2."""
    straight = np.arange(65)[:, None] * np.ones(65) > 31
    assert edge(straight).sum() == 64 and boxes(straight).counts.tolist() == [32, 16, 8, 4]
    assert boxes(straight).dimension.value == pytest.approx(1) and boxes(straight).at_one == pytest.approx(64)
    assert edge(np.pad([[True]], 1)).all(), "one cell has four corners"
    square = np.zeros((129, 129), bool)
    square[33:97, 33:97] = True
    assert boxes(square).dimension.value == pytest.approx(1, abs=0.05)
    assert boxes(island(4, QUADRIC, 4)(np.random.default_rng(0), 256)).dimension.value == pytest.approx(1.5, abs=0.06)
    triangle = filled(np.array([0.5 + 0.5j, 6.5 + 0.5j, 0.5 + 6.5j]), 8)
    assert triangle.sum() == 6 * 5 / 2 + 6 and not triangle[0].any()


def test_what_has_no_boundary_is_told_in_a_line():
    """A dimension out of two sizes of boxes, or of nothing."""
    with pytest.raises(ValueError, match=r"^boundary: 32 cells each way are needed, got 64 by 16$"):
        boxes(np.zeros((64, 16), bool))
    with pytest.raises(ValueError, match=r"^boundary: all cells are on one side of it$"):
        boxes(np.zeros((64, 64), bool))
    (missing,) = boundaries(by_hand([[2, 1], [NAN, NAN]], [1, 0]))
    assert missing.boxes is None and missing.why == "boundary: 1 cells have no outcome"


def test_boxes_within_boxes():
    """Digits that end before the zoom does: a box of an eighth, twelve times, still has 64 even steps; a usual axis has
    the values that it always had."""
    axis = Axis("lr", 2.2, 3.6, 64)
    for _ in range(12):
        axis = axis.within(*(axis.values[i] for i in (20, 28)))
        steps = np.diff(np.log(axis.values))
        assert steps.min() > 0.9 * steps.max() > 0
    assert Axis("lr", 0.01, 10.0, 4).values == (0.01, 0.1, 1.0, 10.0) and Axis("lr", 1, 2, 7).values[1] == 1.12246
    assert axis.within(0.0, 100.0) == axis
    assert SweepSpec(x=axis, rules=(SAM(),)).shape[2] == 64
