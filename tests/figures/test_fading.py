"""A path fades where its plane does not hold it, and the picture says how much of it is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from engine.figures import fading, joint, maps
from engine.figures.render import paper, plotly
from engine.figures.together import ground
from engine.records import JointSurface
from engine.work.kinds import Work
from engine.work.presets import SHIPPED
from engine.work.presets import joint as together
from engine.work.store import Store
from tests.states import SPEC, T, surface


def lines(figure, width: float) -> list:
    """The traces of lines of a width."""
    return [t for t in figure.data if t.type == "scatter" and "lines" in t.mode and t.line.width == width]


def test_a_part_far_off_the_plane_is_fainter():
    """Finds a path that looks as if all of it lay on the ground."""
    record = surface()
    off = np.where(np.arange(T) < T // 2, 0.99, 0.0) * record.distance.max()
    drawing = maps.draw(replace(record, residual=off, explained=0.7), SPEC)
    assert drawing.held[0] == pytest.approx(1 - 0.99**2) and drawing.held[-2] == 1
    drawn = lines(plotly.contour(drawing), 2)
    assert sorted(t.opacity for t in drawn) == [fading.LEVELS[-1], 1.0]
    faint = next(t for t in drawn if t.opacity == fading.LEVELS[-1])
    assert np.nanmin(np.abs(faint.x - record.path_a[0])) < 1e-6 and not np.isin(np.float32(record.path_a[-2]), faint.x)
    alphas = {line.get_alpha() for line in paper.figure(drawing).axes[0].lines if len(np.asarray(line.get_xdata())) > 3}
    assert {fading.LEVELS[-1], 1.0} <= alphas
    strong = maps.draw(replace(record, residual=0 * off), SPEC)
    assert len(lines(plotly.contour(strong), 2)) == 1 and strong.doubts == []


@pytest.mark.parametrize(("explained", "said"), [(0.31, True), (0.04, True), (0.5, False)])
def test_the_picture_says_what_its_plane_does_not_hold(explained, said):
    """Finds a warning that stands in the caption alone, and a line through points of which the plane holds next to
    nothing."""
    drawing = maps.draw(replace(surface(), explained=explained), SPEC)
    words = f"The plane holds {100 * explained:.0f}% of the path"
    figure, page = plotly.contour(drawing), paper.figure(drawing)
    assert [note.text for note in figure.layout.annotations] == ([words] if said else [])
    assert any(words == text.get_text() for text in page.axes[0].texts) == said
    path = next(trace for trace in figure.data if trace.name == "path")
    assert ("lines" in path.mode or bool(lines(figure, 2))) == (explained >= fading.LEAST)
    assert len(path.x) == T, "its points are there"


def test_words_on_their_own_paper_are_read_on_a_dark_page():
    """Finds light words on light paper: the tags at paths' ends, and the warning."""
    record = Store(SHIPPED).get(Work(together()).address)
    assert isinstance(record, JointSurface)
    drawing = ground(replace(record, explained=np.full(4, 0.3)), provisional=False)
    page = paper.figure(drawing)
    paper._darken(page)
    boxed = [text for text in page.axes[0].texts if text.get_bbox_patch()]
    assert len(boxed) == 5, "four tags and a warning"
    for text in boxed:
        light, dark = (np.mean(to_rgb(hue)) for hue in (text.get_color(), text.get_bbox_patch().get_facecolor()))
        assert light - dark > 0.5


def test_every_run_of_one_landscape_has_its_own_warning():
    """Finds a warning about another run's path."""
    record = Store(SHIPPED).get(Work(together()).address)
    assert isinstance(record, JointSurface)
    drawing = joint.draw(replace(record, explained=np.array([0.9, 0.3, 0.8, 0.02])), "log loss")
    names = joint.names(record)
    assert drawing.doubts == [f"The plane holds 30% of {names[1]}’s path", f"The plane holds 2% of {names[3]}’s path"]
    drawn = lines(plotly.contour(drawing), 2.5)
    assert {t.line.dash for t in drawn} == {"solid"}, "the last alone is dotted, and has no line"
    assert drawing.routes[3].dash == "dot" and len({t.line.color for t in drawn}) == 3


def test_an_oscillation_is_thin_and_fades_with_age():
    """Finds a 2-cycle that covers the valley it runs in."""
    steps = np.arange(60)
    a, b = np.where(steps % 2, 1.0, -1.0), np.linspace(0, 1, 60)
    assert fading.oscillates(a, b) and not fading.oscillates(b, b)
    opacity = fading.strength(a, b, None)
    assert opacity[0] < 0.5 and opacity[-1] == 1 and (np.diff(opacity) >= 0).all()
    drawn = fading.pieces(a, b, opacity)
    assert [level for level, _, _ in drawn] == sorted(fading.LEVELS[:3])
    joined = sum(int(np.isfinite(x[1:] * x[:-1]).sum()) for _, x, _ in drawn)
    assert joined == 59, "every part is drawn once"
