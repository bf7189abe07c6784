"""Pairs: the same figure of two runs on equal axes, and maps of two surfaces on equal axes in one scale of colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from engine.figures import alignments, maps, spectra
from engine.figures.drawing import Chart, Line, Map, band, visible
from engine.figures.words import Spec
from engine.records import Spectrum, Surface

ROOM = 0.03
"""The share of an axis that is left free beyond the data on either side."""


def equal(first: Chart, second: Chart) -> tuple[Chart, Chart]:
    """Two charts with the same ends of both axes, which hold all that either draws."""
    both = first, second
    x = _ends([np.asarray(line.x, float) for chart in both for line in chart.lines], first.log_x)
    y = _ends([values for chart in both for values in _heights(chart)], _logs(both))
    if all(chart.y_range for chart in both):
        ranges = [chart.y_range for chart in both if chart.y_range]
        y = min(low for low, _ in ranges), max(high for _, high in ranges)
    drawn = [replace(chart, x_range=x, y_range=y, log_y=_logs(both)) for chart in both]
    return drawn[0], drawn[1]


def _logs(charts: Sequence[Chart]) -> bool:
    """Whether the axis upwards is logarithmic in all."""
    return all(chart.log_y for chart in charts)


def _heights(chart: Chart) -> list[np.ndarray]:
    """All that a chart draws upwards: its lines and their bands."""
    edges = [edge for line in chart.lines for edge in band(chart, line) or ()]
    return [*(visible(chart, line) for line in chart.lines), *edges]


def _ends(values: Sequence[np.ndarray], log: bool) -> tuple[float, float] | None:
    """The ends of an axis with some room around all values; None where there are none."""
    known = np.concatenate([*values, np.zeros(0)])
    known = known[np.isfinite(known) & ((known > 0) | (not log))]
    if not len(known):
        return None
    low, high = (float(np.log10(v) if log else v) for v in (known.min(), known.max()))
    room = ROOM * ((high - low) or abs(high) or 1.0)
    return (10 ** (low - room), 10 ** (high + room)) if log else (low - room, high + room)


def charts(draw: Callable[..., Chart], first: Any, spec: Spec, second: Any, other: Spec) -> tuple[Chart, Chart]:
    """A chart of a record and its run's encoded spec, of two records on equal axes."""
    return equal(draw(first, spec), draw(second, other))


def densities(first: Spectrum, spec: Spec, second: Spectrum, other: Spec) -> tuple[Chart, Chart]:
    """The densities of two spectra, smoothed alike, on equal axes; the eigenvalues that were found one by one are
    marked."""
    known = np.concatenate([values for one in (first, second) for values in _values(one)])
    width = 0.01 * float(np.ptp(known)) if len(known) else 0.0
    charts = [spectra.spectral_density(one, described, width) for one, described in ((first, spec), (second, other))]
    marked = [_with_ends(chart, one, width) for chart, one in zip(charts, (first, second), strict=True)]
    return equal(*marked)


def _values(spectrum: Spectrum) -> tuple[np.ndarray, ...]:
    return spectrum.nodes.ravel(), spectrum.exact, spectrum.top, spectrum.bottom


def _with_ends(chart: Chart, spectrum: Spectrum, width: float) -> Chart:
    """A density with a point at each of the largest eigenvalues, as high as one of them makes it."""
    if not width or not len(spectrum.top):
        return chart
    bump = 1 / (spectrum.size * width * np.sqrt(2 * np.pi))
    points = Line(
        f"◆ largest {len(spectrum.top)}", spectrum.top, np.full(len(spectrum.top), bump), "ink", "none", "diamond"
    )
    said = " Diamonds are the largest eigenvalues, found one by one."
    return replace(chart, lines=(*chart.lines, points), caption=chart.caption + said)


def surfaces(first: Surface, spec: Spec, second: Surface, other: Spec, quantity: str) -> tuple[Map, Map]:
    """Two surfaces as maps of one quantity in one scale of colours, on axes with the same ends, which hold both."""
    drawn = [
        maps.draw(one, described, quantity, (first, second)) for one, described in ((first, spec), (second, other))
    ]
    ends = [one.ends for one in drawn if one.z.size]
    if not ends:
        return drawn[0], drawn[1]
    across, up = ((min(low for low, _ in side), max(high for _, high in side)) for side in zip(*ends, strict=True))
    return replace(drawn[0], sides=(across, up)), replace(drawn[1], sides=(across, up))


SPECTRUM = {"ends": partial(charts, spectra.ends), "density": densities}
ALIGNMENT = {name: partial(charts, draw) for name, draw in alignments.ALIGNMENT.items()}
"""Of (record, its run's encoded spec, another record, its run's encoded spec)."""
