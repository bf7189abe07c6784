"""Charts: their lines are what was computed, thinned and cut as they say, and captions tell the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.figures import alignments, charts, maps, spectra
from engine.figures.density import density, exact_density
from engine.figures.drawing import Chart, band, visible
from engine.figures.points import beads, thin
from engine.figures.render import vega
from engine.figures.ticks import log_ticks, ticks
from engine.records import Run
from tests.drawn import DRAWINGS
from tests.states import COLUMNS, SPEC, SPECTRA, T, alignment, columns, spectrum, surface


def test_frames_and_a_record_give_the_same_columns():
    data = columns()
    frames = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    run = Run(
        spec=SPEC,
        steps=data["step"].astype(int),
        seconds=data["seconds"],
        measures={name: data[name] for name in charts.MEASURES},
        path=np.zeros((T, 1)),
    )
    assert list(charts.columns(frames)) == list(charts.columns(run)) == list(data)
    for name in data:
        np.testing.assert_array_equal(charts.columns(frames)[name], charts.columns(run)[name])
    assert set(charts.columns([])) == set(data)


MANY = ("cells", "slices", "rows", "against", "ranks", "boxes", "parallel", "scatter", "knobs")


def test_captions_say_what_on_what_and_how():
    for name, draw in DRAWINGS.items():
        if name.endswith("/full") and not name.startswith("compare"):
            words = draw().words
            of_many = name.partition("/")[0] in MANY  # runs that share neither rule nor rate
            run = "SAM (ρ 0.05), no momentum, learning rate 0.1, batch 64, seed 0"
            what = "200 steps of batches of 64 each" if of_many else run
            assert "1,437 training examples of Digits" in words and what in words, name
            assert len(draw().source) in (16, 33)


def lines(chart: Chart) -> dict[str, str]:
    return {line.label: line.dash for line in chart.lines}


def test_edges_are_dashed_and_drawn_once():
    data = columns() | {"limit": np.full(T, 2 * columns()["sharpness"].max())}
    assert lines(charts.sharpness(data, SPEC)) == {"λ₁ measured": "solid", "SAM's edge": "dash", "2/η": "dash"}
    assert lines(charts.sharpness(data | {"edge": data["limit"]}, SPEC)) == {"λ₁ measured": "solid", "2/η": "dash"}
    heavy = SPEC | {"update": {"name": "Momentum", "momentum": 0.9, "decay": 0.0}}
    assert "gradient descent's edge" in lines(charts.sharpness(data, heavy))
    assert "2/η" not in lines(charts.sharpness(data | {"limit": data["limit"] * np.nan}, SPEC))


def test_theory_is_not_drawn_without_a_measurement():
    assert charts.sharpness(COLUMNS["untracked"], SPEC).lines == ()
    assert charts.sharpness(COLUMNS["untracked"], SPEC).note == "curvature is not tracked in this run"


def test_an_edge_far_away_does_not_flatten_what_was_measured():
    data = columns()
    far = charts.sharpness(data | {"limit": data["limit"] * 1e6}, SPEC)
    assert far.y_range and far.y_range[1] < 10 * data["sharpness"].max() and "2/η is far above the picture" in far.words
    assert "2/η, above" in lines(far) and "2/η" not in lines(far)  # whoever looks for it there finds no line
    near = charts.sharpness(data | {"limit": np.full(T, 5 * data["sharpness"].max())}, SPEC)
    assert near.y_range and near.y_range[1] > 5 * data["sharpness"].max() and "far above" not in near.words
    assert "2/η" in lines(near)


def test_gradient_and_direction_are_one_line_where_they_are_the_same():
    data = columns()
    assert len(charts.gradient_norms(data, SPEC).lines) == 2
    assert lines(charts.gradient_norms(data | {"direction_norm": data["gradient_norm"]}, SPEC)) == {
        "‖g‖ gradient = ‖u‖ direction": "solid"
    }


def test_what_cannot_be_drawn_is_counted():
    words = charts.losses(COLUMNS["diverged"], SPEC).words
    assert "Not drawn: 6 values that are NaN, infinite or not positive" in words
    assert "Not drawn" not in charts.losses(columns(), SPEC).words


def test_a_live_chart_keeps_its_spec_while_its_curves_grow():
    for draw in charts.LIVE.values():
        (_, before), (_, after) = (
            vega.vega(draw({name: v[:n] for name, v in columns().items()}, SPEC)) for n in (12, 20)
        )
        assert before == after


def test_a_legend_of_points_has_their_shapes():
    """Squares are not circles there."""
    chart = spectra.ends(SPECTRA["full"], SPEC)
    assert all(line.dash == "none" for line in chart.lines) and len({line.marker for line in chart.lines}) > 1
    points = next(layer for layer in vega.vega(chart)[1]["layer"] if "shape" in layer["encoding"])
    shape, fill = points["encoding"]["shape"], points["encoding"]["fill"]
    assert shape["scale"]["range"] == [vega.SHAPES[line.marker] for line in chart.lines]
    assert shape["legend"] == fill["legend"] and shape["field"] == fill["field"] == "series"  # one legend of both


def test_thin_keeps_extremes_ends_and_gaps():
    random = np.random.default_rng(3)
    for count in (5, 600, 601, 5000):
        y = random.normal(size=count).cumsum()
        y[count // 3] = np.nan
        kept = thin(y, 600)
        assert (
            len(kept) <= 600
            and (np.diff(kept) > 0).all()
            and {0, count - 1, count // 3, int(np.nanargmax(y)), int(np.nanargmin(y))} <= set(kept)
        )
    long = {name: np.interp(np.arange(5000), np.linspace(0, 5000, T), v) for name, v in columns().items()}
    rows, _ = vega.vega(charts.losses(long, SPEC))
    assert 500 <= max(rows["series"].to_pylist().count(label) for label in ("training", "held-out")) <= vega.POINTS


def test_bands_reach_the_floor_of_a_logarithmic_axis_and_no_further():
    chart = spectra.spectral_density(spectrum(), SPEC)
    edges, mean = band(chart, chart.lines[0]), visible(chart, chart.lines[0])
    assert (
        edges
        and chart.y_range
        and (edges[0] >= chart.y_range[0]).all()
        and (edges[1] >= np.maximum(mean, chart.y_range[0])).all()
    )
    assert (chart.lines[0].band[0] <= 0).any()  # pyright: ignore[reportOptionalSubscript]


def test_density_of_exact_nodes_is_the_exact_density():
    record, grid = spectrum(), np.linspace(-2, 5, 4001)
    exact = exact_density(record.exact, grid, 0.05)
    assert np.trapezoid(exact, grid) == pytest.approx(1, abs=1e-9)
    mean, error = density(replace(record, nodes=record.exact[None], weights=np.full((1, 200), 1 / 200)), grid, 0.05)
    np.testing.assert_allclose(mean, exact, atol=1e-12)
    assert np.isnan(error).all()
    twice = density(replace(record, nodes=np.array([[0.0], [1.0]]), weights=np.ones((2, 1))), np.array([0.0]), 0.1)
    peak = 1 / (0.1 * np.sqrt(2 * np.pi))
    assert twice[0][0] == pytest.approx(peak / 2, rel=1e-9) and twice[1][0] == pytest.approx(peak / 2, rel=1e-9)


def test_ranks_of_a_small_spectrum_are_not_said_twice():
    assert [name for _, name in spectra.ends(SPECTRA["of two"], SPEC).x_ticks] == ["1", "2"]
    assert [name for _, name in spectra.ends(spectrum(), SPEC).x_ticks] == ["1", "2", "3", "4", "5", "n−2", "n−1", "n"]
    residuals = np.array([0.01, 0.02, 0.03])
    smallest = spectra.ends(replace(spectrum(), bottom_residuals=residuals), SPEC).lines[1]
    lower, upper = smallest.band or (np.nan, np.nan)
    np.testing.assert_allclose((upper - lower) / 2, residuals[::-1], rtol=1e-9)
    values = np.concatenate([line.y for line in spectra.ends(spectrum(), SPEC).lines])
    assert (np.diff(values) <= 0).all()


def test_ticks_are_few_round_and_inside():
    for low, high in [(0, 1), (-0.042, 3.43), (0.99, 1.001), (-6.07, 6.07), (0, 2e6), (1e-9, 3e-9)]:
        found = ticks(low, high)
        assert 2 <= len(found) <= 11 and low - 1e-12 <= found[0] and found[-1] <= high + 1e-12
        assert all(len(f"{abs(v):.6e}".rstrip("0").split("e")[0].rstrip("0")) <= 5 for v in found)
    for low, high in [(-1.4, 0.6), (-8, 3), (0.1, 0.4), (2, 3), (-0.05, 0.02), (-0.96, -0.72), (-2.66, -2.05)]:
        for found in (log_ticks(low, high), log_ticks(low, high, 3)):
            assert 2 <= len(found) <= 11 and all(10**low * 0.999 <= v <= 10**high * 1.001 for v in found)
    assert beads(0).size == 0 and beads(5).tolist() == [0, 1, 2, 3, 4] and len(beads(1000)) == 12


def test_a_rescaled_rules_edge_says_where_it_is_2_over_eta():
    rescaled = SPEC | {"rule": {"name": "SSAM", "rule": SPEC["rule"], "shrink": False}}
    assert "2/η only where g lies along v₁" in charts.sharpness(columns(), rescaled).words
    assert "along v₁" not in charts.sharpness(columns(), SPEC).words


def test_captions_say_that_weight_decay_is_not_in_the_loss():
    decayed = SPEC | {"update": SPEC["update"] | {"decay": 0.01}}
    for spec, told in ((decayed, True), (SPEC, False)):
        captions = [
            maps.draw(surface(), spec).caption,
            maps.faithful(surface(), spec).caption,
            charts.losses(columns(), spec).caption,
            *(draw(spectrum(), spec).caption for draw in spectra.SPECTRUM.values()),
        ]
        assert all(("without a term for the weight decay of 0.01" in caption) == told for caption in captions)


def test_squared_cosines_stand_one_above_the_other():
    """Finds a layer that begins elsewhere than where the one below it ends, or is told as the sum of all below it."""
    record = alignment(4)
    chart = alignments.cosines_g(record, SPEC)
    lowest_first = chart.lines[::-1]
    assert [line.label for line in lowest_first] == ["v₁", "v₂", "v₃", "v₄"] and all(
        line.filled for line in chart.lines
    )
    floor = np.zeros(len(record.steps))
    rows = vega.vega(chart)[0].to_pandas()
    for nth, line in enumerate(lowest_first):
        assert line.band
        lower, upper = line.band
        np.testing.assert_allclose(lower, floor)
        np.testing.assert_allclose(upper - lower, record.cos_g[:, nth] ** 2, atol=1e-12)
        told = rows[rows["series"] == line.label]["own"]
        np.testing.assert_allclose(told, record.cos_g[:, nth] ** 2, atol=1e-6)
        floor = upper
