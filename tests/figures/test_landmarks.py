"""Maps of toy landscapes are in the landscape's own coordinates, and what is marked on them lies there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.figures import joint, landmarks, maps
from engine.figures.render import paper, plotly
from engine.problems import Beale, Product, Quadratic, Saddle
from engine.records import JointSurface, Run, finished
from engine.rules import SAM, SGD
from engine.spec import describe
from engine.training.runs import MEASURES, RunSpec
from engine.work.presets import joint as under
from engine.work.presets import picture
from engine.work.sketch import sketch
from tests.drive import computed, frames, record

TOYS = (Quadratic(), Quadratic((3.0, -1.0), (0.5, 0.5)), Product(), Saddle(), Beale())
"""Landscapes of two coordinates."""
over_toys = pytest.mark.parametrize("problem", TOYS, ids=lambda p: f"{type(p).__name__} {p.begin}")


def trained(spec: RunSpec) -> Run:
    """A run with all that it measured."""
    seen = frames(spec)
    made = record(spec, np.concatenate([frame.theta.numpy() for frame in seen]))
    return replace(made, measures={name: np.concatenate([frame.measures[name] for frame in seen]) for name in MEASURES})


@over_toys
def test_what_is_known_is_a_minimum_or_a_saddle(problem):
    """Finds a landmark that is no stationary point, or of the other kind."""
    known = landmarks.known(describe(RunSpec(problem, batch=0))["problem"])
    assert known
    for role, points in known:
        for point in np.clip(points, -4, 4):
            theta = torch.tensor(point)
            low, high = torch.linalg.eigvalsh(torch.func.hessian(problem.value)(theta)).tolist()
            assert torch.func.grad(problem.value)(theta).norm() < 1e-12
            assert (low < -1e-6 and high > 1e-6) if role == "saddle" else (low > -1e-12 and high > 1e-6)


@over_toys
def test_a_map_is_in_the_coordinates_of_its_landscape(problem):
    """Finds a map that calls its checkpoint's place (0, 0), one along other axes, and a landmark that lies elsewhere
    on the screen or in print."""
    specs = [RunSpec(problem, rule, lr=0.01, batch=0, steps=40, every=4) for rule in (SAM(0.1), SGD())]
    runs = [trained(spec) for spec in specs]
    one, both = computed(picture(specs[0], 9), runs[0]), finished(under(specs, 9).compute(runs, "cpu", None))
    growing = sketch(runs)
    assert isinstance(both, JointSurface) and growing
    for drawing in (maps.draw(one, describe(specs[0])), joint.draw(both), joint.draw(growing)):
        path = drawing.routes[0] if drawing.routes else None
        a, b = (path.a, path.b) if path else (drawing.path_a, drawing.path_b)
        np.testing.assert_allclose(np.stack([a, b], axis=1), runs[0].path, rtol=0, atol=1e-12)
        x, y = np.meshgrid(drawing.a, drawing.b)
        values = [float(problem.value(torch.tensor(point))) for point in np.stack([x.ravel(), y.ravel()], axis=1)]
        np.testing.assert_allclose(drawing.z.ravel(), values, rtol=1e-9, atol=1e-12)
        assert (drawing.x_label, drawing.y_label) == ("x", "y")


def test_landmarks_are_drawn_where_they_lie():
    """Finds a landmark that is lost on the way to the screen or to print, named twice, or drawn off the map."""
    spec = RunSpec(Saddle((1.0, 0.6)), SGD(), lr=0.1, batch=0, steps=40, every=4)
    drawing = maps.draw(computed(picture(spec, 9), trained(spec)), describe(spec))
    found = {(mark.role, float(mark.a[0]), float(mark.b[0])) for mark in drawing.landmarks}
    assert found == {("saddle", 0.0, 0.0), ("minimum", 0.0, 1.0)}, "the other minimum lies off this map"
    traces = [t for t in plotly.contour(drawing).data if t.legendgroup]
    assert {(t.legendgroup, float(t.x[0]), float(t.y[0])) for t in traces} == found
    axes = paper.figure(drawing).axes[0]
    points = [tuple(np.asarray(line.get_xydata())[0]) for line in axes.lines if "known" in str(line.get_label())]
    assert sorted(points) == [(0.0, 0.0), (0.0, 1.0)]
    valley = RunSpec(Product((0.5, 2.0)), SGD(), lr=0.01, batch=0, steps=40, every=4)
    drawing = maps.draw(computed(picture(valley, 9), trained(valley)), describe(valley))
    assert [(mark.a[0], mark.b[0], mark.b[-1]) for mark in drawing.landmarks] == [(0.0, drawing.b[0], drawing.b[-1])]
