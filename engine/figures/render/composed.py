"""Composed figures: drawings as panels (a), (b), ... of one figure, with one legend and common axes where they have the
same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.figures.drawing import Chart, Drawing, Map, Tiles
from engine.figures.parallel import Parallel
from engine.figures.render import latex, paper
from engine.figures.render.axes import (
    below,
    draw,
    keys,
    legend_columns,
    legend_shift,
    name,
    shift_legend,
    thin,
    tick,
    wrapped,
)
from engine.figures.render.crowded import crowded
from engine.figures.render.frame import Frame
from engine.figures.render.plane import map_within
from engine.figures.render.rails import lines_within
from engine.figures.render.tiles import lines, tiles_within
from engine.figures.theme import LIGHT, text_size
from engine.figures.words import number

Drawings = Sequence[Drawing | Parallel]


class Sheet(NamedTuple):
    """How panels are arranged."""

    columns: int = 2
    width: float = 5.5  # inches
    height: float = 4.0
    serif: bool = False
    common: bool = True  # axes of the same quantity have the same ends


LOW, STEPS, MOST = 2.3, (0.0, 0.3, 0.7, 1.1), 9.0
"""Inches that a row of panels is usually high, what is tried beyond that, and what a letter page has room for."""


AMPLE = 4.0
"""Inches in which maps of several rules have room."""


class Place(NamedTuple):
    """Where a panel stands."""

    row: int
    column: int
    columns: int  # how many it takes
    rows: int  # how high it is, in rows of one plot


def places(drawings: Drawings, sheet: Sheet) -> list[Place]:
    """Of every panel, in order; maps of three rules and more, for which a column is too narrow, take a row of their
    own."""
    found, row, column, columns = list[Place](), 0, 0, min(sheet.columns, max(1, len(drawings)))
    for one in drawings:
        wide = isinstance(one, Tiles) and len(one.panels) > 2 and sheet.width < AMPLE * columns
        taken = columns if wide else 1
        if column + taken > columns:
            row, column = row + 1, 0
        tall = lines(one, sheet.width, text_size(sheet.width)) if wide and isinstance(one, Tiles) else 1
        found.append(Place(row, column, taken, tall))
        column += taken
    return found


def rows(drawings: Drawings, sheet: Sheet) -> int:
    """How many rows of one plot the figure is high."""
    return sum(_heights(places(drawings, sheet)))


def _heights(found: Sequence[Place]) -> list[int]:
    return [max(place.rows for place in found if place.row == row) for row in range(found[-1].row + 1)] if found else []


def usual_height(drawings: Drawings, sheet: Sheet) -> float:
    """The first height in inches, from low to high, that has room for all words; the lowest where none has."""
    tried = [min(MOST, (LOW + step) * rows(drawings, sheet)) for step in STEPS]
    return next((up for up in tried if not too_small(drawings, sheet._replace(height=up))), tried[0])


def letter(nth: int) -> str:
    """The label of a panel, from 0."""
    return f"({chr(ord('a') + nth)})"


def caption(drawings: Drawings) -> str:
    """The panels' titles and captions, one after the other."""
    return " ".join(f"{letter(nth)} {one.title.rstrip('.?')}: {one.words}" for nth, one in enumerate(drawings))


def environment(drawings: Drawings, file: str) -> str:
    """LaTeX's figure environment of the composed figure, whose file has this name, with one caption."""
    return latex.float_of(caption(drawings), source(drawings), file)


def source(drawings: Drawings) -> str:
    """The digests of the specs behind the panels, each once."""
    return ", ".join(dict.fromkeys(one.source for one in drawings if one.source))


def export(drawings: Drawings, sheet: Sheet, form: str, clear: bool = False, times: int = 2) -> bytes:
    """The bytes of a file of one of `paper.FORMATS`, as `paper.export` gives of one drawing."""
    with paper.TOP, matplotlib.rc_context(_fonts(sheet)):
        made = composed(drawings, sheet)
        paper.see(made)
        if clear:
            paper.without_ground(made)
        return paper.write(made, form, times, "Figure", caption(drawings), source(drawings))


def too_small(drawings: Drawings, sheet: Sheet) -> list[str]:
    """The words for which there is no room: they are cut off, or lie on others."""
    with paper.TOP, matplotlib.rc_context(_fonts(sheet)):
        return crowded(composed(drawings, sheet))


def composed(drawings: Drawings, sheet: Sheet) -> Figure:
    """The panels row by row in columns, under one legend where all are charts of the same lines."""
    size, made = text_size(sheet.width), Figure(figsize=(sheet.width, sheet.height), facecolor="white")
    shared, columns = _shared(drawings), min(sheet.columns, max(1, len(drawings)))
    above = 0.0
    with matplotlib.rc_context(_fonts(sheet)):
        plots = [Frame(made, 0, 0, 1, 1).axes(0, 0, 1, 1) if isinstance(one, Chart) else None for one in drawings]
        tops = [draw(plot, one, sheet.width / columns - 4 * size / 72, size) for plot, one in _charts(plots, drawings)]
        if shared:
            above = _legend(made, plots[0], keys(shared), size)
        if sheet.common:
            _join([*_charts(plots, drawings)])
        frames = _frames(made, places(drawings, sheet), columns, above)
        rows = iter(tops)
        for nth, (frame, one, plot) in enumerate(zip(frames, drawings, plots, strict=True)):
            made.text(
                (frame.left + 0.04) / sheet.width,
                (frame.foot + frame.height) / sheet.height,
                letter(nth),
                fontsize=size,
                fontweight="bold",
                va="top",
                color=LIGHT.text,
            )
            if plot and isinstance(one, Chart):
                _set(frame, plot, one, size, next(rows), not shared and not one.empty)
            else:
                _within(frame, one, size)
    return made


def _fonts(sheet: Sheet) -> dict[Any, Any]:
    return {"font.family": "serif"} if sheet.serif else {}


def _charts(plots: Sequence[Axes | None], drawings: Drawings) -> list[tuple[Axes, Chart]]:
    pairs = zip(plots, drawings, strict=True)
    return [(plot, one) for plot, one in pairs if plot is not None and isinstance(one, Chart)]


def _shared(drawings: Drawings) -> Chart | None:
    """The first chart, if all are charts of lines that look and are called the same, and there is a legend to share."""
    looks = [
        [(line.label, line.colour, line.dash, line.marker) for line in one.lines] + [(one.rug_label, len(one.rug) > 0)]
        for one in drawings
        if isinstance(one, Chart) and not one.empty
    ]
    alike = len(looks) == len(drawings) > 1 and all(look == looks[0] for look in looks)
    first = drawings[0] if alike else None
    return first if isinstance(first, Chart) and keys(first) else None


def _frames(made: Figure, found: Sequence[Place], columns: int, above: float) -> list[Frame]:
    """A frame for each panel, row by row, below what is `above` them."""
    across, up = made.get_size_inches()
    heights = _heights(found)
    one = (up - above) / max(1, sum(heights))
    frames = []
    for place in found:
        foot, tall = up - above - one * sum(heights[: place.row + 1]), one * heights[place.row]
        left, width = place.column * across / columns, place.columns * across / columns
        frames.append(Frame(made, left, foot, width, tall))
    return frames


def _legend(made: Figure, plot: Axes | None, labels: list[str], size: float) -> float:
    """One legend of all panels along the top; the inches it takes."""
    assert plot is not None
    columns, em = legend_columns(labels, float(made.get_figwidth()), size), size / 72
    handles, names = plot.get_legend_handles_labels()
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 1), "borderaxespad": 0.2}
    made.legend(handles, names, ncols=columns, frameon=False, fontsize=size, **place)
    return (0.9 + 1.5 * -(-len(labels) // columns)) * em


def _join(charts: list[tuple[Axes, Chart]]) -> None:
    """Gives the axes of one quantity the same ends; a chart with ends or ticks of its own keeps them."""
    for side, along in (("x", "xaxis"), ("y", "yaxis")):
        kinds: dict[tuple[str, bool], list[Axes]] = {}
        for plot, chart in charts:
            own = (chart.x_ticks or chart.x_range) if side == "x" else chart.y_range
            if not own and not chart.empty:
                log = chart.log_x if side == "x" else chart.log_y
                kinds.setdefault((chart.x_label if side == "x" else chart.y_label, log), []).append(plot)
        for (_, log), plots in kinds.items():
            ends = np.array([getattr(plot, f"get_{side}lim")() for plot in plots])
            for plot in plots:
                getattr(plot, f"set_{side}lim")(ends[:, 0].min(), ends[:, 1].max())
                tick(getattr(plot, along), ends[:, 0].min(), ends[:, 1].max(), log)


def _set(frame: Frame, plot: Axes, chart: Chart, size: float, rows: int, named: bool) -> None:
    """Puts a chart that is drawn into its frame, its lines `named`, with room for its ticks, its labels and the rows
    above it."""
    em = size / 72
    inner = frame._replace(width=frame.width - 4 * em, height=frame.height - 1.6 * em)
    rows, right = name(plot, chart, inner, size, rows) if named else (rows, 0.0)
    plot.set_ylabel(wrapped(chart.y_label, frame.height - 5 * em, size))
    plot.set_xlabel(wrapped(chart.x_label, frame.width - 7 * em, size))
    places = _ticks(plot.yaxis, *plot.get_ylim())
    longest = max((len(number(place)) for place in places), default=0)
    left = (1.2 + 1.3 * _lines(plot.get_ylabel()) + 0.68 * longest) * em + 3.5 / 72
    bottom, top = below(size) + 1.3 * (_lines(plot.get_xlabel()) - 1) * em, (1.6 + 1.5 * rows) * em
    across, up = frame.figure.get_size_inches()
    wide, tall = max(frame.width - left - max(1.6 * em, right), 0.05), max(frame.height - bottom - top, 0.05)
    plot.set_position(((frame.left + left) / across, (frame.foot + bottom) / up, wide / across, tall / up))
    if not chart.x_ticks:
        thin(plot.xaxis, _ticks(plot.xaxis, *plot.get_xlim()), wide, size)
    if found := plot.get_legend():
        names = [text.get_text() for text in found.get_texts()]
        shift = legend_shift(names, -(-len(names) // max(1, rows)), frame.width - left, size)
        shift_legend(plot, min(shift, left), 0, size) if shift else None


def _ticks(axis: Any, low: float, high: float) -> list[float]:
    """The places of the ticks that are seen."""
    return [float(place) for place in axis.get_major_locator()() if low <= place <= high]


def _lines(text: str) -> int:
    return text.count("\n") + 1


def _within(frame: Frame, drawing: Drawing | Parallel, size: float) -> None:
    """Any other drawing in its frame, below its letter."""
    lower = frame._replace(height=frame.height - 1.9 * size / 72)  # a legend's marks are larger than its words
    if drawing.empty:
        draw(lower.axes(0.2, 0.2, lower.width - 0.4, lower.height - 0.4), drawing, lower.width, size)
    elif isinstance(drawing, Map):
        map_within(lower, drawing, size)
    elif isinstance(drawing, Tiles):
        tiles_within(lower, drawing, size)
    elif isinstance(drawing, Parallel):
        lines_within(lower, drawing, size)
