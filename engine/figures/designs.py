"""Designs drawn: all points over parallel axes, what came of them against each knob, and how much each knob matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line
from engine.figures.parallel import Parallel, Rail
from engine.figures.quantities import QUANTITIES, Quantity
from engine.figures.sweeps import about, called, cells, compared, seeds_of, titles
from engine.figures.theme import rule_look
from engine.figures.words import Spec
from engine.records import Design
from engine.spec import fingerprint

BEST = 10
"""Points that are drawn above the others."""
DRAWN = {"Sobol": "Sobol's sequence", "Random": "independent draws"}
TOLD = ("steps", "batch", "problem")
"""Parts of a run that a caption tells, unless they differ."""


def parallel(design: Design, spec: Spec, name: str = "test loss", rule: int = 0) -> Parallel:
    """One rule's points over an axis for each knob that it has and one for a quantity; `spec` is the design's, as
    `describe` gives it."""
    quantity = QUANTITIES[name]
    values, lost = (found[rule] for found in cells(design, quantity))
    there = np.flatnonzero(np.isfinite(design.values[rule]).any(axis=0)).tolist()
    knobs, points = labels(spec), design.values[rule]
    rails = [Rail(knobs[k], points[:, k], *_ends(spec, k), spec["ranges"][k]["log"]) for k in there]
    last = _rail(values, quantity)
    return Parallel(
        name=f"parallel_{name.replace(' ', '_')}_{rule}",
        title=f"{titles(spec)[rule]}: {quantity.label} over {len(there)} knobs",
        rails=(*rails, last),
        lost=lost,
        best=order(values, quantity)[:BEST],
        good="low" if quantity.lower else "high",
        caption=_parallel_caption(design, spec, quantity, rule, (*rails, last)),
        source=fingerprint(design.spec),
    )


def richest(design: Design) -> int:
    """The first of the rules that have most of the knobs."""
    return int(np.isfinite(design.values).any(axis=1).sum(axis=1).argmax())


def scatter(design: Design, spec: Spec, name: str = "test loss", knob: int = 0) -> Chart:
    """A quantity of every point against one knob, for the rules that have it."""
    quantity = QUANTITIES[name]
    values, lost = cells(design, quantity)
    lines = []
    for r, (title, rule) in enumerate(zip(titles(spec), compared(spec), strict=True)):
        known = np.isfinite(design.values[r, :, knob]) & (np.isfinite(values[r]) | lost[r])
        look = rule_look(rule["name"])
        if known.any():
            x = design.values[r, known, knob]
            lines.append(Line(title, x, values[r, known], look.colour, dash="none", marker=look.marker))
    label = labels(spec)[knob]
    caption = (
        f"{words.capital(quantity.label)} at the end of training over {label}; each mark is one point, {_of(spec)}, and"
        f" the other knobs differ from point to point. {_runs(spec)}"
    )
    return Chart(
        f"scatter_{knob}_{name.replace(' ', '_')}",
        f"{words.capital(quantity.label)} over {label}",
        label,
        quantity.label,
        tuple(lines),
        caption,
        log_x=spec["ranges"][knob]["log"],
        log_y=quantity.log,
        note="nothing trained yet",
        source=fingerprint(design.spec),
    )


Interval = tuple[float, float, float]
"""A value, and from where to where it may lie."""


def importance(found: Sequence[Mapping[str, Interval]], design: Design, spec: Spec) -> Chart:
    """How important each knob is to every rule, by the knobs' dotted names."""
    knobs = [one["knob"] for one in spec["ranges"]]
    lines = []
    for r, (title, rule) in enumerate(zip(titles(spec), compared(spec), strict=True)):
        rows = [(k, *found[r][knob]) for k, knob in enumerate(knobs) if knob in found[r]]
        place, value, low, high = (np.array(column, float) for column in zip(*rows, strict=True))
        shift = 0.12 * (r - (len(found) - 1) / 2)
        look = rule_look(rule["name"])
        lines.append(Line(title, place + shift, value, look.colour, dash="none", marker=look.marker, band=(low, high)))
    caption = (
        "How much each knob decides whether a point is among the best tenth by its held-out loss, as a share of all "
        "knobs: PED-ANOVA (Watanabe et al. 2023), which compares each knob's distribution there with that at all "
        "points, and does not see knobs that act only together. Bars are intervals of 95% over points, by random "
        f"halves of them. {_runs(spec)}"
    )
    return Chart(
        "knobs",
        "Importance of each knob",
        "knob",
        "share of the importance",
        tuple(lines),
        caption,
        y_range=(0.0, 1.0),
        x_ticks=tuple((float(k), label) for k, label in enumerate(labels(spec))),
        note="needs at least 50 points",
        source=fingerprint(design.spec),
    )


def best(design: Design, name: str) -> list[int | None]:
    """Of every rule the best point by a quantity; None where no run has a value, or none is better by it than
    another."""
    quantity = QUANTITIES[name]
    ordered = [order(values, quantity) for values in cells(design, quantity)[0]]
    return [int(points[0]) if len(points) else None for points in ordered]


def order(values: np.ndarray, quantity: Quantity) -> np.ndarray:
    """The points that have a value [N], the best first; none where the quantity says nothing of better and worse."""
    there = np.flatnonzero(np.isfinite(values)) if quantity.judged else np.zeros(0, int)
    return there[np.argsort(values[there] if quantity.lower else -values[there], kind="stable")]


def labels(spec: Spec) -> list[str]:
    """What the knobs are called; by their whole names where two are called alike."""
    knobs = [str(one["knob"]) for one in spec["ranges"]]
    short = [called(knob) for knob in knobs]
    return [name if short.count(name) == 1 else knob for knob, name in zip(knobs, short, strict=True)]


def _ends(spec: Spec, knob: int) -> tuple[float, float]:
    one = spec["ranges"][knob]
    return float(one["low"]), float(one["high"])


def _rail(values: np.ndarray, quantity: Quantity) -> Rail:
    """The axis of the quantity: all that is there, but at most four powers of ten from the good end."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    log = quantity.log and low > 0
    return Rail(quantity.label, values, low, min(high, low * 1e4) if log and quantity.lower else high, log)


def _parallel_caption(design: Design, spec: Spec, quantity: Quantity, rule: int, rails: Sequence[Rail]) -> str:
    chosen = np.isfinite(design.values[rule]).any(axis=1)
    still = int((design.outcomes["state"][rule] == 0).any(axis=-1).sum())
    *knobs, last = rails
    lost = cells(design, quantity)[1][rule]
    over = ", ".join(rail.label for rail in knobs)
    cut = int((last.values > last.high).sum())
    parts = [
        f"{titles(spec)[rule]}: each line is one of {int(chosen.sum()):,} points in {over} by {_drawn(spec)}, and ends "
        f"at its {quantity.label} at the end of training, {_of(spec)}.",
        f"Thick: the best {min(BEST, len(order(last.values, quantity)))}." if quantity.judged else "",
        f"Grey: lost, the loss left the finite numbers ({100 * lost.sum() / chosen.sum():.0f}% of the points)."
        if lost.any()
        else "",
        f"{cut:,} above {words.number(last.high)} are drawn there." if cut else "",
        "A search tries more where it has found good points: how many lie where says nothing by itself."
        if spec["sampler"]["name"] == "Search"
        else "",
        _runs(spec),
        f"{still:,} points are still to be trained." if still else "",
    ]
    return " ".join(filter(None, parts))


def _drawn(spec: Spec) -> str:
    sampler = spec["sampler"]
    return DRAWN.get(sampler["name"]) or f"a search towards the {sampler['towards']}"


def _of(spec: Spec) -> str:
    return f"the median of {seeds_of(spec)}" if spec["seeds"] > 1 else "one run, one seed"


def _runs(spec: Spec) -> str:
    """What all runs have in common."""
    rooms = {one["knob"].partition(".")[0] for one in spec["ranges"]}
    return f"{about(spec)[:-1]}, but for the knobs that differ." if rooms & {*TOLD} else about(spec)
