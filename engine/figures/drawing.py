"""Drawings: what a figure shows, as numbers and words, before anything decides how it is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.figures.fading import doubt
from engine.figures.onmap import Landmark, Route, Station
from engine.figures.ticks import named


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
    # [m] the step at which each point came to be, where x is something else: the order in which it is drawn in motion
    when: np.ndarray | None = None
    layer: np.ndarray | None = None  # [m] its own values, of which y is the sum with those of the layers below it

    @property
    def filled(self) -> bool:
        """Whether it is one of several layers, one above the other: its band, from one to the next, is as strong as
        the line."""
        return self.layer is not None

    @property
    def strength(self) -> float:
        """The band's opacity."""
        return 0.85 if self.filled else 0.25


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
    legend: bool = True  # whether lines and x axis are named on the screen; where those above name them, they are not
    beneath: tuple[Line, ...] = ()  # curves of another result, drawn faint where these grow on a page, never exported
    x_range: tuple[float, float] | None = None  # None fits the data

    @property
    def empty(self) -> bool:
        """Whether there is no point to draw."""
        return not any(np.isfinite(visible(self, line)).any() for line in self.lines)

    @property
    def words(self) -> str:
        """The caption, and what had to be left out of the picture."""
        lost = sum(int((~np.isfinite(visible(self, line))).sum()) for line in self.lines)
        if not lost:
            return self.caption
        values = f"{lost} values that are" if lost != 1 else "1 value that is"
        positive = self.log_y and not self.y_range
        rest = ", infinite or not positive (the axis is logarithmic)" if positive else " or infinite"
        return f"{self.caption} Not drawn: {values} NaN{rest}."


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
    landmarks: tuple[Landmark, ...] = ()
    held: np.ndarray | None = None  # [T] of the one path, as a Route has it
    explained: float = 1.0
    sides: tuple[tuple[float, float], tuple[float, float]] | None = None  # the ends of both axes; None fits the cells

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The ends of the axis across and of that upwards, where there is any cell."""
        own = (float(self.a[0]), float(self.a[-1])), (float(self.b[0]), float(self.b[-1]))
        return self.sides or own

    @property
    def doubts(self) -> list[str]:
        """What is written on the picture of the paths that its plane does not hold."""
        own = [("the path", self.explained)] if not self.routes else []
        each = own + [(f"{route.label}’s path", route.explained) for route in self.routes]
        return [*filter(None, (doubt(name, share) for name, share in each))]

    @property
    def empty(self) -> bool:
        """Whether there is no cell to colour."""
        return self.z.size == 0 or not np.isfinite(self.shown).any()

    @property
    def bare(self) -> bool:
        """Whether there are routes on a plane of which no cell is computed."""
        return self.empty and self.z.size > 0 and bool(self.routes)

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
        return named(*self.range, self.log)

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
        return _drawn(values, self.limits, self.log)


@dataclass(frozen=True)
class Panel:
    """One of several maps of cells side by side."""

    title: str
    colour: str  # of the title; see theme.colour
    z: np.ndarray  # [B, A]; NaN where there is nothing yet
    lost: np.ndarray  # [B, A] of True where a run was lost, which has no value
    best: tuple[int, int] | None = None  # row and column of the best cell
    remark: str = ""  # a few words at the right of the title
    edge: np.ndarray | None = None  # [B] where in each row a theory draws its line; NaN where it has none
    dots: np.ndarray | None = None  # [B, A] of True where a cell's centre is dotted


@dataclass(frozen=True)
class Tiles:
    """A quantity in the cells of a grid, for several things side by side on one colour scale; nothing is smoothed."""

    name: str
    title: str
    x_label: str
    y_label: str
    z_label: str
    a: np.ndarray  # [A] the columns' values
    b: np.ndarray  # [B] the rows'; one NaN where there is one row without a value
    log_a: bool
    log_b: bool
    panels: tuple[Panel, ...]
    log: bool  # colours by the logarithm
    limits: tuple[float, float]  # of the colours
    bright: str  # which part of the scale is bright: "low", "high", or "middle" where it has two sides
    caption: str
    levels: tuple[float, ...] = ()  # where contour lines are drawn
    note: str = "nothing trained yet"
    source: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is no cell to colour."""
        return not any(np.isfinite(panel.z).any() or panel.lost.any() for panel in self.panels)

    @property
    def words(self) -> str:
        """The caption."""
        return self.caption

    @property
    def range(self) -> tuple[float, float]:
        """The limits as drawn, never equal."""
        low, high = (float(v) for v in self.heights(np.array(self.limits, float)))
        return (low, high) if high > low else (low - 0.5, low + 0.5)

    @property
    def ticks(self) -> tuple[list[float], list[str]]:
        """Where the colour bar is ticked, in heights as drawn, and the words there."""
        return named(*self.range, self.log)

    def heights(self, values: np.ndarray) -> np.ndarray:
        """Any values of the quantity, as drawn."""
        return _drawn(values, self.limits, self.log)


Drawing = Chart | Map | Tiles


def _drawn(values: np.ndarray, limits: tuple[float, float], log: bool) -> np.ndarray:
    """Values as heights of a scale of colours, within its limits; NaN where one is not finite."""
    inside = np.clip(np.where(np.isfinite(values), values, np.nan), *limits)
    return np.log10(inside) if log else inside


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


def around(values: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A band of values [m] within their errors [m]; NaN where a value is not finite."""
    finite = np.where(np.isfinite(values), values, np.nan)
    return finite - error, finite + error


def pointed(line: Line) -> str:
    """The marker to draw: points that no segment joins get one, so that they can be seen."""
    good = np.isfinite(np.asarray(line.y, float))
    return line.marker or ("circle" if line.dash == "none" or not (good[1:] & good[:-1]).any() else "")
