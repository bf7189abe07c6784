"""Figures: every drawing in every state of its data comes out on every renderer, whole, and alike each time."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from itertools import dropwhile
from xml.etree import ElementTree

import altair
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from engine.figures import charts, maps, paper, screen, theme
from engine.figures.drawing import Drawing, Map
from tests.drawn import (
    DRAWINGS,
    SPEC,
    height,
    plotly,
    surface,
)

every = pytest.mark.parametrize("name", DRAWINGS)
full = pytest.mark.parametrize("name", [name for name in DRAWINGS if name.endswith("/full")])


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


def test_a_dark_page_gets_light_text_on_nothing():
    map_ = DRAWINGS["loss/full"]()
    light, dark = (matplotlib.image.imread(io.BytesIO(paper.export(map_, "png", 3.25, dark=d))) for d in (False, True))
    assert light.shape == dark.shape
    assert (light[0, 0] == 1).all() and dark[0, 0, 3] == 0
    words = dark[(dark[..., 3] == 1) & (light[..., :3].max(axis=2) < 0.2)]  # what is black on the light one: text, and the outlines of marks
    assert words[:, :3].min(axis=1).max() > 0.9
