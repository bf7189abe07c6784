"""Turned: a printed landscape is seen from where the screen saw it, with words and paths as vectors over its ground."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engine.figures.render import turned
from engine.figures.render.turned import View
from tests.drawn import a_map

VIEWS = [View(), View(1, 0, 0.1), View(-0.4, 0.9, 2), View(-1, -1, -0.5)]


@pytest.mark.parametrize("view", VIEWS)
def test_it_is_seen_from_where_it_was_turned_to(view: View):
    """The corner of the box that points to the eye is drawn nearer than the one opposite."""
    up, around = map(math.radians, view.angles)
    direction = [math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)]
    np.testing.assert_allclose(direction, np.array(view) / np.linalg.norm(view), atol=1e-12)
    drawing = a_map("log loss/full")
    axes: Any = turned.figure(drawing, view).axes[0]
    ends = np.array([axes.get_xlim3d(), axes.get_ylim3d(), axes.get_zlim3d()])
    near = np.where(np.array(view) > 0, ends[:, 1], ends[:, 0])
    depths = [(axes.get_proj() @ [*corner, 1]) for corner in (near, ends.sum(axis=1) - near)]
    assert depths[0][2] / depths[0][3] < depths[1][2] / depths[1][3]


@pytest.mark.parametrize("name", ["log loss/full", "accuracy/full", "loss/long ticks"])
def test_words_and_paths_are_vectors_over_an_image(name: str):
    drawing = a_map(name)
    svg, pdf = (turned.export(drawing, form, View(), 3.25) for form in ("svg", "pdf"))
    assert svg.count(b"<image") == 2 and b'width="234pt"' in svg  # the ground, and the bar of its colours
    for label in (drawing.x_label, drawing.y_label):
        assert label.partition(" (")[0].encode() in svg
    assert b"stroke: #d55e00" in svg.lower() and drawing.source.encode() in svg
    assert pdf.startswith(b"%PDF") and pdf == turned.export(drawing, "pdf", View(), 3.25)


def test_turning_it_turns_the_picture():
    drawing = a_map("log loss/full")
    assert len({turned.export(drawing, "png", view, 3.25, times=1) for view in VIEWS}) == len(VIEWS)
