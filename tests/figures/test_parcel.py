"""Parcels and LaTeX: all figures in one ZIP, captions that LaTeX takes, and pictures without a background."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from zipfile import ZipFile

import matplotlib.image
import numpy as np
import pytest

from engine.figures.render import folder as folders
from engine.figures.render import latex, paper, parcel
from tests.drawn import DRAWINGS
from tests.figures.test_escape import chart


def test_a_zip_holds_every_figure_and_names_their_specs():
    """Finds a figure that is missing or stands for another, and bytes that differ from one time to the next."""
    drawings = {name: replace(DRAWINGS[f"{name}/full"](), source=f"{name}-digest") for name in ("losses", "density")}
    data = parcel.figures(drawings, 3.25)
    with ZipFile(io.BytesIO(data)) as folder:
        files = {name: folder.read(name) for name in folder.namelist()}
        assert {info.date_time for info in folder.infolist()} == {folders.DATE}
    assert {f"{name}.pdf" for name in drawings} | {f"{name}.csv" for name in drawings} < files.keys()
    for name, drawing in drawings.items():
        assert files[f"{name}.pdf"] == paper.export(drawing, "pdf", 3.25)
        assert drawing.words in files["captions.txt"].decode()
        assert f"{{{name}.pdf}}" in files["figures.tex"].decode()
        assert f"{name}-digest" in files["README.txt"].decode()
    assert data == parcel.figures(drawings, 3.25)


def test_a_strangers_column_is_no_command_in_a_caption():
    """Nor does its name end the comment in which the digests stand."""
    text = latex.environment(chart("50%_of $x$ \\input{x}\n\\end{figure}"), "figure-1")
    comment, body = text.split("\n", 1)
    assert comment.startswith("% ") and body.startswith(r"\begin{figure}") and r"\input" not in body
    assert body.count(r"\end{figure}") == 1 and "\n%" not in body
    assert r"50\%\_of \$x\$ \textbackslash{}input\{x\} \textbackslash{}end\{figure\}" in text


def test_captions_have_no_sign_that_latex_lacks():
    """Letters with accents are in its fonts, Greek letters and signs in its formulas alone."""
    texts = "".join(latex.environment(draw(), "f") for draw in DRAWINGS.values())
    assert "ensuremath" in texts and set(re.findall("[^\x00-\x7f]", texts)) <= set("’–…")


@pytest.mark.parametrize("name", ["losses/full", "loss/full", "cells/full"])
def test_without_a_background_a_corner_is_transparent(name: str):
    """And the plot of a chart. On white it is the usual picture; at single size it has half the dots of double."""
    clear, usual = (
        matplotlib.image.imread(io.BytesIO(paper.export(DRAWINGS[name](), "png", 3.25, clear=c, times=1)))
        for c in (True, False)
    )
    assert clear.shape == usual.shape and clear.shape[1] == int(150 * 3.25)
    corners = np.ix_([0, -1], [0, -1])
    assert (clear[corners][..., 3] == 0).all() and (usual[corners] == 1).all()
    alpha = clear[..., 3:]
    np.testing.assert_allclose(
        clear[..., :3] * alpha + (1 - alpha), usual[..., :3], atol=4 / 255
    )  # eight bits, rounded layer by layer
    if name == "losses/full":
        assert (clear[..., 3] == 0).mean() > 0.5
