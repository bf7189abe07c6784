"""Figures: every drawing in every state of its data comes out on every renderer, whole, and alike each time."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import subprocess
import sys
import textwrap
from itertools import dropwhile
from xml.etree import ElementTree

import altair
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from engine.figures import charts, maps, theme
from engine.figures.drawing import Chart, Drawing, Map, Tiles
from engine.figures.parallel import Parallel
from engine.figures.render import motion, numbers, paper, rails, vega
from tests.drawn import DRAWINGS, plotly
from tests.states import SPEC, height, surface

every = pytest.mark.parametrize("name", DRAWINGS)
SWITCHED = ["losses/switched", "overlap/switched", "compare by gradients/switched", "faithful/switched"]
FULL = [name for name in DRAWINGS if name.endswith(("/full", "/long ticks"))]


@every
def test_on_screen_light_and_dark(name: str):
    drawing = DRAWINGS[name]()
    for dark in (False, True):
        if isinstance(drawing, Map | Tiles):
            for figure in plotly(drawing, dark):
                assert (len(figure.data) == 0) == drawing.empty
                assert json.loads(figure.to_json())["layout"].get("template", {}) == {}
            continue
        rows, spec = vega.vega(drawing, dark) if isinstance(drawing, Chart) else rails.lines_on_screen(drawing, dark)
        text = json.dumps(spec, allow_nan=False)
        assert "np." not in text and "nan" not in text
        if not dark:  # a dark picture differs in its colours alone, of which a grammar knows nothing
            altair.LayerChart.validate(spec | {"data": {"values": []}})
        assert not np.isinf(rows.to_pandas().select_dtypes("number").to_numpy(float)).any()
        assert (json.dumps(textwrap.wrap(drawing.note, 36)) in text) == drawing.empty


@every
def test_in_print(name: str):
    drawing, width = DRAWINGS[name](), theme.PAPERS["ICML, one column"].width
    svg = paper.export(drawing, "svg", width, caption=True)
    words = " ".join("".join(ElementTree.fromstring(svg).itertext()).split())
    assert drawing.x_label in words
    assert ("".join(drawing.note.split()) in "".join(words.split())) == drawing.empty
    assert "".join(drawing.words.split()) in "".join(words.split())
    assert f'width="{72 * width:g}pt"'.encode() in svg and b"<text" in svg


@pytest.mark.parametrize("name", ["sharpness/full", "losses/switched", "density/full", "loss/full"])
def test_exact_size_and_the_same_bytes_each_time(name: str):
    """Of a chart with bands, marks and a rug, and of a map: a renderer draws everything by the same few calls."""
    drawing, width = DRAWINGS[name](), theme.PAPERS["ICML, one column"].width
    exports = [paper.export(drawing, form, width) for form in paper.FORMATS]
    assert exports == [paper.export(DRAWINGS[name](), form, width) for form in paper.FORMATS]
    pdf, _svg, png, _pgf = exports
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf and b"/Type3" not in pdf
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
    assert box and float(box[1]) == pytest.approx(72 * width, abs=0.01)
    assert int.from_bytes(png[16:20], "big") == round(300 * width) and drawing.title.encode() in png


WIDTHS = sorted({width for width, _ in theme.PAPERS.values()})
"""Legends with most words are tried in all of them, others in the narrowest, a middle and the widest one."""


@pytest.mark.parametrize(
    ("name", "width"),
    [(name, width) for name in FULL + SWITCHED for width in (WIDTHS if name in SWITCHED else WIDTHS[::3])],
)
def test_nothing_is_cut_off(name: str, width: float):
    drawing = DRAWINGS[name]()
    figure = paper.figure(drawing, width, caption=True)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text().strip()]
    inches = [t.get_window_extent(renderer).transformed(figure.dpi_scale_trans.inverted()) for t in texts]
    assert len(inches) > 4
    outside = [
        t.get_text()
        for t, box in zip(texts, inches, strict=True)
        if box.x0 < -0.02 or box.x1 > width + 0.02 or box.y0 < -0.02 or box.y1 > figure.get_figheight() + 0.02
    ]
    assert not outside
    caption = next(box for t, box in zip(texts, inches, strict=True) if t.get_text().startswith(drawing.words[:12]))
    plot = figure.axes[0].get_tightbbox(renderer)
    assert plot and plot.transformed(figure.dpi_scale_trans.inverted()).y0 >= caption.y1 - 0.01


def test_a_fine_map_is_a_small_file_with_vector_axes():
    """Of 401 x 401 cells, whose outlines would take tens of megabytes."""
    drawing = maps.draw(surface(401), SPEC)
    pdf, svg = (paper.export(drawing, form) for form in ("pdf", "svg"))
    assert len(pdf) < 500_000 and len(svg) < 1_000_000
    assert svg.count(b"<image") == 1 and b"<text" in svg and b'id="path"' in svg


@pytest.mark.parametrize("name", FULL)
def test_no_number_on_screen_is_in_billions(name: str):
    """Plotly's own ticks say 1.5B."""
    drawing = DRAWINGS[name]()
    if isinstance(drawing, Parallel):
        return  # Vega's
    for figure in plotly(drawing) if not isinstance(drawing, Chart) else [motion.figure(drawing)]:
        layout = figure.to_plotly_json()["layout"]
        axes = [layout.get(axis, {}) for axis in ("xaxis", "yaxis")] + [
            layout.get("scene", {}).get(axis, {"tickvals": ()}) for axis in ("xaxis", "yaxis", "zaxis")
        ]
        assert all("tickvals" in axis or axis.get("exponentformat") == "power" for axis in axes)


@pytest.mark.parametrize("name", ["losses/full", "loss/full"])
def test_on_a_slide_points_and_lines_are_as_much_larger_as_words(name: str):
    """Finds dots that nobody sees from the last row."""
    drawing = DRAWINGS[name]()
    assert isinstance(drawing, Chart | Map)
    page, slide = (motion.figure(drawing, text=text).data for text in (motion.TEXT, 2 * motion.TEXT))
    for small, large in zip(page, slide, strict=True):
        if small.type == "scatter":
            assert large.line.width == 2 * (small.line.width or 2)
            assert np.array_equal(large.marker.size, 2 * np.asarray(small.marker.size or 6))


def expected(drawing: Drawing | Parallel) -> list[list[float]]:
    """What the CSV must hold, a row each, made from the drawing by other means."""
    if isinstance(drawing, Map):
        cells = [[drawing.a[j], drawing.b[i], drawing.z[i, j]] for i, j in np.ndindex(drawing.z.shape)]
        return cells + np.stack([drawing.path_a, drawing.path_b, drawing.path_z], axis=1).tolist()
    if isinstance(drawing, Tiles):
        places = [*np.ndindex(len(drawing.b), len(drawing.a))]
        rows = []
        for p in drawing.panels:
            dots = np.zeros(p.z.shape) if p.dots is None else p.dots
            edge = np.full(len(drawing.b), np.nan) if p.edge is None else p.edge
            rows += [
                (drawing.a[j], drawing.b[i], p.z[i, j], p.lost[i, j], (i, j) == p.best, dots[i, j], edge[i])
                for i, j in places
            ]
        return [[*map(float, row)] for row in rows]
    if isinstance(drawing, Parallel):
        return np.stack([*(rail.values for rail in drawing.rails), drawing.lost], axis=1).astype(float).tolist()
    empty = np.array(np.nan)
    rows = []
    for line in drawing.lines:  # a layer lies on others: what it is itself is told, and no bounds
        of = (line.y, *(line.band or (empty, empty))) if line.layer is None else (line.layer, empty, empty)
        rows.append(np.stack(np.broadcast_arrays(line.x, *of), axis=1))
    alone = np.concatenate([[mark.x for mark in drawing.marks], drawing.rug])
    return np.concatenate([*rows, np.stack(np.broadcast_arrays(alone, empty, empty, empty), axis=1)]).tolist()


@every
def test_csv_gives_back_every_number_exactly(name: str):
    drawing = DRAWINGS[name]()
    head, body = (
        numbers.csv(drawing),
        list(dropwhile(lambda line: line.startswith("# "), numbers.csv(drawing).splitlines())),
    )
    assert " ".join(drawing.words.split()) in head and drawing.x_label in head and drawing.source in head
    rows = list(csv.reader(body))
    skip = 2 if isinstance(drawing, Map) else 1
    read = [[float(v or "nan") for v in row[skip:]] for row in rows[1:]]
    assert len(read) == len(expected(drawing))
    np.testing.assert_array_equal(np.array(read, float).ravel(), np.array(expected(drawing), float).ravel())
    if isinstance(drawing, Map):
        assert [int(row[1]) for row in rows[1:] if row[0] == "path"] == drawing.path_steps.tolist()
    elif isinstance(drawing, Tiles):
        assert [row[0] for row in rows[1:]] == [p.title for p in drawing.panels for _ in range(p.z.size)]
    elif isinstance(drawing, Chart):
        alone = [mark.label for mark in drawing.marks] + [drawing.rug_label] * len(drawing.rug)
        assert [row[0] for row in rows[1:]] == [line.label for line in drawing.lines for _ in line.x] + alone


def test_letters_of_an_svg_are_outlines_where_that_is_asked():
    """For a reader without the font; the text is drawn, and not set by the reader's own."""
    drawing = DRAWINGS["losses/one frame"]()
    assert b"<text" not in paper.export(drawing, "svg", outlines=True)
    assert b"<text" in paper.export(drawing, "svg")


def test_csv_is_read_by_pandas():
    table = pd.read_csv(io.StringIO(numbers.csv(maps.draw(surface(), SPEC))), comment="#")
    cells = table[table.part == "cell"]
    np.testing.assert_allclose(cells.value, height(cells.x.to_numpy(), cells.y.to_numpy()), rtol=1e-14)


def test_neither_torch_nor_streamlit_is_imported():
    code = (
        "import sys, engine.figures.charts, engine.figures.spectra, engine.figures.maps, engine.figures.render.vega, "
        "engine.figures.render.paper; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "engine.figures.render.paper" in loaded and not {"torch", "streamlit"} & set(loaded)


def test_tables_know_what_the_engine_knows():
    from engine.rules import RULES
    from engine.training.runs import MEASURES

    assert list(charts.MEASURES) == list(MEASURES)
    assert set(theme.LOOKS) <= set(RULES)  # one without an entry is drawn in OTHER


def test_every_rule_has_a_colour_of_its_own():
    looks = [*theme.LOOKS.values(), theme.OTHER]
    assert len({look.colour for look in looks}) == len(looks)
    for dark in (False, True):
        assert len({theme.colour(name, dark) for name in theme.COLOURS}) == len(theme.COLOURS)
        for one, two in itertools.combinations(looks, 2):
            if one.marker == two.marker:
                assert apart(theme.colour(one.colour, dark), theme.colour(two.colour, dark)) > 0.11, (one, two)


def test_a_rule_without_a_colour_always_gets_the_same():
    assert theme.rule_look("Unheard") == theme.rule_look("Of tomorrow") == theme.OTHER


DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OPPONENTS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def apart(one: str, two: str) -> float:
    """How different two colours look to whoever sees the least of it: distance in Oklab (Ottosson 2020), with colour
    blindness as of Machado et al. 2009."""
    seen = []
    for eye in (np.eye(3), DEUTERANOPIA, PROTANOPIA):
        places = [OPPONENTS @ np.cbrt(CONES @ np.clip(eye @ linear(colour), 0, 1)) for colour in (one, two)]
        seen.append(float(np.linalg.norm(places[0] - places[1])))
    return min(seen[0], 1.6 * min(seen[1:]))  # markers help those who see fewer colours


def linear(colour: str) -> np.ndarray:
    """The light of an sRGB colour [3]."""
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def test_a_dark_page_gets_light_text_on_nothing():
    map_ = DRAWINGS["loss/full"]()
    light, dark = (matplotlib.image.imread(io.BytesIO(paper.export(map_, "png", 3.25, dark=d))) for d in (False, True))
    assert light.shape == dark.shape
    assert (light[0, 0] == 1).all() and dark[0, 0, 3] == 0
    # what is black on the light one: text, and the outlines of marks
    words = dark[(dark[..., 3] == 1) & (light[..., :3].max(axis=2) < 0.2)]
    assert words[:, :3].min(axis=1).max() > 0.9
