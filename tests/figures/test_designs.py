"""Designs drawn: every line crosses each axis at its value, the best and the lost ones are those that are, and a screen
gets no more lines than it shows."""

import numpy as np
import pytest

from engine.figures import designs
from engine.figures.parallel import Rail
from engine.figures.render import rails
from engine.figures.theme import colour
from tests.swept import DESIGN, DESIGNS, designed

FULL, SPEC = DESIGNS["full"]


@pytest.mark.parametrize(
    "low, high, log, middle", [(0.01, 100.0, True, 1.0), (0.0, 0.9, False, 0.45), (3.0, 3.0, True, 3.0)]
)
def test_an_axis_has_values_and_ticks_in_the_same_places(low, high, log, middle):
    """Finds a logarithm that is missing or is taken twice, and what lies beyond an end drawn beyond it."""
    rail = Rail("x", np.array([low, middle, high, 2 * high, np.nan]), low, high, log)
    same = low == high
    np.testing.assert_allclose(rail.heights, [0.5 * same, 0.5, 1 - 0.5 * same, 1 - 0.5 * same, np.nan], atol=1e-12)
    for height, word in rail.ticks:
        np.testing.assert_allclose(Rail("x", np.array([float(word)]), low, high, log).heights, height, atol=1e-9)
    assert 1 <= len(rail.ticks) <= 8


@pytest.mark.parametrize("rule", [0, 1])
@pytest.mark.parametrize("name", ["test loss", "test accuracy"])
def test_lines_are_the_points(rule, name):
    """Finds a knob on another's axis, an axis of a knob that the rule lacks, the worst drawn as the best, a lost point
    with a value, and a line of one that is not trained yet."""
    record = designed(done=0.5, status="running")
    drawing = designs.parallel(record, SPEC, name, rule)
    knobs = np.flatnonzero(DESIGN.has[rule])
    assert [rail.label for rail in drawing.rails[:-1]] == [designs.labels(SPEC)[k] for k in knobs]
    np.testing.assert_array_equal(np.stack([r.values for r in drawing.rails[:-1]], 1), record.values[rule][:, knobs])
    state, outcomes = record.outcomes["state"][rule], record.outcomes["test_loss"][rule].copy()
    outcomes[state == 2] = np.inf if name == "test loss" else -np.inf
    median = np.array(
        [np.median(row[s > 0]) if (s > 0).any() else np.nan for row, s in zip(outcomes, state, strict=True)]
    )
    kind = rails.kinds(drawing)
    assert (np.flatnonzero(np.isinf(median)) == np.flatnonzero(kind == "lost")).all() and (kind == "lost").any()
    assert ((kind == "") == np.isnan(median)).all() and (kind == "").any()
    finite = np.where(np.isfinite(median), median, np.nan)
    ordered = np.argsort(finite if name == "test loss" else -finite)[:10]
    assert drawing.best.tolist() == ordered.tolist() and {*np.flatnonzero(kind == "best")} == {*ordered}
    assert all(rails.hue(drawing, n, False) == colour("grey") for n in np.flatnonzero(kind == "lost").tolist())
    assert rails.hue(drawing, int(ordered[0]), False) == colour("ordinal 0")


def test_a_screen_gets_the_best_and_some_of_the_others(monkeypatch):
    """Finds a browser that is sent everything, and a best line that is thinned out."""
    monkeypatch.setattr(rails, "MOST", 20)
    drawing = designs.parallel(FULL, SPEC, rule=1)
    rows, _ = rails.lines_on_screen(drawing)
    drawn = rows.to_pandas().groupby("point")["y"].apply(list)
    assert 20 <= len(drawn) <= 30 and {*drawing.best} <= {*drawn.index}
    for point, heights in zip(drawn.index.tolist(), drawn, strict=True):
        np.testing.assert_array_equal(np.float32(heights), drawing.heights[point].astype(np.float32))
