"""Drawings of every kind in every state of their data, for the tests of figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from engine.figures import alignments, charts, comparison, maps, spectra, sweeps
from engine.figures.drawing import Chart, Drawing, Map, Tiles
from engine.figures.render import plotly as screen
from engine.figures.render import tiles
from tests.states import (
    ALIGNMENTS,
    COLUMNS,
    SPEC,
    SPECS,
    SPECTRA,
    SURFACES,
    SWITCHED,
    TOY,
    columns,
    surface,
    with_cells,
)
from tests.swept import SWEEPS

RUNS = [("plain, first", "SGD"), ('$x_{1}$ "quoted"', "SAM"), ("# <&>", "SAM"), ("new rule", "Unheard")]


def compared(measure: str, runs: list[tuple[str, str]], over: str = "step", extra: tuple[str, ...] = ()) -> Chart:
    """A comparison of runs of these labels and rules, and of those that `extra` names among COLUMNS."""
    made = [
        (label, SPEC | {"rule": {"name": rule}}, columns() | {measure: columns()[measure] * (i + 1)})
        for i, (label, rule) in enumerate(runs)
    ]
    return comparison.compare(
        [*made, *((name, SPECS.get(name, SPEC), COLUMNS[name]) for name in extra)], measure, over, "Digits · MLP"
    )


def stretched(drawing: Map, across: float, up: float) -> Map:
    """The map with its axes in other units, of which the ticks are long, and its values so large that theirs are."""
    sides = {name: getattr(drawing, name) * across for name in ("a", "b", "path_a", "path_b")}
    heights = {name: getattr(drawing, name) * up for name in ("z", "path_z")}
    return replace(drawing, limits=(drawing.limits[0] * up, drawing.limits[1] * up), **sides, **heights)


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    **{
        f"{name}/{state}": partial(draw, data, SPECS.get(state, SPEC))
        for name, draw in charts.LIVE.items()
        for state, data in COLUMNS.items()
    },
    **{
        f"{name}/{state}": partial(draw, data, SPEC)
        for name, draw in spectra.SPECTRUM.items()
        for state, data in SPECTRA.items()
    },
    **{
        f"{name}/{state}": partial(draw, data, SPECS.get(state, SPEC))
        for name, draw in alignments.ALIGNMENT.items()
        for state, data in ALIGNMENTS.items()
    },
    **{
        f"{quantity}/{state}": partial(maps.draw, data, SPEC, quantity)
        for quantity in maps.QUANTITIES
        for state, data in SURFACES.items()
    },
    **{f"faithful/{state}": partial(maps.faithful, data, SPEC) for state, data in SURFACES.items()},
    **{f"compare/{measure}": partial(compared, measure, RUNS) for measure in charts.MEASURES},
    "compare/full": partial(compared, "test_loss", RUNS),
    **{
        f"compare by {over}/switched": partial(compared, "test_loss", RUNS, over, ("switched", "of the first version"))
        for over in comparison.OVER
    },
    "compare/of the first version": partial(compared, "gradients", [], "gradients", ("of the first version",)),
    "faithful/switched": partial(maps.faithful, surface(), SWITCHED, [250, 275]),
    "compare/none": partial(compared, "test_loss", []),
    **{f"cells/{state}": partial(sweeps.maps, *data) for state, data in SWEEPS.items()},
    **{f"slices/{state}": partial(sweeps.slices, *data) for state, data in SWEEPS.items()},
    **{f"rows/{state}": partial(sweeps.rows, *data, rule=1) for state, data in SWEEPS.items()},
    "loss/long ticks": lambda: stretched(maps.draw(surface(), SPEC), 3.1e-4, 1e8),
    "accuracy/function": partial(maps.draw, with_cells(lambda z: z * np.nan), TOY, "accuracy"),
}
MAPS = [f"{quantity}/{state}" for quantity in maps.QUANTITIES for state in SURFACES]


def plotly(drawing: Map | Tiles, dark: bool = False) -> list[Any]:
    if isinstance(drawing, Tiles):
        return [tiles.tile(drawing, nth, dark) for nth in range(len(drawing.panels))]
    return [screen.contour(drawing, dark), screen.scene(drawing, dark)]


def a_map(name: str) -> Map:
    drawing = DRAWINGS[name]()
    assert isinstance(drawing, Map)
    return drawing
