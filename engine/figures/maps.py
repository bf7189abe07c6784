"""Maps: a surface's loss or accuracy over its plane with the optimizer's path on it, and a chart of how faithful
that path is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line, Map, Mark
from engine.figures.fading import held
from engine.figures.landmarks import OWN, marked, origin, told
from engine.figures.theme import rule_colour
from engine.figures.words import Spec
from engine.records import JointSurface, Surface
from engine.spec import fingerprint

DECADES = 8
"""A logarithmic scale shows at most so many powers of ten below its top."""
TRUSTED = 1e-3
"""The self-check's deviation below which a surface is trusted."""
BULK = 0.9
"""The share of cells that the colours are made for where a few cells are far above the rest."""


@dataclass(frozen=True)
class Grid:
    """The part of a surface that is computed: every stride-th row and column from the centre."""

    a: np.ndarray
    b: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray


def complete(surface: Surface | JointSurface) -> Grid:
    """The complete sub-grid of a surface that may be half done; empty before its first level."""
    if surface.stride == 0:
        return Grid(np.zeros(0), np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)))
    rows, columns = (slice(len(axis) // 2 % surface.stride, None, surface.stride) for axis in (surface.b, surface.a))
    return Grid(surface.a[columns], surface.b[rows], surface.loss[rows, columns], surface.accuracy[rows, columns])


def draw(surface: Surface, spec: Spec, quantity: str = "loss", scale: Sequence[Surface] = ()) -> Map:
    """A surface as a map of one of QUANTITIES; `spec` is the run's, encoded. Where there are surfaces in `scale`, the
    colours are made for all of these."""
    grid = complete(surface)
    accuracy, log = quantity == "accuracy", quantity == "log loss"
    z = grid.accuracy if accuracy else grid.loss
    bounds, remark = limits(_cells_of(scale or [surface], accuracy), log, cut=not accuracy)
    shared = (
        f" One scale of colours for {len(scale)} maps, each on a plane of its own; cells are counted of all."
        if scale
        else ""
    )
    on_path = interpolate(grid.a, grid.b, z, surface.path_a, surface.path_b) if accuracy else surface.path_loss
    toy = not words.has_data(spec)
    x, y = origin(spec, surface.unit, surface.path_a, surface.path_b)
    found = marked(spec, surface.unit, x + grid.a, y + grid.b)
    note = (
        "nothing computed yet"
        if z.size == 0
        else "a function has no accuracy"
        if accuracy and toy
        else "no value that can be drawn"
    )
    label = "accuracy (share of examples)" if accuracy else words.loss(spec) + (", log scale" if log else "")
    return Map(
        name="map_" + quantity.replace(" ", "_"),
        title=f"{quantity.capitalize()} over the plane",
        z_label=label,
        x_label=axis(surface, 0),
        y_label=axis(surface, 1),
        a=x + grid.a,
        b=y + grid.b,
        z=z,
        log=log,
        limits=bounds,
        path_a=x + surface.path_a,
        path_b=y + surface.path_b,
        path_z=on_path,
        path_steps=surface.steps,
        checkpoint=surface.checkpoint,
        caption=_caption(surface, spec, quantity) + told(found) + shared + remark,
        note=note,
        source=f"{surface.run}/{fingerprint(surface.spec)}",
        landmarks=found,
        held=held(surface.residual, surface.distance),
        explained=surface.explained if np.isfinite(surface.explained) else 1.0,
    )


def _cells_of(surfaces: Sequence[Surface], accuracy: bool) -> np.ndarray:
    """[n] the values in all computed cells of surfaces."""
    grids = [complete(surface) for surface in surfaces]
    return np.concatenate([(grid.accuracy if accuracy else grid.loss).ravel() for grid in grids])


def faithful(surface: Surface, spec: Spec, switches: Sequence[int] = ()) -> Chart:
    """The loss at each checkpoint beside the loss where the plane shows it; `switches` are the steps at which
    another rule takes over."""
    colour = rule_colour(words.rule(spec))
    true = Line("at the weights themselves", surface.steps, surface.path_loss, colour, marker="circle")
    shown = Line("at their projection on the plane", surface.steps, surface.plane_loss, "ink", "dot", "square")
    both = np.concatenate([surface.path_loss, surface.plane_loss])
    log = bool((both[np.isfinite(both)] > 0).all())
    caption = (
        f"Loss {words.data(spec, surface.split)}, at each checkpoint and at the point of the plane nearest to it. Where"
        f" the two curves part, the map shows another loss under the path than the optimizer saw. {_faith(surface)}"
    )
    centre = [Mark(float(step), "centre of the map") for step in surface.steps[surface.checkpoint :][:1]]
    taken = [
        Mark(float(step), words.takes_over(spec, nth, step))
        for nth, step in enumerate(switches)
        if len(surface.steps) and step <= surface.steps[-1]
    ]
    caption = " ".join(filter(None, (caption, words.marked([mark.label for mark in taken]), f"{words.run(spec)}.")))
    caption += words.decay(spec)
    return Chart(
        "faithful",
        "Is the path on its surface?",
        "step",
        words.loss(spec),
        (true, shown),
        caption,
        log_y=log,
        marks=(*centre, *taken),
        source=f"{surface.run}/{fingerprint(surface.spec)}",
    )


def interpolate(a: np.ndarray, b: np.ndarray, z: np.ndarray, at_a: np.ndarray, at_b: np.ndarray) -> np.ndarray:
    """z [B, A] on the grid b x a, bilinear at points [T]; NaN outside of it."""
    if len(a) < 2 or len(b) < 2:
        return np.full(len(at_a), np.nan)
    x, y = ((p - axis[0]) / (axis[1] - axis[0]) for p, axis in ((at_a, a), (at_b, b)))
    inside = (x >= 0) & (x <= len(a) - 1) & (y >= 0) & (y <= len(b) - 1)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    j, i = np.minimum(x.astype(int), len(a) - 2), np.minimum(y.astype(int), len(b) - 2)
    s, t = x - j, y - i
    value = (1 - t) * ((1 - s) * z[i, j] + s * z[i, j + 1]) + t * ((1 - s) * z[i + 1, j] + s * z[i + 1, j + 1])
    return np.where(inside, value, np.nan)


def limits(z: np.ndarray, log: bool, cut: bool) -> tuple[tuple[float, float], str]:
    """The colours' limits, and sentences on every cell that they do not show as it is."""
    finite = z[np.isfinite(z)]
    remarks = [f"{_cells(z.size - len(finite))} NaN or infinite and left blank."] if len(finite) < z.size else []
    usable = finite[finite > 0] if log else finite
    if not len(usable):
        remarks += ["No loss here is positive, so that there is no logarithm to draw."] if log and len(finite) else []
        return (1.0, 1.0), _join(remarks)
    low, high = float(usable.min()), float(usable.max())
    bulk = float(np.quantile(usable, BULK))
    if cut and not log and high - low > 4 * (bulk - low) > 0:
        high = bulk
        remarks.append(
            f"Colours and heights end at {words.number(high)}: {_cells(int((finite > high).sum()))} above it (up to "
            f"{words.number(float(usable.max()))})."
        )
    if log:
        low = max(low, high * 10.0**-DECADES)
        if (finite < low).any():
            remarks.append(
                f"The logarithm is floored at {words.number(low)}: {_cells(int((finite < low).sum()))} below it."
            )
    if low == high:
        remarks.append(f"The value is {words.number(low)} in every cell.")
    return (low, high), _join(remarks)


def _join(remarks: list[str]) -> str:
    return "".join(f" {remark}" for remark in remarks)


def _cells(count: int) -> str:
    return f"{count:,} cell is" if count == 1 else f"{count:,} cells are"


def axis(surface: Surface | JointSurface, i: int) -> str:
    """What stands at an axis: a landscape's own coordinate needs no unit."""
    return surface.labels[i] if surface.unit == OWN else f"{surface.labels[i]} ({surface.unit})"


def _caption(surface: Surface, spec: Spec, quantity: str) -> str:
    rows = len(complete(surface).a)
    step = f"step {surface.steps[surface.checkpoint]:,}" if surface.checkpoint < len(surface.steps) else "no step"
    done = "" if surface.stride == 1 else f", a coarse {rows}×{rows} of {len(surface.a)}×{len(surface.a)} so far"
    return (
        f"{quantity.capitalize()} {words.data(spec, surface.split)}, on the plane of {surface.labels[0]} and "
        f"{surface.labels[1]} through checkpoint {surface.checkpoint} ({step}), which is exactly the centre "
        f"cell{done}. {_faith(surface)} Unit of the axes: {surface.unit}; the directions have lengths "
        f"{words.number(surface.norms[0])} and {words.number(surface.norms[1])} and cosine "
        f"{_cosine(surface.cosine)}. {checked(surface)} "
        f"{words.run(spec)}.{words.decay(spec)}"
    )


def verdict(surface: Surface | JointSurface) -> tuple[str, str]:
    """Whether the self-check was passed, with how far it was off, and what that means."""
    if surface.stride != 1 or not surface.complete:
        return "–", "when complete"
    if np.isnan(surface.check):
        return "–", "no cell is finite"
    if np.isinf(surface.check):
        return "✗", "a cell is not finite where the loss is, or the reverse"
    passed = "✓" if surface.check < TRUSTED else "✗"
    return f"{passed} {words.number(float(f'{surface.check:.1g}'))}", "off in double precision"


def checked(surface: Surface | JointSurface) -> str:
    """A sentence on the self-check."""
    if np.isfinite(surface.check):
        return f"Self-check in double precision: off by {words.number(surface.check, 1)} at most, relative."
    return f"Self-check in double precision: {verdict(surface)[1]}."


def _faith(surface: Surface) -> str:
    return " ".join(filter(None, (_shown(surface), words.left_out(surface.left_out))))


def _shown(surface: Surface) -> str:
    """How much of the path the plane holds."""
    if not np.isfinite(surface.explained):
        return "The path is a single point, or is not finite."
    shadow = " The path shown is little more than a shadow of the true one." if surface.explained < 0.5 else ""
    return (
        f"The plane holds {words.percent(surface.explained)} of the path's squared distance from the centre; the path's"
        f" points lie up to {words.number(surface.furthest)} off it (parameter distance).{shadow}"
    )


def _cosine(cosine: float) -> str:
    return "0" if abs(cosine) < 1e-6 else f"{cosine:.3f}"


QUANTITIES = ("loss", "log loss", "accuracy")
"""What a map can show."""
