"""Outcomes: two measures of many runs against each other, as each run was last measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.figures import words
from engine.figures.charts import MEASURES, positive
from engine.figures.drawing import Chart, Line
from engine.figures.theme import MARKERS, rule_look
from engine.figures.words import Spec


def scatter(runs: Sequence[tuple[Spec, Mapping[str, float]]], across: str, up: str) -> Chart:
    """One of MEASURES of runs over another, given as (encoded spec, the last value of every measure): a mark for each
    run, in its rule's colour; runs of one rule with different updates (momentum, AdamW) have different shapes."""
    points = np.array([[_value(last, across), _value(last, up)] for _, last in runs]).reshape(-1, 2)
    known = np.array([bool(np.isfinite(point).all()) for point in points], bool)
    kinds = [(words.rule(spec), spec["update"]["name"]) for spec, _ in runs]
    shown = list(dict.fromkeys(kind for kind, good in zip(kinds, known, strict=True) if good))
    lines = []
    for rule, update in shown:
        x, y = points[known & np.array([kind == (rule, update) for kind in kinds])].T
        colour, marker = rule_look(rule)
        nth = [other for one, other in shown if one == rule].index(update)
        label = words.title(rule) if update == "Momentum" else f"{words.title(rule)}, {words.title(update)}"
        lines.append(Line(label, x, y, colour, "none", MARKERS[(MARKERS.index(marker) + nth) % len(MARKERS)]))
    (x_label, x_log), (y_label, y_log) = MEASURES[across], MEASURES[up]
    lost = len(runs) - int(known.sum())
    missing = f" {lost} run{'s' * (lost != 1)} not shown: not both were measured, or not finite." if lost else ""
    title = f"{words.capital(y_label)} over {x_label}"
    return Chart(
        f"outcomes_{up}_over_{across}",
        title,
        x_label,
        y_label,
        tuple(lines),
        f"{title}, each mark a run as it was last measured; colour is the rule.{missing}",
        log_x=x_log and positive(*(line.x for line in lines)),
        log_y=y_log and positive(*(line.y for line in lines)),
        source=" ".join(words.digest(spec) for (spec, _), good in zip(runs, known, strict=True) if good),
        note="no run has both measured" if runs else "no run is chosen",
    )


def _value(last: Mapping[str, float], measure: str) -> float:
    """The last value of a measure; NaN where there is none."""
    value = last.get(measure)
    return float("nan") if value is None else float(value)
