"""Findings: what runs that differ in their rule have shown, said from the numbers and no further than these go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.figures import words
from engine.figures.charts import Columns
from engine.figures.words import Spec

FRACTIONS = {1 / 4: "a quarter of the curvature", 1 / 3: "a third of the curvature", 1 / 2: "half the curvature"}
NEAR = 0.1
"""How far from a fraction, relatively, a ratio may be that is called by its name."""
REACH = 2
"""Measurements before and after the one at the matched loss that say how much λ₁ moves about."""
SAME = 0.2
"""The share of the matched loss by which a run may lie below it and still be said to be at the same loss."""


class Finding(NamedTuple):
    """What was found: a headline, "" where the numbers bear none, and its figures."""

    headline: str
    figures: str


class Match(NamedTuple):
    """A run's first measurement at or below a loss."""

    label: str
    loss: float
    sharpness: float
    low: float  # of the sharpness at this measurement and those on either side of it, within their residuals
    high: float
    gradients: float  # taken until then; NaN where they were not counted


def found(runs: Sequence[tuple[str, Spec, Columns]], ended: bool = True) -> Finding | None:
    """What runs (label, encoded spec, columns), one for each rule, show of λ₁ at matched training loss.

    The loss is the lowest that all have reached, and each run's λ₁ that of its first measurement at or below it.
    Two differ where their ranges over the measurements on either side do not meet: how much one run's λ₁ moves from
    one measurement to the next is all that is known of its spread, for there is one run of each rule. A run that
    passes that loss between two measurements is compared with none. None where fewer than two have measured λ₁.
    """
    known = [run for run in runs if len(run[2]["step"]) and np.isfinite(run[2]["sharpness"]).any()]
    if len(known) < 2:
        return None
    level = max(_lowest(run) for _, _, run in known)
    matches = [match(label, run, level) for label, _, run in known]
    stuck = [label for label, _, run in known if not _lowest(run) < run["train_loss"][0]]
    if stuck:
        who = f"{' and '.join(stuck)} {'have' if len(stuck) > 1 else 'has'} not come below the loss at the start"
        return Finding("", f"{who}{'' if ended else ' so far'}: there is none to compare at.")
    matches = [m for m in matches if np.isfinite(m.sharpness)]
    return _told(known[0][1], matches, level, ended) if len(matches) > 1 else None


def match(label: str, run: Columns, level: float) -> Match:
    """The first measurement at or below a loss, with the spread of λ₁ around it."""
    row = int(np.argmax(run["train_loss"] <= level))
    near = slice(max(row - REACH, 0), row + REACH + 1)
    sharpness, doubt = run["sharpness"][near], run["sharpness_residual"][near]
    good = np.isfinite(sharpness)
    low = np.min((sharpness - doubt)[good], initial=np.inf)
    high = np.max((sharpness + doubt)[good], initial=-np.inf)
    gradients = float(run["gradients"][row]) if "gradients" in run else np.nan
    return Match(label, float(run["train_loss"][row]), float(run["sharpness"][row]), float(low), float(high), gradients)


def _told(spec: Spec, matches: list[Match], level: float, ended: bool) -> Finding:
    against = next((m for m in matches if m.label == words.PLAIN), max(matches, key=lambda m: m.sharpness))
    others = sorted((m for m in matches if m is not against), key=lambda m: m.sharpness)
    missed = [m for m in matches if m.loss < level - SAME * abs(level)]
    apart = [m for m in others if _apart(m, against) and m not in missed and against not in missed]
    what, same = ("training loss", "loss") if words.has_data(spec) else ("value", "value")
    reached = "the lowest that all have reached" + ("" if ended else " so far")
    said = [_against(m, against) if m in apart else _undecided(m) for m in others]
    said += [f"{m.label} passes that loss between two measurements, to {words.number(m.loss, 3)}" for m in missed]
    parts = [f"At {what} {words.number(level, 3)}, {reached}, {against.label}’s λ₁ is {_range(against)}"]
    one = "One seed" if words.has_batches(spec) else "One start"
    cost = ", ".join(f"{m.label} {words.number(m.gradients)}" for m in matches if np.isfinite(m.gradients))
    parts = ["; ".join([*parts, *said]) + "."]
    parts += [f"Gradients until there: {cost}."] if cost else []
    said_of_all = ended and (apart or not missed)
    return Finding(_headline(same, apart, against) if said_of_all else "", " ".join([*parts, f"{one} of each."]))


def _headline(same: str, apart: Sequence[Match], against: Match) -> str:
    """Of the rule that differs most downwards, else upwards; that there is no clear difference, where none does."""
    if not apart:
        return f"Same {same}, no clear difference in curvature"
    first = apart[0] if apart[0].sharpness < against.sharpness else apart[-1]
    ratio = first.sharpness / against.sharpness
    named = next((name for share, name in FRACTIONS.items() if abs(ratio / share - 1) <= NEAR), "")
    much = named or f"{words.number(ratio, 2)} times the curvature"
    return f"Same {same}, {much}: {first.label} beside {against.label}"


def _against(m: Match, against: Match) -> str:
    return f"{m.label}’s is {words.number(m.sharpness / against.sharpness, 2)} of that, {_range(m)}"


def _undecided(m: Match) -> str:
    return f"{m.label}’s, {_range(m)}, cannot be told from it"


def _range(m: Match) -> str:
    at, low, high = (words.number(value, 3) for value in (m.sharpness, m.low, m.high))
    return at if low == at == high else f"{at} ({low} to {high} just before and after)"


def _apart(m: Match, other: Match) -> bool:
    """Whether two ranges do not meet; a ratio is of two positive numbers."""
    return min(m.sharpness, other.sharpness) > 0 and (m.high < other.low or other.high < m.low)


def _lowest(run: Columns) -> float:
    """The lowest training loss measured."""
    return float(np.min(_finite(run["train_loss"]), initial=np.inf))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]
