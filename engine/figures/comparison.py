"""Several runs in one chart: a measure of each over steps, gradient evaluations or seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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


def named(specs: Sequence[RunSpec]) -> tuple[str, list[str]]:
    """What runs have in common, and each one's own words, with its digest's beginning where another has the same."""
    alike, own = words.contrast(specs)
    return alike, [
        name if own.count(name) == 1 else f"{name} ({digest(spec)[:4]})" for name, spec in zip(own, specs, strict=True)
    ]


def compare(runs: Sequence[tuple[str, Spec, Columns]], measure: str, over: str = "step", alike: str = "") -> Chart:
    """One measure of several runs, given as (label, encoded spec, columns), over one of OVER; a rule's runs share
    its colour and differ in dash and marker.

    `alike` says what all runs have in common, for the caption.
    """
    (label, log), (axis, look) = MEASURES[measure], OVER[over]
    shown = [(name, spec, run) for name, spec, run in runs if over in run and measure in run]
    lines = [
        Line(name, run[over], run[measure], *_look(spec, before))
        for (name, spec, run), before in zip(shown, _before(shown), strict=True)
    ]
    marks = dict.fromkeys(mark for _, spec, run in shown for mark in switch_marks(run, spec, over))
    what = (
        f"{label[0].upper()}{label[1:]} of {len(shown)} run{'s' * (len(shown) != 1)} over "
        f"{axis}{'s' * (over == 'step')}; colour is the rule."
    )
    lost = len(runs) - len(shown)
    older = f"{lost} older run{'s' * (lost != 1)} not shown: no count of this was kept." if lost else ""
    caption = " ".join(
        filter(
            None,
            (what, look, f"All are {alike}." if alike else "", words.marked([mark.label for mark in marks]), older),
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
