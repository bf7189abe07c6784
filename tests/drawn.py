"""Drawings of every kind in every state of their data, for the tests of figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from engine.figures import alignments, boundary, charts, comparison, contrasts, designs, maps, slices, spectra, sweeps
from engine.figures.drawing import Chart, Drawing, Map, Tiles
from engine.figures.parallel import Parallel
from engine.figures.quantities import QUANTITIES, until
from engine.figures.render import plotly as screen
from engine.figures.render import tiles
from engine.figures.words import Spec
from engine.records import Sweep
from engine.sweeps.boundary import Boundary, boundaries, boxes
from engine.sweeps.summary import contrasts as differences
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
from tests.swept import DESIGNS, SWEEPS

STRIPES = np.arange(1600).reshape(40, 40) % 7 > 3
"""Which cells of a map are beyond its edge."""
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


def held_against(record: Sweep, spec: Spec) -> Tiles:
    """The rules of a sweep against its first."""
    return contrasts.against(record, spec, "held-out loss", differences(record, "test_loss", 0), 0)


def stretched(drawing: Map, across: float, up: float) -> Map:
    """The map with its axes in other units, of which the ticks are long, and its values so large that theirs are."""
    sides = {name: getattr(drawing, name) * across for name in ("a", "b", "path_a", "path_b")}
    heights = {name: getattr(drawing, name) * up for name in ("z", "path_z")}
    return replace(drawing, limits=(drawing.limits[0] * up, drawing.limits[1] * up), **sides, **heights)


IMPORTANCE = [{"lr": (0.9, 0.8, 1.0)}, {"lr": (0.3, 0.2, 0.4), "rule.rho": (0.7, 0.6, 0.8)}]
DRAWINGS: dict[str, Callable[[], Drawing | Parallel]] = {
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
    "place/full": partial(spectra.on_the_run, SPECTRA["full"], columns(), SPEC),
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
    **{f"slices/{state}": partial(slices.tuned, *data) for state, data in SWEEPS.items()},
    **{f"rows/{state}": partial(slices.rows, *data, rule=1) for state, data in SWEEPS.items()},
    "until/begun": partial(sweeps.maps, *SWEEPS["begun"], until("gradients to target", 1.0, SWEEPS["begun"][1])),
    "lost/all lost": partial(sweeps.maps, *SWEEPS["all lost"], QUANTITIES["lost"]),
    **{f"against/{state}": partial(held_against, *SWEEPS[state]) for state in ("full", "begun", "one knob")},
    **{f"ranks/{state}": partial(sweeps.maps, *data, QUANTITIES["rank"]) for state, data in SWEEPS.items()},
    "boxes/small": lambda: boundary.counts(boundaries(SWEEPS["full"][0]), SWEEPS["full"][1], "0" * 16),
    "boxes/full": lambda: boundary.counts([Boundary(boxes(STRIPES))] * 2, SWEEPS["full"][1], "0" * 16),
    **{f"parallel/{state}": partial(designs.parallel, *data) for state, data in DESIGNS.items()},
    **{f"scatter/{state}": partial(designs.scatter, *data) for state, data in DESIGNS.items()},
    "knobs/full": partial(designs.importance, IMPORTANCE, *DESIGNS["full"]),
    "knobs/few points": partial(designs.importance, [{"lr": (np.nan,) * 3}], *DESIGNS["a search"]),
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
