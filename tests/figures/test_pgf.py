"""PGF: what LaTeX is given to read is complete, and the right way up. (All drawings compile with pdflatex, which is not
asked of every machine.)"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import pytest
from matplotlib.image import imread

from engine.figures import escape
from engine.figures.render import paper, pgf
from tests.drawn import DRAWINGS


def files(data: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(data)) as folder:
        return {name: folder.read(name) for name in folder.namelist()}


@pytest.mark.parametrize("name", ["losses/full", "density/full", "log loss/full", "cells/full", "parallel/full"])
def test_it_holds_all_that_it_names(name):
    """Finds a raster that is missing or has another name, a word that is not there, and a sign that LaTeX does not
    know."""
    drawing = DRAWINGS[name]()
    found = files(paper.export(drawing, "pgf", 3.25))
    own = escape.file(drawing.title)
    text = found.pop(f"{own}.pgf").decode()
    drawn = text.partition("\\begin{pgfpicture}")[2]
    assert drawn.isascii() and text.count("{") == text.count("}") + text.count("%{") - text.count("%}")
    assert {*re.findall(r"\\includegraphics\[[^]]*\]\{([^}]*)\}", text)} == found.keys()
    assert all(data.startswith(b"\x89PNG") for data in found.values())
    svg = ElementTree.fromstring(paper.export(drawing, "svg", 3.25))
    words = ["".join(one.itertext()).strip() for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert words and [one for one in words if escape.latex(one) not in drawn] == []
    assert f"% {drawing.source}" in text


def test_rasters_are_the_right_way_up():
    made = paper.Figure(figsize=(2, 2))
    made.add_axes((0, 0, 1, 1)).pcolormesh(np.arange(4.0).reshape(2, 2), cmap="gray", rasterized=True)
    (raster,) = (data for name, data in files(pgf.export(made, "A map", "", 50)).items() if name.endswith(".png"))
    pixels = imread(io.BytesIO(raster))[..., 0]
    corners = pixels[-2, 1], pixels[-2, -2], pixels[1, 1], pixels[1, -2]
    assert list(corners) == sorted(corners) and corners[0] < corners[-1]
