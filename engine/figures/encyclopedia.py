"""Rules on a quadratic: the path of each in the plane, and how far from the minimum it is, beside what theory says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line, Map, Mark
from engine.figures.onmap import Station
from engine.figures.theme import rule_colour, rule_look

if TYPE_CHECKING:  # it comes with torch, which a figure does not need
    from engine.encyclopedia.quadratic import Trace

SIDE = (1.25, 4.0)
"""Half the side of the pictured plane: at least, and at most."""
FLOOR = 1e-3
"""Where the colours of f end."""
RANGE = (1e-4, 100.0)
"""Of the distances, whatever the settings: a slider moves the curves, and not the axis beside them."""
HUGE = 1e30
"""The largest distance that is given: a browser gets single precision."""
DASHES = ("solid", "dot")
"""Of the first rule, and of the one beside it."""


@dataclass(frozen=True)
class Trail(Map):
    """A map whose centre is the minimum, and no point of the path."""

    @property
    def stations(self) -> list[Station]:
        """The path's start and its end."""
        return [
            Station(role, i, f"{role}, step {self.path_steps[i]:,}")
            for role, i in (("start", 0), ("end", len(self.path_steps) - 1))
        ]


def plane(run: Trace, beside: Sequence[Trace] = ()) -> Trail:
    """A run's path over the quadratic's contours; the frame has room for the paths beside it too."""
    furthest = np.concatenate([np.abs(one.path[np.isfinite(one.path)]) for one in (run, *beside)]).max()
    half = float(np.clip(1.1 * furthest, *SIDE))
    axis, curvature = np.linspace(-half, half, 61), np.array(run.spec["problem"]["eigenvalues"])
    z = 0.5 * (curvature[0] * axis**2 + curvature[1] * axis[:, None] ** 2)
    out = int((~(np.abs(run.path) <= half)).any(axis=1).sum())
    caption = (
        f"Path of {_about(run)}. Colours are f, on a logarithmic scale that ends at {words.number(FLOOR)}. Look "
        "whether it comes to rest in the middle, hops across the valley for ever, or "
        f"leaves.{f' {out} of its {len(run.path)} points lie outside the picture.' if out else ''} {theory(run)} "
        f"{_how([run])}"
    )
    return Trail(
        name=f"path_{words.rule(run.spec)}",
        title=f"Path of {_name(run)}",
        x_label="x, the sharp direction",
        y_label="y, the flat direction",
        z_label="f, log scale",
        a=axis,
        b=axis,
        z=z,
        log=True,
        limits=(FLOOR, float(z.max())),
        path_a=run.path[:, 0],
        path_b=run.path[:, 1],
        path_z=0.5 * run.path**2 @ curvature,
        path_steps=np.arange(len(run.path)),
        checkpoint=0,
        caption=caption,
        source=words.digest(run.spec),
    )


def distances(runs: Sequence[Trace]) -> Chart:
    """How far from the minimum the runs are after each step."""
    steps = [np.arange(len(run.path)) for run in runs]
    lines = [_measured(run, i, steps[i], np.linalg.norm(run.path, axis=1)) for i, run in enumerate(runs)]
    lines += [
        _theory([run], x, np.full(len(x), run.cycle)) for run, x in zip(runs, steps, strict=True) if run.cycle > 0
    ]
    caption = (
        f"Distance from the minimum: {_each(runs)}. In units of x and y. Dashed is theory, the radius of the 2-cycle "
        "that the run ends in. Look for a straight fall, which is convergence, and for a level that it does not "
        f"leave. {_said(runs)}{_huge(lines)} {_how(runs)}"
    )
    return Chart(
        "distance",
        "Distance from the minimum",
        "step",
        "distance",
        tuple(lines),
        caption,
        log_y=True,
        y_range=RANGE,
        source=_source(runs),
    )


def ends(runs: Sequence[Trace]) -> Chart:
    """Where the runs end by learning rate, and the rates up to which theory has them stable."""
    count, steps, unit = len(runs[0].rates), runs[0].spec["steps"], max(runs[0].spec["problem"]["eigenvalues"]) / 2
    lines = [_measured(run, i, run.rates * unit, run.ends) for i, run in enumerate(runs)]
    lines += [_theory(alike, *_expected(alike[0], unit)) for alike in _alike(runs)]
    caption = (
        f"Distance along x after {steps} steps: {_each(runs)}. Each of the {count} learning rates is a run of its own. "
        "Dashed is theory: upright at the largest stable learning rate, and below it the radius of the 2-cycle, if "
        "there is one. The dotted upright line is the rate of the other pictures. Look whether what is measured "
        f"begins to grow where theory says so; at small rates {steps} steps are too few to come down the flat "
        f"direction, and the cycle comes after.{_huge(lines)} {_how(runs)}"
    )
    return Chart(
        "ends",
        "Where it ends, by learning rate",
        "learning rate η, in units of 2/λ",
        f"distance along x, step {steps}",
        tuple(lines),
        caption,
        log_y=True,
        y_range=RANGE,
        marks=(Mark(runs[0].spec["lr"] * unit, "η"),),
        source=_source(runs),
    )


def last(run: Trace) -> float:
    """The distance from the minimum at the run's end."""
    return float(np.linalg.norm(run.path[-1]))


def theory(run: Trace) -> str:
    """What theory says of this very run, in a sentence."""
    if np.isnan(run.threshold):
        return "No theory here; what you see is the run."
    if run.spec["lr"] >= run.threshold:
        return f"In theory it is not stable, since η is not below {words.number(run.threshold)}."
    end = (
        f"ends in a 2-cycle of radius {words.number(run.cycle)}"
        if run.cycle > 0
        else "converges"
        if run.cycle == 0
        else "stays bounded"
    )
    return f"In theory it {end}, as η is below {words.number(run.threshold)}."


def _measured(run: Trace, i: int, x: np.ndarray, y: np.ndarray) -> Line:
    look = rule_look(words.rule(run.spec))
    return Line(_name(run), x, np.minimum(y, HUGE), look.colour, DASHES[i], look.marker)


def _huge(lines: Sequence[Line]) -> str:
    return (
        f" Distances beyond {words.number(HUGE)} are given as that."
        if any((line.y >= HUGE).any() for line in lines)
        else ""
    )


def _theory(runs: Sequence[Trace], x: np.ndarray, y: np.ndarray) -> Line:
    hue = rule_colour(words.rule(runs[0].spec)) if len(runs) == 1 else "ink"
    return Line(f"{' and '.join(map(_name, runs))}, theory", x, y, hue, "dash", theory=True)


def _expected(run: Trace, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """The radius of the 2-cycle over the stable learning rates, and from there, or from 0, straight up where they
    end."""
    cycling = (run.cycles > 0) & (run.rates < run.threshold)
    x, y = run.rates[cycling] * unit, run.cycles[cycling]
    return (
        (np.append(x, run.threshold * unit), np.append(y, RANGE[1]))
        if len(x)
        else (np.full(2, run.threshold * unit), np.array(RANGE))
    )


def _alike(runs: Sequence[Trace]) -> list[list[Trace]]:
    """The runs of which theory says something, those of which it says the same together."""
    found: dict[str, list[Trace]] = {}
    for run in runs:
        if np.isfinite(run.threshold):
            found.setdefault(str([np.round(part, 9).tolist() for part in _expected(run, 1.0)]), []).append(run)
    return list(found.values())


def _each(runs: Sequence[Trace]) -> str:
    return " and ".join(map(_called, runs))


def _said(runs: Sequence[Trace]) -> str:
    return " ".join(f"{_called(run)}: {theory(run)[0].lower()}{theory(run)[1:]}" for run in runs)


def _about(run: Trace) -> str:
    return f"{_called(run)}, {len(run.path) - 1} steps of learning rate {words.number(run.spec['lr'])}"


def _name(run: Trace) -> str:
    return words.title(words.rule(run.spec))


def _called(run: Trace) -> str:
    """The rule with its radius, if it has one."""
    rho = _radius(run.spec["rule"])
    return _name(run) + ("" if rho is None else f" (ρ {words.number(rho)})")


def _radius(rule: Mapping[str, Any]) -> float | None:
    inner = [_radius(value) for value in rule.values() if isinstance(value, Mapping)]
    return rule.get("rho", next((rho for rho in inner if rho is not None), None))


def _how(runs: Sequence[Trace]) -> str:
    toy = runs[0].spec["problem"]
    start, (sharp, flat) = (
        ", ".join(map(words.number, toy["begin"])),
        ("" if v == 1 else words.number(v) for v in toy["eigenvalues"]),
    )
    made = " and ".join(words.part(run.spec["rule"]) for run in runs)
    return (
        f"Really run by the engine: {made}, full-batch steps without momentum on f = ({sharp}x² + {flat}y²)/2 from "
        f"({start}), in double precision."
    )


def _source(runs: Sequence[Trace]) -> str:
    return " ".join(words.digest(run.spec) for run in runs)
