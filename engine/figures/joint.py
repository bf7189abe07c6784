"""Joint surfaces: the loss or accuracy over one plane with every run's path on it, and how faithful the paths are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line, Map
from engine.figures.fading import held
from engine.figures.landmarks import OWN, marked, origin, told
from engine.figures.maps import axis, checked, complete, interpolate, limits
from engine.figures.onmap import Route
from engine.figures.theme import MARKERS, rule_look
from engine.figures.words import Spec
from engine.records import JointSurface
from engine.spec import fingerprint

DASHES = ("solid", "dot", "dash")
PLANES = {
    "paths": "the plane of the paths' common principal components, each path weighing the same",
    "ends": "the plane through the ends of the first three runs",
}


def draw(surface: JointSurface, quantity: str = "loss") -> Map:
    """A joint surface as a map of one of maps.QUANTITIES: one colour scale, every path in its rule's colour."""
    grid = complete(surface)
    accuracy, log = quantity == "accuracy", quantity == "log loss"
    z = grid.accuracy if accuracy else grid.loss
    bounds, remark = limits(z, log, cut=not accuracy)
    on_paths = interpolate(grid.a, grid.b, z, surface.path_a, surface.path_b) if accuracy else surface.path_loss
    spec, nothing = surface.run_specs[0], np.zeros(0)
    x, y = _origin(surface)
    found = marked(spec, surface.unit, x + grid.a, y + grid.b)
    label = "accuracy (share of examples)" if accuracy else words.loss(spec) + (", log scale" if log else "")
    return Map(
        name="joint_" + quantity.replace(" ", "_"),
        title=f"{quantity.capitalize()} under {len(surface.runs)} runs",
        z_label=label,
        x_label=axis(surface, 0),
        y_label=axis(surface, 1),
        a=x + grid.a,
        b=y + grid.b,
        z=z,
        log=log,
        limits=bounds,
        path_a=nothing,
        path_b=nothing,
        path_z=nothing,
        path_steps=np.zeros(0, int),
        checkpoint=-1,
        caption=_caption(surface, quantity) + told(found) + remark,
        note="nothing computed yet" if z.size == 0 else "no value that can be drawn",
        source=f"joint/{fingerprint(surface.spec)}",
        routes=tuple(_route(surface, r, on_paths) for r in range(len(surface.runs))),
        landmarks=found,
    )


def _origin(surface: JointSurface) -> tuple[float, float]:
    """The landscape's own coordinates of the plane's origin, as the first run's start tells them."""
    return origin(surface.run_specs[0], surface.unit, surface.path_a, surface.path_b)


def faithful(surface: JointSurface) -> Chart:
    """The loss at every checkpoint of every run beside the loss where the plane shows it."""
    lines = []
    for r, rows in enumerate(_rows(surface)):
        route = _route(surface, r, surface.path_loss)
        lines.append(Line(route.label, route.steps, surface.path_loss[rows], route.colour, marker=route.marker))
        shown = f"{route.label}, on the plane"
        lines.append(Line(shown, route.steps, surface.plane_loss[rows], route.colour, "dot", route.marker))
    both = np.concatenate([surface.path_loss, surface.plane_loss])
    log = bool((both[np.isfinite(both)] > 0).all())
    caption = (
        f"Loss {words.data(surface.run_specs[0], surface.split)}, at each checkpoint (solid) and at the point of the "
        "plane nearest to it (dotted). Where the two part, the map shows another loss under the path than the "
        "optimizer saw."
    )
    source = f"joint/{fingerprint(surface.spec)}"
    title, label = "Are the paths on their surface?", words.loss(surface.run_specs[0])
    return Chart("joint_faithful", title, "step", label, tuple(lines), caption, log_y=log, source=source)


def names(surface: JointSurface) -> list[str]:
    """What tells the runs apart, in words; their digests' beginnings where nothing else does."""
    said = [_differences(spec, surface.run_specs) for spec in surface.run_specs]
    return [
        text if said.count(text) == 1 else f"{text} ({run[:4]})" for text, run in zip(said, surface.runs, strict=True)
    ]


def _differences(spec: Spec, others: tuple[Spec, ...]) -> str:
    """The rules of a run, and whatever else of it is not as in most of the runs."""
    parts = [words.rules(spec)]
    for key in spec:
        values = [other.get(key) for other in others]
        if key not in ("rule", "then", "every") and spec[key] != max(values, key=values.count):
            parts.append(_part(key, spec[key], values))
    return ", ".join(parts)


def _part(key: str, value: Any, values: list[Any]) -> str:
    """One setting; of one that has settings of its own the name, where that is enough to tell it from the others."""
    if not isinstance(value, dict):
        return words.setting(key, value)
    alike = [other for other in values if isinstance(other, dict) and other["name"] == value["name"] and other != value]
    return words.part(value) if alike else words.title(value["name"])


def _rows(surface: JointSurface) -> list[slice]:
    """Each run's rows among the points of all paths."""
    return [slice(*pair) for pair in pairwise(surface.starts.tolist())]


def _route(surface: JointSurface, r: int, z: np.ndarray) -> Route:
    """A run's path; runs of one rule share its colour, and differ in dash and marker."""
    rules = [words.rule(spec) for spec in surface.run_specs]
    (colour, marker), before, rows = rule_look(rules[r]), rules[:r].count(rules[r]), _rows(surface)[r]
    marker = MARKERS[(MARKERS.index(marker) + before) % len(MARKERS)]
    x, y = _origin(surface)
    a, b = x + surface.path_a[rows], y + surface.path_b[rows]
    distance = np.sqrt(surface.path_a**2 + surface.path_b**2 + surface.residual**2)
    off, dash = held(surface.residual, distance)[rows], DASHES[before % len(DASHES)]
    route = Route(names(surface)[r], colour, a, b, z[rows], surface.steps[rows], dash, marker)
    return replace(route, held=off, explained=float(surface.explained[r]))


def _caption(surface: JointSurface, quantity: str) -> str:
    rows, plane = len(complete(surface).a), _plane(surface)
    coarse = "" if surface.stride == 1 else f", a coarse {rows}×{rows} of {len(surface.a)}×{len(surface.a)} so far"
    lost = f" {words.left_out(surface.left_out)}" if surface.left_out else ""
    decay = next(filter(None, map(words.decay, surface.run_specs)), "")
    kept = "; ".join(_end(surface, r, name) for r, name in enumerate(names(surface)))
    return (
        f"{quantity.capitalize()} {words.data(surface.run_specs[0], surface.split)}, on {plane}{coarse}. At each "
        f"path's end, and the share of its squared distance from the centre that the plane holds: {kept}. Points lie "
        f"up to {words.number(float(surface.residual.max()))} off the plane ({surface.unit}); what lies off it is not "
        "shown: two ends that look close may be far apart. White rings are starts. λ₁ is the largest eigenvalue of the "
        f"training loss's Hessian. {checked(surface)}{lost}{decay}"
    )


def _plane(surface: JointSurface) -> str:
    return "its own two coordinates" if surface.unit == OWN else PLANES[surface.spec.get("plane", "paths")]


def _end(surface: JointSurface, r: int, name: str) -> str:
    value = f"{words.number(float(surface.end_sharpness[r]))} ± {words.number(float(f'{surface.end_residual[r]:.1g}'))}"
    share = words.percent(float(surface.explained[r]))
    last = broken_off(surface, r)
    until = "" if last is None else f" at step {last:,}"
    return f"{name}{until}: loss {words.number(float(surface.end_loss[r]))}, λ₁ {value}, {share}"


def broken_off(surface: JointSurface, r: int) -> int | None:
    """The step at which a run's path ends on the map, where points are left out and it may not be the run's end."""
    last = int(surface.steps[_rows(surface)[r]][-1])
    return last if surface.left_out and last < surface.run_specs[r]["steps"] else None
