"""Miniatures: a chart or a map as a small picture for a card, its curves with few words and no ticks, as SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.figures import escape
from engine.figures.drawing import Chart, Line, Map, band, pointed, visible
from engine.figures.ends import apart
from engine.figures.points import beads, thin
from engine.figures.theme import STATIONS, VIRIDIS, Theme, colour, theme

WIDTH, HEIGHT = 320, 176
LEFT, RIGHT, TOP, BOTTOM = 6, 314, 24, 156
"""Where the plot lies, in pixels of the picture."""
POINTS, LETTERS, LETTER, APART = 70, 13, 7.6, 15
"""The most points of a curve; the longest name that is written at its end, in letters, pixels of a letter, and from one
name to the next."""
DASHES = {"solid": "", "dash": "6 4", "dot": "1.5 3", "none": ""}
FACE = Path(__file__).resolve().parents[3] / "assets" / "fonts" / "RavineSans-Regular.ttf"
"""The page's face, which a picture brings along: it has none of the page's."""
LETTERING = "font-family='face' font-size='15' text-rendering='geometricPrecision'"


def miniature(drawing: Chart | Map, dark: bool = False) -> str:
    """An SVG picture of WIDTH x HEIGHT pixels on no background, for a light or a dark page; a few kilobytes."""
    if isinstance(drawing, Map):
        inside = _map(drawing)
    else:
        words = drawing.x_label + drawing.y_label + "".join(line.label for line in drawing.lines)
        inside = _face(words) + _chart(drawing, dark, theme(dark))
    frame = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' {LETTERING}>"
    return f"{frame}<title>{escape.svg(drawing.title)}</title>{inside}</svg>\n"


def _face(words: str) -> str:
    """The letters of a picture's words, as a style that names them "face"."""
    from fontTools import subset  # which only who draws pictures anew waits for

    options = subset.Options(hinting=False, layout_features=[], name_IDs=[], recalc_timestamp=False)
    font, buffer, cut = subset.load_font(FACE, options), io.BytesIO(), subset.Subsetter(options)
    cut.populate(text=words)
    cut.subset(font)
    subset.save_font(font, buffer, options)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<style>@font-face {{ font-family: face; src: url(data:font/ttf;base64,{data}); }}</style>"


class _Scale:
    """Values of an axis as pixels."""

    def __init__(self, values: Iterable[np.ndarray], low: float, high: float, log: bool):
        found = np.concatenate([np.zeros(0), *(np.asarray(part, float).ravel() for part in values)])
        found = found[np.isfinite(found) & ((found > 0) | (not log))]
        self.log, self.low, self.high = log, low, high
        ends = self._turned(np.array([found.min(), found.max()]) if len(found) else np.array([1.0, 1.0]))
        self.first, self.last = ends if ends[1] > ends[0] else (ends[0] - 0.5, ends[0] + 0.5)

    def _turned(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log10(values) if self.log else values

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Pixels, within the plot; NaN stays."""
        share = (self._turned(np.asarray(values, float)) - self.first) / (self.last - self.first)
        return self.low + np.clip(share, -0.02, 1.02) * (self.high - self.low)


def _chart(chart: Chart, dark: bool, look: Theme) -> str:
    called = [replace(line, label=line.label.partition(":")[0]) for line in chart.lines]
    short = [line for line in called if 0 < len(line.label) <= LETTERS and not line.theory]
    names = [line for line in short if np.isfinite(visible(chart, line)).any()]
    right = RIGHT - LETTER * max((len(line.label) for line in names), default=0) - 8 * bool(names)
    known = [visible(chart, line) for line in chart.lines]
    across = [np.asarray(line.x, float)[np.isfinite(y)] for line, y in zip(chart.lines, known, strict=True)]
    x = _Scale(across, LEFT + 6, right, chart.log_x)
    y = _Scale([np.array(chart.y_range)] if chart.y_range else known, BOTTOM - 4, TOP + 6, chart.log_y)
    shapes = [_band(chart, line, x, y, dark) for line in chart.lines]
    shapes += [_curve(chart, line, x, y, dark) for line in chart.lines]
    for mark in chart.marks:
        at = float(x(np.array(mark.x)))
        shapes.append(f"<path d='M{at:.1f} {TOP}V{BOTTOM}' stroke='{look.axis}' stroke-dasharray='2 3'/>")
    frame = f"<path d='M{LEFT} {TOP}V{BOTTOM}H{RIGHT}' fill='none' stroke='{look.axis}'/>"
    words = f"<g fill='{look.text}'><text x='{LEFT}' y='15'>{escape.svg(chart.y_label)}</text>"
    words += f"<text x='{RIGHT}' y='{HEIGHT - 5}' text-anchor='end'>{escape.svg(chart.x_label)}</text></g>"
    return frame + "".join(shapes) + words + _names(chart, names, y, right + 6, dark)


def _band(chart: Chart, line: Line, x: _Scale, y: _Scale, dark: bool) -> str:
    """What lies between a curve's bounds."""
    edges = band(chart, line)
    if edges is None or line.dash == "none":
        return ""
    good = np.flatnonzero(np.isfinite(edges[0]) & np.isfinite(edges[1]))
    good = good[thin(edges[1][good], POINTS)]
    across, low, high = x(line.x[good]), y(edges[0][good]), y(edges[1][good])
    points = [*zip(across, high, strict=True), *zip(across[::-1], low[::-1], strict=True)]
    outline = " ".join(f"{a:.0f},{b:.0f}" for a, b in points)
    return f"<polygon points='{outline}' fill='{colour(line.colour, dark)}' opacity='0.18'/>" if points else ""


def _curve(chart: Chart, line: Line, x: _Scale, y: _Scale, dark: bool) -> str:
    """A curve with its points, as far as they are marked."""
    values, hue = visible(chart, line), colour(line.colour, dark)
    kept = thin(values, POINTS)
    at = np.stack([x(line.x[kept]), y(values[kept])], axis=1)
    good = np.flatnonzero(np.isfinite(at).all(axis=1))
    path = "".join(f"{'L' if i and i - 1 in good else 'M'}{at[i, 0]:.1f} {at[i, 1]:.1f}" for i in good)
    width = 1.4 if line.theory else 2.2
    dash = f" stroke-dasharray='{DASHES[line.dash]}'" if DASHES[line.dash] else ""
    drawn = f"<path d='{path}' fill='none' stroke='{hue}' stroke-width='{width}' stroke-linejoin='round'{dash}/>"
    shown = good if line.dash == "none" else good[beads(len(good), 6)] if pointed(line) else []
    dots = "".join(f"<circle cx='{at[i, 0]:.1f}' cy='{at[i, 1]:.1f}' r='3.2'/>" for i in shown)
    return (drawn if line.dash != "none" and path else "") + (f"<g fill='{hue}'>{dots}</g>" if dots else "")


def _names(chart: Chart, lines: list[Line], y: _Scale, left: float, dark: bool) -> str:
    """The curves' names at the heights of their ends."""
    ends = [(float(y(v[np.isfinite(v)][-1:])[0]), line) for line in lines for v in [visible(chart, line)]]
    ends.sort(key=lambda end: end[0])
    places = apart([height + 4 for height, _ in ends], APART, BOTTOM - 4.0)
    return "".join(
        f"<text x='{left:.0f}' y='{at:.0f}' fill='{colour(line.colour, dark)}'>{escape.svg(line.label)}</text>"
        for at, (_, line) in zip(places, ends, strict=True)
    )


def _ground(drawing: Map) -> bytes:
    """A PNG of the quantity, a pixel for each cell, the lowest row below; what is not finite is as the highest."""
    low, high = drawing.range
    shares = np.nan_to_num((drawing.shown[::-1] - low) / (high - low), nan=1.0)
    stops = np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in VIRIDIS])
    places = np.linspace(0, 1, len(stops))
    rgb = np.stack([np.interp(shares, places, channel) for channel in stops.T], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(rgb.round().astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _map(drawing: Map) -> str:
    """The ground as an image of a pixel for each cell, and the path on it."""
    image = base64.b64encode(_ground(drawing)).decode()
    size = f"width='{WIDTH}' height='{HEIGHT}' preserveAspectRatio='none'"
    x, y = _Scale([drawing.a], 0, WIDTH, False), _Scale([drawing.b], HEIGHT, 0, False)
    kept = np.unique(np.linspace(0, len(drawing.path_a) - 1, 2 * POINTS).round().astype(int))
    at = np.stack([x(drawing.path_a[kept]), y(drawing.path_b[kept])], axis=1)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in at[np.isfinite(at).all(axis=1)])
    path = "".join(
        f"<polyline points='{points}' fill='none' stroke='{hue}' stroke-width='{width}' stroke-linejoin='round'/>"
        for hue, width in (("#000000", 4), ("#FFFFFF", 2))
    )
    ends = "".join(
        f"<circle cx='{at[row, 0]:.1f}' cy='{at[row, 1]:.1f}' r='5.5' fill='{STATIONS[name][0]}' stroke='#000000'/>"
        for row, name in ((0, "start"), (-1, "end"))
    )
    return f"<image {size} href='data:image/png;base64,{image}'/>{path}{ends}"
