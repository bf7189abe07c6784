"""Drawings: what a figure shows, as numbers and words, before anything decides how it is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from engine.figures.words import number


@dataclass(frozen=True)
class Line:
    """One curve, or with dash "none" a set of points; where `band` is given, what lies between its bounds is shaded
    (error bars for points)."""

    label: str
    x: np.ndarray  # [m]
    y: np.ndarray  # [m]; NaN and infinity are gaps
    colour: str  # see theme.colour
    dash: str = "solid"  # solid, dash, dot or none
    marker: str = ""  # one of theme.MARKERS, or nothing
    band: tuple[np.ndarray, np.ndarray] | None = None  # lower and upper, [m] each
    theory: bool = False  # drawn thin: what a theory says, not a measurement
    when: np.ndarray | None = (
        # [m] the step at which each point came to be, where x is something else: the order in which the line is drawn
        # in motion
        None
    )


@dataclass(frozen=True)
class Mark:
    """A dotted vertical line with a word to it."""

    x: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Curves over one axis."""

    name: str  # for files
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    caption: str
    log_x: bool = False
    log_y: bool = False
    y_range: tuple[float, float] | None = None  # None fits the data
    x_ticks: tuple[tuple[float, str], ...] = ()  # places and their words; empty for the usual ones
    marks: tuple[Mark, ...] = ()
    rug: np.ndarray = field(default_factory=lambda: np.zeros(0))  # places ticked along the lower edge
    rug_label: str = ""
    note: str = "nothing measured yet"  # written where there is no point to draw
    source: str = ""  # digests of the specs behind it

    @property
    def empty(self) -> bool:
        """Whether there is no point to draw."""
        return not any(np.isfinite(visible(self, line)).any() for line in self.lines)

    @property
    def words(self) -> str:
        """The caption, and what had to be left out of the picture."""
        lost = sum(int((~np.isfinite(visible(self, line))).sum()) for line in self.lines)
        reason = (
            "NaN, infinite or not positive (the axis is logarithmic)"
            if self.log_y and not self.y_range
            else "NaN or infinite"
        )
        return (
            f"{self.caption} Not drawn: {lost} value{'s' * (lost != 1)} that {'are' if lost != 1 else 'is'} {reason}."
            if lost
            else self.caption
        )


@dataclass(frozen=True)
class Route:
    """One of several paths on a map, in a colour of its own; its last point is its end."""

    label: str
    colour: str  # see theme.colour
    a: np.ndarray  # [T]
    b: np.ndarray  # [T]
    z: np.ndarray  # [T] the quantity on the path
    steps: np.ndarray  # [T]
    dash: str = "solid"
    marker: str = "circle"  # of its end; one of theme.MARKERS


@dataclass(frozen=True)
class Map:
    """A quantity over a plane, and a path on it, or several routes."""

    name: str
    title: str
    x_label: str
    y_label: str
    z_label: str
    a: np.ndarray  # [A] equally spaced
    b: np.ndarray  # [B]
    z: np.ndarray  # [B, A] as computed
    log: bool  # colours and heights by the logarithm
    limits: tuple[float, float]  # of the colours, in z's units; values beyond are drawn as these
    path_a: np.ndarray  # [T]
    path_b: np.ndarray  # [T]
    path_z: np.ndarray  # [T] the quantity on the path
    path_steps: np.ndarray  # [T]
    checkpoint: int  # the path's point that is the centre; -1 where none is
    caption: str
    equal: bool = True  # one unit is as long across as up
    note: str = "nothing computed yet"
    source: str = ""
    routes: tuple[Route, ...] = ()  # where there are several paths; the one path is empty then

    @property
    def empty(self) -> bool:
        """Whether there is no cell to colour."""
        return self.z.size == 0 or not np.isfinite(self.shown).any()

    @property
    def flat(self) -> bool:
        """Whether all of it has one value, so that there are no contours."""
        return not self.empty and float(np.ptp(self.shown[np.isfinite(self.shown)])) == 0

    @property
    def shown(self) -> np.ndarray:
        """[B, A]: z as drawn, within the limits and as log10 where `log`; NaN is a hole."""
        return self.heights(self.z)

    @property
    def range(self) -> tuple[float, float]:
        """The limits as drawn, never equal."""
        low, high = (float(v) for v in self.heights(np.array(self.limits, float)))
        return (low, high) if high > low else (low - 0.5 * max(abs(low), 1e-3), low + 0.5 * max(abs(low), 1e-3))

    @property
    def words(self) -> str:
        """The caption."""
        return self.caption

    @property
    def ticks(self) -> tuple[list[float], list[str]]:
        """Where the colour bar is ticked, in heights as drawn, and the words there, in the quantity's own units."""
        low, high = self.range
        values = log_ticks(low, high) if self.log else ticks(low, high)
        return [float(np.log10(v)) if self.log else v for v in values], [number(v) for v in values]

    @property
    def stations(self) -> list[Station]:
        """The path's start, its end and the checkpoint in the centre: one where they coincide."""
        last = len(self.path_steps) - 1
        ends = (
            [("start", 0), ("end", last), *([("centre", self.checkpoint)] if self.checkpoint >= 0 else [])]
            if last >= 0
            else []
        )
        words = {"start": "start", "end": "end", "centre": f"centre: checkpoint {self.checkpoint}"}
        return [
            Station(role, i, f"{words[role]}, step {self.path_steps[i]:,}")
            for role, i in ends
            if role == "centre" or i != self.checkpoint
        ]

    def heights(self, values: np.ndarray) -> np.ndarray:
        """Any values of the quantity, as drawn."""
        inside = np.clip(np.where(np.isfinite(values), values, np.nan), *self.limits)
        return np.log10(inside) if self.log else inside


Drawing = Chart | Map


class Station(NamedTuple):
    """A point of a map's path that has a name."""

    role: str  # start, end or centre
    point: int  # its row
    label: str


def visible(chart: Chart, line: Line) -> np.ndarray:
    """[m]: y with NaN where it cannot be drawn; what a logarithmic axis of a given range cannot reach lies just
    below it."""
    y = np.asarray(line.y, float)
    if chart.log_y and chart.y_range:
        y = np.maximum(y, 0.1 * chart.y_range[0])
    return np.where(np.isfinite(y) & ((y > 0) | (not chart.log_y)), y, np.nan)


def band(chart: Chart, line: Line) -> tuple[np.ndarray, np.ndarray] | None:
    """The line's band as drawn: on a logarithmic axis a bound that is not positive reaches down to the lowest value
    of the picture."""
    if line.band is None:
        return None
    lower, upper = (np.where(np.isfinite(edge) & np.isfinite(visible(chart, line)), edge, np.nan) for edge in line.band)
    if chart.log_y:
        shown = [visible(chart, other) for other in chart.lines] + [
            np.asarray(edge, float) for other in chart.lines for edge in other.band or ()
        ]
        floor = (
            chart.y_range[0]
            if chart.y_range
            else min((float(v[v > 0].min()) for v in shown if (v > 0).any()), default=np.inf)
        )
        lower, upper = (np.where(edge < floor, floor, edge) for edge in (lower, upper))
    return lower, upper


class Place(NamedTuple):
    """Where a mark's label stands above the plot: to the right or to the left from its line, in which row from the
    plot up."""

    mark: Mark
    right: bool
    row: int


MARGIN = 7
"""Characters that have room left of a plot, above its axis."""


def placed(chart: Chart, room: float) -> list[Place]:
    """The marks in order, their labels so that none is cut off or lies on another; `room` is the plot's width in
    characters."""
    xs = np.concatenate([np.asarray(line.x, float) for line in chart.lines] + [[mark.x for mark in chart.marks]])
    low, high = (float(np.nanmin(xs)), float(np.nanmax(xs))) if np.isfinite(xs).any() else (0.0, 1.0)
    found: list[Place] = []
    taken: list[float] = []  # how far to the right each row is full
    for mark in sorted(chart.marks, key=lambda mark: mark.x):
        x, length = (mark.x - low) / ((high - low) or 1.0) * room, len(mark.label) + 2
        over = x + length - room
        right = over <= 0 or over < length - MARGIN - x
        start = x if right else x - length
        row = next((i for i, full in enumerate(taken) if full <= start), len(taken))
        taken[row : row + 1] = [start + length]
        found.append(Place(mark, right, row))
    return found


def around(values: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A band of values [m] within their errors [m]; NaN where a value is not finite."""
    finite = np.where(np.isfinite(values), values, np.nan)
    return finite - error, finite + error


def pointed(line: Line) -> str:
    """The marker to draw: points that no segment joins get one, so that they can be seen."""
    good = np.isfinite(np.asarray(line.y, float))
    return line.marker or ("circle" if line.dash == "none" or not (good[1:] & good[:-1]).any() else "")


def thin(y: np.ndarray, most: int) -> np.ndarray:
    """Which of the points to keep, at most `most` of them: the first, the last, every stretch's lowest and highest,
    and a gap of it."""
    if len(y) <= most:
        return np.arange(len(y))
    finite = np.isfinite(y)
    stretches = max(1, (most - 2) // (2 if finite.all() else 3))
    stretch = np.arange(len(y)) * stretches // len(y)
    good, gaps = np.flatnonzero(finite), np.flatnonzero(~finite)
    rising = good[np.lexsort((y[good], stretch[good]))]  # by stretch, and within one by value
    firsts = [places[np.unique(stretch[places], return_index=True)[1]] for places in (rising, rising[::-1], gaps)]
    return np.unique(np.concatenate([[0, len(y) - 1], *firsts]))


def beads(count: int, most: int = 12) -> np.ndarray:
    """Which of `count` points carry a marker, so that a long curve is not buried under them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)) if count else np.zeros(0, int)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two bounds: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda m: abs(m * power - rough))
    return [
        round(float(i * step), 12 - int(np.log10(power))) + 0.0
        for i in range(int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9)) + 1)
    ]


def log_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers for a logarithmic scale between the powers of ten `low` and `high`."""
    spread = high - low
    if spread < 0.5:
        return [v for v in ticks(10**low, 10**high, count // 2) if v > 0]  # they crowd towards the upper end
    every = max(1, int(np.ceil(spread / count)))
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1, every)
    choices = ((1, 2, 5), (1, 3), (1,)) if every == 1 else ((1,),)
    grids = [
        [m * 10.0**p for p in powers for m in steps if low - 1e-9 <= np.log10(m) + p <= high + 1e-9]
        for steps in choices
    ]
    return next((grid for grid in grids if len(grid) <= count + 1), grids[-1])
