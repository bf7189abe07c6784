"""Several runs in one chart: a measure of each over steps, gradient evaluations or seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.figures import words
from engine.figures.charts import MEASURES, Columns, positive, switch_marks
from engine.figures.drawing import Chart, Line
from engine.figures.theme import MARKERS, rule_look
from engine.figures.words import Spec
from engine.spec import digest

if TYPE_CHECKING:
    from engine.training.runs import RunSpec

OVER = {
    "step": (
        "step",
        (
            "A step of SAM costs two gradients, a plain one costs one: by gradient evaluations or seconds, runs are "
            "compared at equal cost."
        ),
    ),
    "gradients": (
        "gradient evaluations",
        (
            "Counted is every gradient that a training step takes, as the share of the batch it is taken on; passes "
            "without a gradient and measurements are not."
        ),
    ),
    "seconds": (
        "seconds",
        (
            "Seconds are by the wall clock, of training and measuring: they depend on the device and on what ran "
            "beside it."
        ),
    ),
}
"""What several runs are compared over: its words on an axis, and what to know of it."""


MEDIAN = (
    "Where runs differ in their seed alone, the line is their median at each step that all have measured, and the band "
    "their range."
)


def named(specs: Sequence[RunSpec]) -> tuple[str, list[str]]:
    """What runs have in common, and each one's own words, with its digest's beginning where another has the same."""
    alike, own = words.contrast(specs)
    return alike, [
        name if own.count(name) == 1 else f"{name} ({digest(spec)[:4]})" for name, spec in zip(own, specs, strict=True)
    ]


def seeds_together(specs: Sequence[RunSpec]) -> tuple[str, list[str]]:
    """As `named`, but runs that differ in their seed alone have one name, which says how many they are."""
    alone = [replace(spec, seed=0) for spec in specs]
    groups = list(dict.fromkeys(alone))
    # of a run that has no other seed beside it, its own is told
    heads = [group if alone.count(group) > 1 else specs[alone.index(group)] for group in groups]
    alike, names = named(heads)
    counted = {
        group: f"{name}, {alone.count(group)} seeds" if alone.count(group) > 1 else name
        for group, name in zip(groups, names, strict=True)
    }
    return alike, [counted[group] for group in alone]


def compare(runs: Sequence[tuple[str, Spec, Columns]], measure: str, over: str = "step", alike: str = "") -> Chart:
    """One measure of several runs, given as (label, encoded spec, columns), over one of OVER; a rule's runs share
    its colour and differ in dash and marker, and runs of one label are one line: their median within their range.

    `alike` says what all runs have in common, for the caption.
    """
    (label, log), (axis, look) = MEASURES[measure], OVER[over]
    shown = [(name, spec, run) for name, spec, run in runs if over in run and measure in run]
    first = list({name: (name, spec, run) for name, spec, run in reversed(shown)}.values())[::-1]
    lines = [
        _line(name, [run for other, _, run in shown if other == name], measure, over, _look(spec, before))
        for (name, spec, _), before in zip(first, _before(first), strict=True)
    ]
    marks = dict.fromkeys(mark for _, spec, run in first for mark in switch_marks(run, spec, over))
    what = (
        f"{label[0].upper()}{label[1:]} of {len(shown)} run{'s' * (len(shown) != 1)} over "
        f"{axis}{'s' * (over == 'step')}; colour is the rule."
    )
    lost = len(runs) - len(shown)
    older = f"{lost} older run{'s' * (lost != 1)} not shown: no count of this was kept." if lost else ""
    caption = " ".join(
        filter(
            None,
            (
                what,
                MEDIAN if len(first) < len(shown) else "",
                look,
                f"All are {alike}." if alike else "",
                words.marked([mark.label for mark in marks]),
                older,
            ),
        )
    )
    return Chart(
        f"compare_{measure}" + f"_by_{over}" * (over != "step"),
        label.capitalize(),
        axis,
        label,
        tuple(lines),
        caption,
        log_y=log and positive(*(line.y for line in lines)),
        marks=tuple(marks),
        source=" ".join(words.digest(spec) for _, spec, _ in shown),
        note="no run is chosen" if not runs else "nothing measured yet" if shown else older,
    )


def _line(name: str, runs: Sequence[Columns], measure: str, over: str, look: tuple[str, str, str]) -> Line:
    """The curve of a run, or the median of several at each step that all have measured, within their range."""
    if len(runs) == 1:
        return Line(name, runs[0][over], runs[0][measure], *look)
    steps = [step for step in runs[0]["step"] if all(step in run["step"] for run in runs)]
    rows = [np.searchsorted(run["step"], steps) for run in runs]
    x, y = (np.array([run[key][at] for run, at in zip(runs, rows, strict=True)], float) for key in (over, measure))
    return Line(name, np.median(x, axis=0), np.median(y, axis=0), *look, band=(y.min(axis=0), y.max(axis=0)))


def _before(runs: Sequence[tuple[str, Spec, Columns]]) -> list[int]:
    """How many runs of the same rule come before each; those that keep to one rule come first."""
    order = sorted(range(len(runs)), key=lambda i: len(words.switches(runs[i][1])))
    rules = [words.rule(runs[i][1]) for i in order]
    before = {i: rules[:nth].count(rules[nth]) for nth, i in enumerate(order)}
    return [before[i] for i in range(len(runs))]


def _look(spec: Spec, before: int) -> tuple[str, str, str]:
    """Colour, dash and marker of a run, by its rule and by how many of that rule come before."""
    colour, marker = rule_look(words.rule(spec))
    return colour, ("solid", "dot")[before % 2], MARKERS[(MARKERS.index(marker) + before) % len(MARKERS)]
