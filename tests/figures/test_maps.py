"""Maps: values and paths are where they belong, on screen and in print, and a caption says what the colours do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from engine.figures import maps, theme
from engine.figures.render import paper
from tests.drawn import DRAWINGS, MAPS, a_map, plotly
from tests.states import SPEC, SURFACES, T, height, surface


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
