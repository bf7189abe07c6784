"""Two runs' figures on equal axes: what either draws lies on both, as one can see on the screen and in print."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from engine.figures import maps, pairs
from engine.figures.drawing import Chart, visible
from engine.figures.render import plane, plotly, turned, vega
from tests.states import SPEC, alignment, spectrum, surface

SGD = SPEC | {"rule": {"name": "SGD"}}


def domains(chart: Chart) -> set[tuple]:
    """The ends of both axes on the screen, with the axis."""
    encodings = [layer["encoding"] for layer in vega.vega(chart)[1]["layer"]] + [vega.vega(chart)[1]["encoding"]]
    scales = {
        (side, one[side]["scale"].get("type"), *one[side]["scale"].get("domain", ()))
        for one in encodings
        for side in "xy"
        if "scale" in one.get(side, {})
    }
    assert all(len(scale) == 4 for scale in scales), "an axis that fits its own data"
    return scales


@pytest.mark.parametrize("name", pairs.ALIGNMENT)
def test_the_charts_of_two_runs_have_the_same_axes_and_hold_both(name):
    """Finds an axis that fits one of the runs alone; the second is shorter and reaches higher."""
    whole = alignment()
    short = replace(whole, steps=whole.steps // 2 + 7, values=3 * whole.values, edge=3 * whole.edge)
    both = pairs.ALIGNMENT[name](whole, SPEC, short, SGD)
    assert domains(both[0]) == domains(both[1])
    for chart in both:
        assert chart.x_range and chart.y_range
        for line in (line for line in chart.lines if not line.theory):
            y = visible(chart, line)
            seen = np.isfinite(y)
            assert chart.x_range[0] <= line.x[seen].min() and line.x[seen].max() <= chart.x_range[1]
            assert chart.y_range[0] <= y[seen].min() and y[seen].max() <= chart.y_range[1]


def test_two_densities_are_smoothed_alike_and_their_outliers_marked():
    """Finds a width that is each spectrum's own, which makes the bumps of the narrow one higher than they are."""
    one = spectrum()
    narrow = replace(one, nodes=one.nodes / 4, exact=one.exact / 4, top=one.top / 4, bottom=one.bottom / 4)
    first, second = pairs.densities(one, SPEC, narrow, SGD)
    assert domains(first) == domains(second)
    marked = [chart.lines[-1] for chart in (first, second)]
    assert np.array_equal(marked[0].x, one.top) and np.array_equal(marked[1].x, narrow.top)
    assert np.array_equal(marked[0].y, marked[1].y)
    widths = {re.findall(r"standard deviation ([\d.]+\d)", chart.caption)[0] for chart in (first, second)}
    assert len(widths) == 1


def test_two_maps_of_unlike_spans_have_the_same_ends_on_screen_and_in_print():
    """Finds axes that fit each surface alone: the narrower of two equal bowls looks as wide as the other then."""
    wide = surface()
    narrow = replace(wide, a=wide.a / 4, b=wide.b / 3, path_a=wide.path_a / 4, path_b=wide.path_b / 3)
    both = pairs.surfaces(wide, SPEC, narrow, SGD, "loss")
    axes = (wide.a[0], wide.a[-1]), (wide.b[0], wide.b[-1])
    for drawn in both:
        layout = plotly.contour(drawn).layout
        assert (layout.xaxis.range, layout.yaxis.range) == axes
        assert (layout.scene.xaxis.range, layout.scene.yaxis.range) == axes
        flat = plane.map_in_print(drawn, 5.5, 0.5, 9).axes[0]
        assert (flat.get_xlim(), flat.get_ylim()) == axes
        solid = turned.figure(drawn, turned.View()).axes[0]
        assert (solid.get_xlim(), solid.get_ylim()) == axes
    assert both[1].a[-1] == narrow.a[-1]


@pytest.mark.parametrize("quantity", maps.QUANTITIES)
def test_two_maps_have_one_scale_of_colours(quantity):
    """Finds colours that are made for one of the surfaces alone."""
    low, high = surface(), surface()
    high = replace(high, loss=5 * high.loss, accuracy=high.accuracy / 2)
    both = pairs.surfaces(low, SPEC, high, SGD, quantity)
    assert both[0].limits == both[1].limits and "One scale of colours for 2 maps" in both[1].caption
    alone = [maps.draw(low, SPEC, quantity).limits, maps.draw(high, SGD, quantity).limits]
    assert both[0].limits[0] == min(a[0] for a in alone) and both[0].limits[1] == max(a[1] for a in alone)
