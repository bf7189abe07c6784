"""Charts and maps: what is drawn is what was computed, where it belongs, and the captions say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from engine.figures import charts, maps, spectra, theme
from engine.figures.density import density, exact_density
from engine.figures.drawing import Chart, band, beads, log_ticks, thin, ticks, visible
from engine.figures.render import paper, vega
from engine.figures.words import number
from engine.records import Run
from tests.drawn import (
    COLUMNS,
    DRAWINGS,
    MAPS,
    SPEC,
    SPECTRA,
    SURFACES,
    T,
    a_map,
    columns,
    height,
    plotly,
    spectrum,
    surface,
)


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


@pytest.mark.parametrize("quantity", maps.QUANTITIES)
def test_print_shows_the_value_where_it_belongs(quantity: str):
    """Reads the colours back from the pixels of the picture, and turns them into values again."""
    drawing = replace(maps.draw(surface(41), SPEC, quantity), path_a=np.full(T, np.nan))
    figure = paper.figure(drawing)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels, axes = np.asarray(canvas.buffer_rgba())[..., :3] / 255, figure.axes[0]
    scale = np.array([[int(theme._viridis(t)[k : k + 2], 16) / 255 for k in (1, 3, 5)] for t in np.linspace(0, 1, 400)])
    low, high = drawing.range
    for a, b in np.random.default_rng(0).uniform(-1.8, 1.8, (60, 2)):
        x, y = axes.transData.transform((a, b))
        patch = pixels[-int(y) - 3 : -int(y) + 2, int(x) - 2 : int(x) + 3].reshape(-1, 3)
        miss = np.linalg.norm(patch[:, None] - scale[None], axis=2)
        step = int(miss.min(axis=0).argmin())
        value = height(a, b) if quantity != "accuracy" else 1 / (1 + height(a, b))
        expected = (np.log10(value) if quantity == "log loss" else value) - low
        assert step / 399 == pytest.approx(np.clip(expected / (high - low), 0, 1), abs=0.035)


@pytest.mark.parametrize("name", MAPS)
def test_screen_shows_the_value_where_it_belongs(name: str):
    drawing = a_map(name)
    if drawing.empty:
        return
    for figure in plotly(drawing):
        ground = figure.data[0]
        x, y = np.meshgrid(ground.x, ground.y)
        assert ground.z.dtype == ground.x.dtype == np.float32
        np.testing.assert_array_equal(ground.customdata, drawing.z.astype(np.float32))
        inside = np.isfinite(drawing.z) & (drawing.z >= drawing.limits[0]) & (drawing.z <= drawing.limits[1])
        heights = 10.0**ground.z if drawing.log else ground.z
        np.testing.assert_allclose(heights[inside], drawing.z[inside], rtol=1e-5, atol=1e-9)
        assert np.isnan(ground.z[~np.isfinite(drawing.z)]).all()
    if name == "loss/full":
        np.testing.assert_allclose(ground.z, height(x, y), rtol=1e-6)


@pytest.mark.parametrize("quantity", maps.QUANTITIES)
def test_path_is_drawn_at_its_coordinates(quantity: str):
    record, drawing = surface(), maps.draw(surface(), SPEC, quantity)
    assert drawing.x_label.startswith(record.labels[0]) and drawing.y_label.startswith(record.labels[1])
    figure = paper.figure(drawing)
    (path,) = (line for line in figure.axes[0].lines if line.get_gid() == "path")
    np.testing.assert_array_equal(path.get_xydata(), np.stack([record.path_a, record.path_b], axis=1))
    assert figure.axes[0].get_aspect() == 1 and plotly(drawing)[0].layout.yaxis.scaleanchor == "x"
    flat, solid = (next(t for t in f.data if t.name == "path") for f in plotly(drawing))
    for trace in (flat, solid):
        np.testing.assert_allclose(trace.x, record.path_a, rtol=1e-6)
        np.testing.assert_allclose(trace.y, record.path_b, rtol=1e-6, atol=1e-9)
    low, high = drawing.range
    if quantity != "accuracy":
        truth = np.log10(record.path_loss) if quantity == "log loss" else record.path_loss
        np.testing.assert_allclose(solid.z, np.clip(truth, low, high), atol=0.02 * (high - low))
    else:
        np.testing.assert_allclose(drawing.path_z, 1 / (1 + height(record.path_a, record.path_b)), atol=0.01)
    named = [t for t in plotly(drawing)[0].data if t.name and t.name.startswith(("start", "centre"))]
    stations = {t.name: (float(t.x[0]), float(t.y[0])) for t in named}
    assert stations == {
        "start, step 0": pytest.approx((1.4, -1)),
        "centre: checkpoint 20, step 500": pytest.approx((0, 0)),
    }


@pytest.mark.parametrize("resolution", [3, 9, 20, 21, 50, 51])
def test_partial_surface_is_its_complete_part(resolution: int):
    from engine.analyses.surface import levels

    known = np.full((resolution, resolution), np.nan)
    for stride, cells in levels(resolution):
        for i, j in cells:
            known[i, j] = 100 * i + j
        grid = maps.complete(replace(surface(resolution), loss=known, accuracy=known, stride=stride))
        assert np.isfinite(grid.loss).all() and grid.loss.size == np.isfinite(known).sum()
        i, j = np.flatnonzero(grid.b == 0)[0], np.flatnonzero(grid.a == 0)[0]
        assert grid.loss[i, j] == 101 * (resolution // 2)
    assert maps.complete(surface(resolution, 0)).loss.size == 0


@pytest.mark.parametrize("name", MAPS)
def test_data_of_a_map_are_never_replaced(name: str):
    quantity, state = name.split("/")
    record, drawing = SURFACES[state], a_map(name)
    if record.stride == 1:
        np.testing.assert_array_equal(drawing.z, record.accuracy if quantity == "accuracy" else record.loss)


SAID = {
    "loss/peak": "Colours and heights end at",
    "log loss/zero in places": "The logarithm is floored at",
    "loss/holes": "7 cells are NaN or infinite and left blank",
    "log loss/zero": "No loss here is positive",
    "loss/constant": "The value is 0.5 in every cell",
    "loss/coarse": "a coarse 3×3 of 21×21 so far",
    "loss/lost path": "The path is a single point, or is not finite",
    "loss/full": "The plane holds 93.0% of the path's squared distance from the centre",
}


@pytest.mark.parametrize("name", SAID)
def test_caption_says_what_the_colours_do_not(name: str):
    quantity = name.split("/")[0]
    assert SAID[name] in DRAWINGS[name]().words
    assert (SAID[name] in DRAWINGS[f"{quantity}/full"]().words) == (name == "loss/full")


def test_a_peak_does_not_blind_the_map():
    drawing = a_map("loss/peak")
    assert drawing.limits[1] < 10 and drawing.z.max() == 1e9
    assert np.isfinite(drawing.shown).all() and drawing.shown.max() == drawing.limits[1]


def test_captions_say_what_on_what_and_how():
    for name, draw in DRAWINGS.items():
        if name.endswith("/full") and not name.startswith("compare"):
            words = draw().words
            assert (
                "1,437 training examples of Digits" in words
                and "SAM (rho 0.05), no momentum, learning rate 0.1, batch 64, seed 0" in words
            ), name
            assert len(draw().source) in (16, 33)


def lines(chart: Chart) -> dict[str, str]:
    return {line.label: line.dash for line in chart.lines}


def test_edges_are_dashed_and_drawn_once():
    data = columns()
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
    near = charts.sharpness(data | {"limit": np.full(T, 5 * data["sharpness"].max())}, SPEC)
    assert near.y_range and near.y_range[1] > 5 * data["sharpness"].max() and "far above" not in near.words


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
    assert 500 <= max(rows["series"].tolist().count(label) for label in ("training", "held-out")) <= vega.POINTS


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


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.1, "0.1"),
        (0, "0"),
        (1000, "1,000"),
        (12.5, "12.5"),
        (200.0, "200"),
        (-0.5, "-0.5"),
        (1e-7, "10⁻⁷"),
        (2e-5, "2×10⁻⁵"),
        (3e6, "3×10⁶"),
        (0.05, "0.05"),
    ],
)
def test_numbers_are_written_as_people_say_them(value: float, said: str):
    assert number(value) == said


def test_numbers_of_fewer_digits_and_none():
    """Significant digits, not those after the point, and no "nan" in a caption or on a page."""
    assert [number(1234.5678, digits) for digits in (1, 2, 5)] == ["1,235", "1,235", "1,234.6"]
    assert [number(0.012345, digits) for digits in (1, 3)] == ["0.01", "0.0123"] and number(1.26e-7, 2) == "1.3×10⁻⁷"
    assert {number(value) for value in (np.nan, np.inf, -np.inf)} == {"–"}


def test_ticks_are_few_round_and_inside():
    for low, high in [(0, 1), (-0.042, 3.43), (0.99, 1.001), (-6.07, 6.07), (0, 2e6), (1e-9, 3e-9)]:
        found = ticks(low, high)
        assert 2 <= len(found) <= 11 and low - 1e-12 <= found[0] and found[-1] <= high + 1e-12
        assert all(len(f"{abs(v):.6e}".rstrip("0").split("e")[0].rstrip("0")) <= 5 for v in found)
    for low, high in [(-1.4, 0.6), (-8, 3), (0.1, 0.4), (2, 3), (-0.05, 0.02)]:
        found = log_ticks(low, high)
        assert 1 <= len(found) <= 11 and all(10**low * 0.999 <= v <= 10**high * 1.001 for v in found)
    assert beads(0).size == 0 and beads(5).tolist() == [0, 1, 2, 3, 4] and len(beads(1000)) == 12


def test_a_rescaled_rules_edge_says_where_it_is_2_over_eta():
    rescaled = SPEC | {"rule": {"name": "SSAM", "rule": SPEC["rule"], "shrink": False}}
    assert "2/η only where g lies along v₁" in charts.sharpness(columns(), rescaled).words
    assert "along v₁" not in charts.sharpness(columns(), SPEC).words


def test_the_self_check_passes_only_by_a_small_deviation():
    """No cell compared is no check, and one that is infinitely wrong fails, on the page and in the caption."""
    whole = surface()
    marks = {check: maps.verdict(replace(whole, check=check)) for check in (1e-5, 0.02, np.inf)}
    assert [mark[0] for mark, _ in marks.values()] == ["✓", "✗", "✗"]
    assert maps.verdict(replace(whole, check=np.nan)) == ("–", "no cell is finite")
    assert maps.verdict(replace(whole, stride=2, check=np.nan)) == ("–", "when complete")
    said = {check: maps.draw(replace(whole, check=check), SPEC).caption for check in (np.nan, np.inf)}
    assert "precision: no cell is finite." in said[np.nan] and "a cell is not finite where the loss is" in said[np.inf]


def test_points_left_out_are_told():
    lost = replace(surface(), left_out=2)
    for told in (maps.draw(lost, SPEC).caption, maps.faithful(lost, SPEC).caption):
        assert "2 points of the path are left out: they are not finite" in told
    assert "left out" not in maps.draw(surface(), SPEC).caption


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
