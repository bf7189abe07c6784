"""A drawing's numbers as CSV, all of them and exactly."""

from __future__ import annotations

import csv as csv_format
import io
from collections.abc import Iterator

import numpy as np

from engine.figures.drawing import Chart, Drawing, Map, Tiles
from engine.figures.parallel import Parallel


def csv(drawing: Drawing | Parallel) -> str:
    """The numbers of a drawing, all of them and exactly: lines of `# ` words, a line of names, then one row per value.

    A chart has series, x, y, lower, upper (its marks and its rug as series of their own, which have x alone). A map
    has part, step, x, y, value: a row of part "cell" for each cell, one of part "path" (or of a route's name) for each
    point of the path, which alone has a step. Tiles have panel, x, y, value, lost, best, dot, edge: a row for each
    cell, with whether it was lost, is the best, is dotted, and where along x a theory draws its line in that row.
    Parallel coordinates have point, then a column for each axis, by its label, and lost: a row for each point.
    """
    text = io.StringIO()
    axes = f"x: {drawing.x_label}; y: {drawing.y_label}"
    if isinstance(drawing, Map | Tiles):
        axes += f"; value: {drawing.z_label.removesuffix(', log scale')}"
    for words in (drawing.title, drawing.words, axes, f"source: {drawing.source}"):
        text.write(f"# {' '.join(words.split())}\n")
    rows = csv_format.writer(text, quoting=csv_format.QUOTE_NONNUMERIC, lineterminator="\n")
    rows.writerows(_rows(drawing))
    return text.getvalue()


def _rows(drawing: Drawing | Parallel) -> Iterator[tuple[str | float, ...]]:
    if isinstance(drawing, Chart):
        return _points(drawing)
    if isinstance(drawing, Parallel):
        return _lines(drawing)
    return _cells(drawing) if isinstance(drawing, Map) else _panels(drawing)


def _points(chart: Chart) -> Iterator[tuple[str | float, ...]]:
    yield "series", "x", "y", "lower", "upper"
    for line in chart.lines:
        # what a layer lies on is no bound of it
        edges, y = (line.band or (), line.y) if line.layer is None else ((), line.layer)
        for i in range(len(line.x)):
            bounds = [float(edge[i]) for edge in edges] or ["", ""]
            yield line.label, float(line.x[i]), float(y[i]), *bounds
    for label, x in [*((mark.label, mark.x) for mark in chart.marks), *((chart.rug_label, x) for x in chart.rug)]:
        yield label, float(x), "", "", ""


def _cells(drawing: Map) -> Iterator[tuple[str | float, ...]]:
    yield "part", "step", "x", "y", "value"
    for i, b in enumerate(drawing.b):
        for j, a in enumerate(drawing.a):
            yield "cell", "", *map(float, (a, b, drawing.z[i, j]))
    for step, *place in zip(drawing.path_steps, drawing.path_a, drawing.path_b, drawing.path_z, strict=True):
        yield "path", int(step), *map(float, place)
    for route in drawing.routes:
        for step, *place in zip(route.steps, route.a, route.b, route.z, strict=True):
            yield route.label, int(step), *map(float, place)


def _panels(drawing: Tiles) -> Iterator[tuple[str | float, ...]]:
    yield "panel", "x", "y", "value", "lost", "best", "dot", "edge"
    for panel in drawing.panels:
        for (i, j), value in np.ndenumerate(panel.z):
            edge = float(panel.edge[i]) if panel.edge is not None else ""
            marks = panel.lost[i, j], panel.best == (i, j), panel.dots is not None and panel.dots[i, j]
            yield panel.title, float(drawing.a[j]), float(drawing.b[i]), float(value), *map(int, marks), edge


def _lines(drawing: Parallel) -> Iterator[tuple[str | float, ...]]:
    yield "point", *(rail.label for rail in drawing.rails), "lost"
    for n, lost in enumerate(drawing.lost):
        yield n, *(float(rail.values[n]) for rail in drawing.rails), int(lost)
