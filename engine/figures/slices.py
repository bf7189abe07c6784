"""Slices through a sweep's maps: a quantity over the first knob, tuned over the second, or at each of its values."""

from __future__ import annotations

import numpy as np

from engine.figures import words
from engine.figures.drawing import Chart, Line
from engine.figures.quantities import Quantity
from engine.figures.sweeps import USUAL, about, axis_label, cells, compared, seeds_of, titles, valueless
from engine.figures.theme import ordinal, rule_look
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import fingerprint


def tuned(sweep: Sweep, spec: Spec, quantity: Quantity = USUAL) -> Chart:
    """The best over the rows in every column, a line for each rule, the seeds as a band: what a person gets who has
    tuned the second knob."""
    values, _ = cells(sweep, quantity)
    lines = []
    for r, (title, rule) in enumerate(zip(titles(spec), compared(spec), strict=True)):
        best = _best_rows(values[r], quantity)
        middle, band = _along(sweep, quantity, r, best)
        look = rule_look(rule["name"])
        lines.append(Line(title, sweep.columns, middle, look.colour, marker=look.marker, band=band))
    second = axis_label(spec, "y")
    tuned = f", each at its best {second}" if len(sweep.rows) > 1 else ""
    caption = (
        f"{words.capital(quantity.label)} over {axis_label(spec, 'x')}{tuned}; the line is the median "
        f"over {seeds_of(spec)}, the band goes from the lowest to the highest. The best is chosen by the same seeds "
        f"that are shown, so that it flatters every rule a little. {about(spec)}"
    )
    return _chart("slices", f"Tuned over {second}" if tuned else "Over one knob", sweep, spec, quantity, lines, caption)


def rows(sweep: Sweep, spec: Spec, quantity: Quantity = USUAL, rule: int = 0) -> Chart:
    """One rule's slices at a few values of the second knob."""
    picked = np.unique(np.linspace(0, len(sweep.rows) - 1, min(6, len(sweep.rows))).round().astype(int))
    lines, sign = [], _sign(axis_label(spec, "y"))
    each = "each" if len(picked) == len(sweep.rows) else f"{len(picked)} of the {len(sweep.rows)} values of the"
    for k, i in enumerate(picked):
        middle, band = _along(sweep, quantity, rule, np.full(len(sweep.columns), i))
        label = f"{sign}{words.number(float(sweep.rows[i]), 2)}" if np.isfinite(sweep.rows[i]) else titles(spec)[rule]
        lines.append(Line(label, sweep.columns, middle, ordinal(k, len(picked)), band=band))
    caption = (
        f"{titles(spec)[rule]}: {quantity.label} over {axis_label(spec, 'x')}, a line for {each} "
        f"{axis_label(spec, 'y')}; median over {seeds_of(spec)}, and from the lowest to the highest. {about(spec)}"
    )
    return _chart(
        f"rows_{rule}", f"{titles(spec)[rule]} at each {axis_label(spec, 'y')}", sweep, spec, quantity, lines, caption
    )


def _sign(label: str) -> str:
    """The letter of a knob, before its values: "ρ " of "radius ρ"; "" where it has none."""
    last = label.rpartition(" ")[2]
    return "" if last.isascii() else f"{last} "


def _chart(
    name: str, title: str, sweep: Sweep, spec: Spec, quantity: Quantity, lines: list[Line], caption: str
) -> Chart:
    reach = _reach(lines, quantity)
    above = " What lies higher is cut off." if reach else ""
    return Chart(
        name,
        title,
        axis_label(spec, "x"),
        quantity.label,
        tuple(lines),
        caption + above,
        log_x=spec["x"]["log"],
        log_y=quantity.log,
        y_range=reach,
        source=fingerprint(sweep.spec),
    )


def _reach(lines: list[Line], quantity: Quantity) -> tuple[float, float] | None:
    """Of a chart of values that are better when lower: up to what the medians reach, and at most four powers of ten:
    a single run that has left would leave no room for the others. None where all fits, or nothing is there."""
    middles = np.concatenate([line.y for line in lines])
    seen = np.concatenate([middles, *(edge for line in lines for edge in line.band or ())])
    middles, seen = (values[np.isfinite(values) & (values > 0)] for values in (middles, seen))
    if not (quantity.log and quantity.lower and len(middles)):
        return None
    low, high = float(seen.min()), min(2 * float(middles.max()), 1e4 * float(middles.min()))
    return (low, high) if seen.max() > high > low else None


def _along(
    sweep: Sweep, quantity: Quantity, rule: int, picked: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """[X]: the median in each column, in the row that is picked for it, and the band over the seeds."""
    values, state = quantity.values(sweep)[rule], sweep.outcomes["state"][rule]
    columns = np.arange(len(sweep.columns))
    gone = valueless(values, state, quantity) | (state == 0) | ~np.isfinite(values)
    there = np.where(gone, np.nan, values)[picked, columns]
    enough = np.isfinite(there).sum(axis=1) * 2 > there.shape[1]
    safe = np.where(enough[:, None], there, np.nan)
    middle = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in safe])
    if there.shape[1] == 1:
        return middle, None
    filled = np.where(np.isfinite(safe), safe, middle[:, None])
    return middle, (filled.min(axis=1), filled.max(axis=1))


def _best_rows(values: np.ndarray, quantity: Quantity) -> np.ndarray:
    """[X]: the best row of each column."""
    worst = np.inf if quantity.lower else -np.inf
    filled = np.where(np.isfinite(values), values, worst)
    return filled.argmin(axis=0) if quantity.lower else filled.argmax(axis=0)
