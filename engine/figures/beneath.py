"""Beneath: charts that grow over the faint curves of a result that is known already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.figures.drawing import Chart, Drawing


def beneath(drawings: Sequence[Drawing], known: Sequence[Drawing]) -> tuple[Drawing, ...]:
    """The drawings, each chart with the measured curves of the known chart of its name beneath; one of other axes, and
    what is no chart, stays as it is."""
    charts = {chart.name: chart for chart in known if isinstance(chart, Chart)}
    return tuple(_over(one, charts.get(one.name)) if isinstance(one, Chart) else one for one in drawings)


def _over(chart: Chart, known: Chart | None) -> Chart:
    if known is None or (known.x_label, known.y_label) != (chart.x_label, chart.y_label):
        return chart
    return replace(chart, beneath=tuple(line for line in known.lines if not line.theory))
