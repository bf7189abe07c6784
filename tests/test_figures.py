"""Figures: every drawing in every state of its data, on every renderer; what is drawn is what was computed."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import dropwhile
from typing import Any
from xml.etree import ElementTree

import altair
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from engine.density import density, exact_density
from engine.figures import charts, maps, paper, screen, spectra, theme
from engine.figures.drawing import Chart, Drawing, Map, band, beads, log_ticks, say, thin, ticks, visible
from engine.records import Alignment, Run, Spectrum, Surface

SPEC = {
    "name": "RunSpec",
    "problem": {"name": "Classification", "data": {"name": "Digits", "train": 1437}, "model": {"name": "MLP", "width": 20}, "objective": "cross-entropy"},
    "rule": {"name": "SAM", "rho": 0.05}, "update": {"name": "Momentum", "momentum": 0.0, "decay": 0.0},
    "lr": 0.1, "schedule": {"name": "Constant"}, "batch": 64, "steps": 500, "seed": 0, "every": 25, "curvature": True,
}  # fmt: skip
TOY = SPEC | {"problem": {"name": "Beale", "begin": [1.0, 1.5]}}
T = 21


def height(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A surface that no reflection or transposition leaves as it is."""
    return 1.0 + (a - 0.3) ** 2 + 0.4 * (b + 0.2) ** 2 + 0.3 * a * b + 0.2 * b


def columns() -> dict[str, np.ndarray]:
    random, falling = np.random.default_rng(0), np.exp(-np.linspace(0, 4, T))
    drawn = {name: falling * random.uniform(0.5, 1, T) for name in charts.MEASURES}
    return {"step": np.arange(T) * 25, "seconds": np.arange(T) * 0.5} | drawn | {"limit": np.full(T, 20.0), "sharpness_residual": np.full(T, 0.02)}


def surface(resolution: int = 21, stride: int = 1) -> Surface:
    line = (np.arange(resolution) - resolution // 2) * (2 / (resolution // 2))
    path = np.stack([np.linspace(1.4, 0, T), np.linspace(-1, 0, T) ** 3])
    known = (np.arange(resolution) - resolution // 2) % max(stride, 1) == 0
    loss = np.where((known[:, None] & known) if stride else False, height(line[None], line[:, None]), np.nan)
    steps, far = np.arange(T) * 25, np.linspace(2, 0, T)
    return Surface(
        {"name": "SurfaceSpec"}, "0" * 16, T - 1, "train", ("path direction 1", "path direction 2"), "parameter distance",
        line, line.copy(), loss, 1 / (1 + loss), stride, (1.0, 1.0), 0.0, steps, path[0], path[1], far / 4, far,
        height(*path) + 0.1, height(*path), 0.93, 1e-7,
    )  # fmt: skip


def with_cells(change: Callable[[np.ndarray], np.ndarray]) -> Surface:
    whole = surface()
    return replace(whole, loss=change(whole.loss.copy()), accuracy=change(whole.accuracy.copy()))


def hole(z: np.ndarray) -> np.ndarray:
    z[3, 4], z[0, 0], z[20, :5] = np.nan, np.inf, np.nan
    return z


def peak(z: np.ndarray) -> np.ndarray:
    z[:2, :2] = 1e9
    return z


def spectrum() -> Spectrum:
    random = np.random.default_rng(1)
    exact = np.sort(np.concatenate([random.normal(0, 0.02, 190), random.uniform(0.5, 3, 10)]))
    nodes = np.sort(random.choice(exact, (4, 12)), axis=1)
    top, bottom, weights = exact[::-1][:5], exact[:3], np.full((4, 12), 1 / 12)
    return Spectrum(
        {"name": "SpectrumSpec"}, "0" * 16, 20, 200, 300, top, np.full(5, 0.05), bottom, np.full(3, 0.01), nodes, weights, exact, 12.3456, 0.78, 0.1
    )


def alignment(k: int = 5) -> Alignment:
    values = np.sort(np.random.default_rng(2).uniform(1, 9, (T, k)), axis=1)[:, ::-1]
    unit, steps = values / 10, np.arange(T) * 25
    overlap = np.r_[np.nan, np.linspace(0.3, 1, T - 1)]
    rest = unit[:, 0], unit[:, 1], overlap, unit[:, 2], unit[:, 3] * 9, np.full(T, 20.0)
    return Alignment({"name": "AlignmentSpec"}, "0" * 16, steps, values, values * 0.01, unit, unit**2, *rest)


def _map_columns(change: Callable[[str, np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    return {name: change(name, values) for name, values in columns().items()}


def _diverged(name: str, values: np.ndarray) -> np.ndarray:
    return values if name in ("step", "seconds") else np.where(np.arange(T) < T - 3, values * 1e25 ** (np.arange(T) / T), [np.inf] * (T - 1) + [np.nan])


FUNCTION = ("train_accuracy", "test_loss", "test_accuracy")
COLUMNS = {
    "full": columns(),
    "empty": charts.columns([]),
    "one frame": _map_columns(lambda _, v: v[:1]),
    "diverged": _map_columns(_diverged),
    "untracked": _map_columns(lambda name, v: v * np.nan if name in ("sharpness", "sharpness_residual", "cos_g", "cos_u", "edge") else v),
    "zeros": _map_columns(lambda name, v: v if name in ("step", "seconds") else v * 0),
    "function": _map_columns(lambda name, v: v * np.nan if name in FUNCTION else v),
}
SURFACES = {
    "full": surface(),
    "even": surface(20),
    "unbegun": surface(21, 0),
    "coarse": surface(21, 8),
    "finer": surface(20, 2),
    "holes": with_cells(hole),
    "nothing finite": with_cells(lambda z: z * np.nan),
    "constant": with_cells(lambda z: z * 0 + 0.5),
    "zero": with_cells(lambda z: z * 0),
    "zero in places": with_cells(lambda z: np.maximum(z - 1.5, 0)),
    "negative": with_cells(lambda z: z - 2),
    "peak": with_cells(peak),
    "lost path": replace(surface(), **dict.fromkeys(("path_a", "path_b", "path_loss", "residual"), np.full(T, np.nan)), explained=np.nan, check=np.nan),
}
SPECTRA = {
    "full": spectrum(),
    "ends only": replace(spectrum(), nodes=np.zeros(0), weights=np.zeros(0), exact=np.zeros(0), trace=np.nan, trace_error=np.nan),
    "one probe": replace(spectrum(), nodes=spectrum().nodes[:1], weights=spectrum().weights[:1], exact=np.zeros(0), trace_error=np.nan),
    "of two": Spectrum(
        {},
        "0" * 16,
        0,
        2,
        4,
        np.array([3.0, 1.0]),
        np.zeros(2),
        np.array([1.0, 3.0]),
        np.zeros(2),
        np.zeros(0),
        np.zeros(0),
        np.array([1.0, 3.0]),
        4.0,
        0.0,
        0.0,
    ),
    "of nothing": replace(spectrum(), nodes=np.zeros((2, 4)), weights=np.full((2, 4), 0.25), exact=np.zeros(200), top=np.zeros(5), bottom=np.zeros(3)),
}
ALIGNMENTS = {
    "full": alignment(),
    "many": alignment(20),
    "one": Alignment({}, "0" * 16, *(getattr(alignment(), name)[:1] for name in list(Alignment.__dataclass_fields__)[2:])),
    "none": Alignment({}, "0" * 16, *[np.zeros(0)] * 11),
}
RUNS = [("plain, first", "SGD"), ('$x_{1}$ "quoted"', "SAM"), ("# <&>", "SAM"), ("new rule", "Unheard")]


def compared(measure: str, runs: list[tuple[str, str]]) -> Chart:
    return charts.compare([(label, rule, columns()["step"], columns()[measure] * (i + 1)) for i, (label, rule) in enumerate(runs)], measure)


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    **{f"{name}/{state}": partial(draw, data, TOY if state == "function" else SPEC) for name, draw in charts.LIVE.items() for state, data in COLUMNS.items()},
    **{f"{name}/{state}": partial(draw, data, SPEC) for name, draw in spectra.SPECTRUM.items() for state, data in SPECTRA.items()},
    **{f"{name}/{state}": partial(draw, data, SPEC) for name, draw in charts.ALIGNMENT.items() for state, data in ALIGNMENTS.items()},
    **{f"{quantity}/{state}": partial(maps.draw, data, SPEC, quantity) for quantity in maps.QUANTITIES for state, data in SURFACES.items()},
    **{f"faithful/{state}": partial(maps.faithful, data, SPEC) for state, data in SURFACES.items()},
    **{f"compare/{measure}": partial(compared, measure, RUNS) for measure in charts.MEASURES},
    "compare/full": partial(compared, "test_loss", RUNS),
    "compare/none": partial(compared, "test_loss", []),
    "accuracy/function": partial(maps.draw, with_cells(lambda z: z * np.nan), TOY, "accuracy"),
}
every = pytest.mark.parametrize("name", DRAWINGS)
full = pytest.mark.parametrize("name", [name for name in DRAWINGS if name.endswith("/full")])
MAPS = [f"{quantity}/{state}" for quantity in maps.QUANTITIES for state in SURFACES]


@every
def test_on_screen_light_and_dark(name: str):
    drawing = DRAWINGS[name]()
    for dark in (False, True):
        if isinstance(drawing, Map):
            for figure in plotly(drawing, dark):
                assert (len(figure.data) == 0) == drawing.empty
                assert json.loads(figure.to_json())["layout"].get("template", {}) == {}
            continue
        rows, spec = screen.vega(drawing, dark)
        text = json.dumps(spec, allow_nan=False)
        assert "np." not in text and "nan" not in text
        altair.LayerChart.from_dict(spec | {"data": {"values": []}})
        assert not np.isinf(rows[["x", "y", "lower", "upper"]].to_numpy(float)).any()
        assert (drawing.note in text) == drawing.empty


@every
def test_in_print(name: str):
    drawing = DRAWINGS[name]()
    svg = paper.export(drawing, "svg", 3.25, caption=True)
    words = " ".join("".join(ElementTree.fromstring(svg).itertext()).split())
    assert drawing.x_label in words
    assert (drawing.note in words) == drawing.empty
    assert "".join(drawing.words.split()) in "".join(words.split())


def plotly(drawing: Map, dark: bool = False) -> list[Any]:
    return [screen.contour(drawing, dark), screen.scene(drawing, dark)]


def a_map(name: str) -> Map:
    drawing = DRAWINGS[name]()
    assert isinstance(drawing, Map)
    return drawing


@full
def test_same_bytes_of_exact_size(name: str):
    drawing, width = DRAWINGS[name](), theme.PAPERS["ICML, one column"].width
    pdf, svg, png = (paper.export(drawing, form, width) for form in paper.FORMATS)
    assert [pdf, svg, png] == [paper.export(DRAWINGS[name](), form, width) for form in paper.FORMATS]
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf and b"/Type3" not in pdf
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
    assert box and float(box[1]) == pytest.approx(72 * width, abs=0.01)
    assert f'width="{72 * width:g}pt"'.encode() in svg and b"<text" in svg
    assert int.from_bytes(png[16:20], "big") == round(300 * width) and drawing.title.encode() in png


@pytest.mark.parametrize("width", sorted({width for width, _ in theme.PAPERS.values()}))
@full
def test_nothing_is_cut_off(name: str, width: float):
    figure = paper.figure(DRAWINGS[name](), width, caption=True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text().strip()]
    inches = [t.get_window_extent(renderer).transformed(figure.dpi_scale_trans.inverted()) for t in texts]
    assert len(inches) > 4
    outside = [
        t.get_text()
        for t, box in zip(texts, inches, strict=True)
        if box.x0 < -0.02 or box.x1 > width + 0.02 or box.y0 < -0.02 or box.y1 > figure.get_figheight() + 0.02
    ]
    assert not outside
    caption = next(box for t, box in zip(texts, inches, strict=True) if t.get_text().startswith(DRAWINGS[name]().words[:12]))
    plot = figure.axes[0].get_tightbbox(renderer)
    assert plot and plot.transformed(figure.dpi_scale_trans.inverted()).y0 >= caption.y1 - 0.01


def numbers(drawing: Drawing) -> list[list[float]]:
    """What the CSV must hold, a row each, made from the drawing by other means."""
    if isinstance(drawing, Map):
        cells = [[drawing.a[j], drawing.b[i], drawing.z[i, j]] for i, j in np.ndindex(drawing.z.shape)]
        return cells + np.stack([drawing.path_a, drawing.path_b, drawing.path_z], axis=1).tolist()
    empty = np.array(np.nan)
    rows = [np.stack(np.broadcast_arrays(line.x, line.y, *(line.band or (empty, empty))), axis=1) for line in drawing.lines]
    return np.concatenate([*rows, np.stack(np.broadcast_arrays(drawing.rug, empty, empty, empty), axis=1)]).tolist()


@every
def test_csv_gives_back_every_number_exactly(name: str):
    drawing = DRAWINGS[name]()
    head, body = paper.csv(drawing), list(dropwhile(lambda line: line.startswith("# "), paper.csv(drawing).splitlines()))
    assert " ".join(drawing.words.split()) in head and drawing.x_label in head and drawing.source in head
    rows = list(csv.reader(body))
    skip = 2 if isinstance(drawing, Map) else 1
    read = [[float(v or "nan") for v in row[skip:]] for row in rows[1:]]
    assert len(read) == len(numbers(drawing))
    np.testing.assert_array_equal(np.array(read, float).ravel(), np.array(numbers(drawing), float).ravel())
    if isinstance(drawing, Map):
        assert [int(row[1]) for row in rows[1:] if row[0] == "path"] == drawing.path_steps.tolist()
    else:
        assert [row[0] for row in rows[1:]] == [line.label for line in drawing.lines for _ in line.x] + [drawing.rug_label] * len(drawing.rug)


def test_csv_is_read_by_pandas():
    table = pd.read_csv(io.StringIO(paper.csv(maps.draw(surface(), SPEC))), comment="#")
    cells = table[table.part == "cell"]
    np.testing.assert_allclose(cells.value, height(cells.a.to_numpy(), cells.b.to_numpy()), rtol=1e-14)


def test_neither_torch_nor_streamlit_is_imported():
    code = "import sys, engine.figures.charts, engine.figures.spectra, engine.figures.maps, engine.figures.screen, engine.figures.paper; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "engine.figures.paper" in loaded and not {"torch", "streamlit"} & set(loaded)


def test_tables_know_what_the_engine_knows():
    from engine.rules import RULES
    from engine.train import MEASURES

    assert list(charts.MEASURES) == list(MEASURES)
    assert set(theme.RULES) == set(RULES)
    assert len(set(theme.RULES.values())) == len(theme.RULES) and theme.OTHER not in theme.RULES.values()


def test_frames_and_a_record_give_the_same_columns():
    data = columns()
    frames = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    run = Run(SPEC, "finished", steps=data["step"], seconds=data["seconds"], measures={name: data[name] for name in charts.MEASURES})
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
    assert stations == {"start, step 0": pytest.approx((1.4, -1)), "centre: checkpoint 20, step 500": pytest.approx((0, 0))}


@pytest.mark.parametrize("resolution", [3, 9, 20, 21, 50, 51])
def test_partial_surface_is_its_complete_part(resolution: int):
    from engine.landscape import levels

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
    "loss/peak": "Colours and heights end at", "log loss/zero in places": "The logarithm is floored at",
    "loss/holes": "7 cells are NaN or infinite and left blank",
    "log loss/zero": "No loss here is positive", "loss/constant": "The value is 0.5 in every cell",
    "loss/coarse": "a coarse 3×3 of 21×21 so far",
    "loss/lost path": "The path is a single point, or is not finite", "loss/full": "The plane holds 93.0% of the path's squared distance from the centre",
}  # fmt: skip


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
            assert "1,437 training examples of Digits" in words and "SAM (rho 0.05), no momentum, learning rate 0.1, batch 64, seed 0" in words, name
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
    assert lines(charts.gradient_norms(data | {"direction_norm": data["gradient_norm"]}, SPEC)) == {"‖g‖ gradient = ‖u‖ direction": "solid"}


def test_what_cannot_be_drawn_is_counted():
    words = charts.losses(COLUMNS["diverged"], SPEC).words
    assert "Not drawn: 6 values that are NaN, infinite or not positive" in words
    assert "Not drawn" not in charts.losses(columns(), SPEC).words


def test_a_live_chart_keeps_its_spec_while_its_curves_grow():
    for draw in charts.LIVE.values():
        (_, before), (_, after) = (screen.vega(draw({name: v[:n] for name, v in columns().items()}, SPEC)) for n in (12, 20))
        assert before == after


def test_thin_keeps_extremes_ends_and_gaps():
    random = np.random.default_rng(3)
    for count in (5, 600, 601, 5000):
        y = random.normal(size=count).cumsum()
        y[count // 3] = np.nan
        kept = thin(y, 600)
        assert len(kept) <= 600 and (np.diff(kept) > 0).all() and {0, count - 1, count // 3, int(np.nanargmax(y)), int(np.nanargmin(y))} <= set(kept)
    long = {name: np.interp(np.arange(5000), np.linspace(0, 5000, T), v) for name, v in columns().items()}
    rows, _ = screen.vega(charts.losses(long, SPEC))
    assert 500 <= max(rows["series"].tolist().count(label) for label in ("training", "held-out")) <= screen.POINTS


def test_bands_reach_the_floor_of_a_logarithmic_axis_and_no_further():
    chart = spectra.spectral_density(spectrum(), SPEC)
    edges, mean = band(chart, chart.lines[0]), visible(chart, chart.lines[0])
    assert edges and chart.y_range and (edges[0] >= chart.y_range[0]).all() and (edges[1] >= np.maximum(mean, chart.y_range[0])).all()
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
    values = np.concatenate([line.y for line in spectra.ends(spectrum(), SPEC).lines])
    assert (np.diff(values) <= 0).all()


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.1, "0.1"), (0, "0"), (1000, "1,000"), (12.5, "12.5"), (200.0, "200"), (-0.5, "-0.5"), (1e-7, "10⁻⁷"), (2e-5, "2×10⁻⁵"), (3e6, "3×10⁶"), (0.05, "0.05")],
)
def test_numbers_are_written_as_people_say_them(value: float, said: str):
    assert say(value) == said


def test_ticks_are_few_round_and_inside():
    for low, high in [(0, 1), (-0.042, 3.43), (0.99, 1.001), (-6.07, 6.07), (0, 2e6), (1e-9, 3e-9)]:
        found = ticks(low, high)
        assert 2 <= len(found) <= 11 and low - 1e-12 <= found[0] and found[-1] <= high + 1e-12
        assert all(len(f"{abs(v):.6e}".rstrip("0").split("e")[0].rstrip("0")) <= 5 for v in found)
    for low, high in [(-1.4, 0.6), (-8, 3), (0.1, 0.4), (2, 3), (-0.05, 0.02)]:
        found = log_ticks(low, high)
        assert 1 <= len(found) <= 11 and all(10**low * 0.999 <= v <= 10**high * 1.001 for v in found)
    assert beads(0).size == 0 and beads(5).tolist() == [0, 1, 2, 3, 4] and len(beads(1000)) == 12
