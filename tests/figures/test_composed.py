"""Composed figures: whole panels that do not overlap, one legend and common axes where they have the same."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from engine.figures.drawing import Chart, Tiles
from engine.figures.render import composed, tiles
from engine.figures.render.composed import Sheet
from engine.figures.render.crowded import crowded, overlapping, texts
from tests.drawn import DRAWINGS
from tests.figures.test_escape import chart

FOUR = ["losses/full", "sharpness/full", "loss/full", "density/full"]
SHEETS = [
    (FOUR, Sheet(2, 5.5, 4.5)),
    (FOUR, Sheet(2, 6.75, 4.5, serif=True)),
    (["losses/full"] * 2, Sheet(2, 3.25, 1.8)),
    (["losses/full"] * 6, Sheet(3, 6.75, 3.6)),
    (["loss/full", "loss/full", "accuracy/full"], Sheet(3, 7.2, 2.6)),
    (["cells/full", "parallel/full", "slices/full"], Sheet(1, 6.5, 8)),
    (["cells/full", "against/full"], Sheet(2, 5.5, 2.4)),
    (["compare/none", "boxes/full"], Sheet(2, 5.5, 2.6)),
]


@pytest.mark.parametrize(("names", "sheet"), SHEETS)
def test_panels_are_whole_and_apart(names: list[str], sheet: Sheet):
    """No text leaves the figure, lies on another text or in another panel's plot."""
    figure = composed.composed([DRAWINGS[name]() for name in names], sheet)
    found = list(texts(figure))
    assert [letter for letter, _ in found if len(letter) == 3 and letter[0] == "("] == [
        "(a)",
        "(b)",
        "(c)",
        "(d)",
        "(e)",
        "(f)",
    ][: len(names)]
    assert crowded(figure) == []
    plots = [axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted()) for axes in figure.axes]
    assert all(min(plot.width, plot.height) > 0.05 for plot in plots)
    assert overlapping(plots, 1e-6) == []


def test_maps_of_several_rules_take_a_row_where_a_column_is_too_narrow():
    """Finds maps pressed into strips, which shows edges at other slopes than alone, and a row no higher than others."""
    drawings = [DRAWINGS["losses/full"](), cells := DRAWINGS["cells/full"](), *[DRAWINGS["loss/full"]()] * 2]
    many = replace(cells, panels=(*cells.panels, *cells.panels)[:4])
    narrow = composed.places([drawings[0], many, *drawings[2:]], Sheet(2, 5.5))
    assert [place[:3] for place in narrow] == [(0, 0, 1), (1, 0, 2), (2, 0, 1), (2, 1, 1)]
    assert [place.rows for place in narrow] == [1, 2, 1, 1]
    assert [place[:3] for place in composed.places([many] * 3, Sheet(3, 14.0))] == [(0, 0, 1), (0, 1, 1), (0, 2, 1)]
    frames = [axes.get_position() for axes in composed.composed([many, *drawings[2:]], Sheet(2, 5.5, 6.9)).axes[:4]]
    assert all(0.6 < 5.5 * frame.width / (6.9 * frame.height) < 1.6 for frame in frames)


@pytest.mark.parametrize("width", [3.25, 5.5, 7.2])
def test_print_says_what_stars_and_dashes_are(width: float):
    """Finds a print whose signs the caption alone explains."""
    cells = DRAWINGS["cells/full"]()
    assert isinstance(cells, Tiles)
    said = {text for text, _ in texts(tiles.side_by_side(cells, width, 0.5, 8))}
    assert any(panel.edge is not None for panel in cells.panels) == (tiles.EDGE in said)
    assert any(panel.best for panel in cells.panels) and "best" in said
    plain = replace(cells, panels=tuple(replace(panel, edge=None, best=None) for panel in cells.panels))
    assert not {tiles.EDGE, "best"} & {text for text, _ in texts(tiles.side_by_side(plain, width, 0.5, 8))}


@pytest.mark.parametrize("sheet", [Sheet(3, 3.25, 2), Sheet(2, 5.5, 0.9)])
def test_a_sheet_that_is_too_small_says_so(sheet: Sheet):
    """Words on each other, or cut off, in a print that looks as if it were finished."""
    drawings = [DRAWINGS[name]() for name in FOUR]
    assert composed.too_small(drawings, sheet) and not composed.too_small(drawings, SHEETS[0][1])


@pytest.mark.parametrize("name", ["loss/full", "cells/full", "parallel/full", "losses/full"])
@pytest.mark.parametrize("width", [3.25, 3.5, 5.5, 7.2])
def test_what_stands_below_a_plot_is_whole_in_text_of_any_size(name: str, width: float):
    """Finds room below that shrinks with the text, while the marks there do not: an axis's name cut along its foot."""
    figure = composed.composed([DRAWINGS[name]()], Sheet(1, width, 0.6 * width))
    assert min(box.y0 for _, box in texts(figure)) > 0.01


def test_a_figure_is_as_high_as_its_words_ask_for():
    """Finds maps beside a chart whose usual height has no room for what stands around them."""
    cells, sheet = DRAWINGS["cells/full"](), Sheet(2, 5.5)
    assert isinstance(cells, Tiles)
    drawings = [replace(cells, panels=cells.panels * 2), DRAWINGS["losses/full"]()]
    high = composed.usual_height(drawings, sheet)
    assert high > composed.LOW and composed.too_small(drawings, sheet._replace(height=composed.LOW))
    assert not composed.too_small(drawings, sheet._replace(height=high))
    assert composed.usual_height(drawings[1:] * 3, sheet) == 2 * composed.LOW


def test_charts_of_the_same_lines_have_one_legend_and_the_same_ends():
    """And each its own where a line differs."""
    drawing = DRAWINGS["losses/full"]()
    assert isinstance(drawing, Chart)
    higher = replace(drawing, lines=tuple(replace(line, y=30 * line.y) for line in drawing.lines))
    figure = composed.composed([drawing, higher], Sheet())
    assert len(figure.legends) == 1 and [axes.get_legend() for axes in figure.axes] == [None, None]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert composed.composed([drawing, higher], Sheet(common=False)).axes[0].get_ylim() != figure.axes[0].get_ylim()
    renamed = replace(higher, lines=(replace(higher.lines[0], label="other"), *higher.lines[1:]))
    apart = composed.composed([drawing, renamed], Sheet())
    assert not apart.legends and all(axes.get_legend() for axes in apart.axes)


def test_a_preview_is_the_print():
    """The same bytes each time, of exactly the size asked for; one caption for all panels, which LaTeX takes."""
    panels = [DRAWINGS["losses/full"](), chart("50%_of")]
    png, again = (composed.export(panels, Sheet(2, 5.5, 2.2), "png") for _ in range(2))
    assert png == again and matplotlib.image.imread(io.BytesIO(png)).shape[:2] == (660, 1650)
    clear = matplotlib.image.imread(io.BytesIO(composed.export(panels, Sheet(2, 5.5, 2.2), "png", clear=True)))
    assert (clear[np.ix_([0, -1], [0, -1])][..., 3] == 0).all()
    serif = composed.export(panels, Sheet(2, 5.5, 2.2, serif=True), "svg")
    assert b"serif" in serif and b"sans-serif" not in serif
    text = composed.environment(panels, "figure-1")
    assert r"(b) 50\%\_of: 50\%\_of" in text and panels[0].source in text.splitlines()[0]
