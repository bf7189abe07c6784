"""Scores: the rules' numbers of robustness with their intervals, what each of them is, and how good against how
sensitive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from engine.figures import summaries as summary
from engine.figures import sweeps, words
from engine.figures.drawing import Chart
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import fingerprint
from engine.sweeps.maps import best_of
from engine.sweeps.summary import WITHIN, Summary, outcomes, started, summaries
from pages.ui import across, cached, figures, shell, sweep
from pages.ui.estimates import explained, said
from pages.ui.tall import Tall

MOST = 100
"""Trials that are looked at."""
SECTIONS = ("Numbers", "Trials", "Across problems")
WAITING = "Not every rule has a run from every seed's start yet."
SECTION = f"{sweep.AT}:section"
"""Where a session keeps which of SECTIONS is open."""


def show(address: str, version: tuple[int, ...], record: Sweep, described: Spec, loss: str) -> None:
    """One of SECTIONS, of the held-out or the training loss by its outcome's name."""
    called = _called(loss)
    st.segmented_control(
        "Numbers of the rules",
        SECTIONS,
        key=SECTION,
        default=SECTIONS[0],
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if st.session_state[SECTION] == SECTIONS[1]:
        trials(address, version, record, described, loss, called)
    elif st.session_state[SECTION] == SECTIONS[2]:
        across.show(address, record, described, loss, called)
    else:
        numbers(address, version, record, described, loss, called)


def numbers(address: str, version: tuple[int, ...], record: Sweep, described: Spec, loss: str, called: str) -> None:
    """The rules' numbers with their intervals, and how good against how sensitive."""
    rated = described["x"]["knob"] == "lr"
    found = cached.drawn(f"summaries@{address}/{loss}", version, False, partial(summaries, record, loss, rated))
    if not found:
        return shell.empty(WAITING)
    titles = sweeps.titles(described)
    left, right = st.columns([1.9, 1], gap="medium")
    with left:
        turned = [sweeps.called(described[side]["knob"]) for side in "xy" if described[side]["knob"]]
        knobs = " / ".join([*turned, *(["both"] if len(turned) > 1 else [])])
        head = (
            *("Rule", f"Best {called}", f"Within {WITHIN:.0%} of the best", "Largest stable rate", "Sensitivity"),
            f"Matters: {knobs}",
        )
        rows = [
            shell.entry(title, *map(said, (one.best, one.share, one.stable, one.sensitivity)), matters(one, described))
            for title, one in zip(titles, found, strict=True)
        ]
        shell.write(shell.table(head, rows))
        st.caption(
            "In parentheses: intervals of 95% over the seeds. The best loss is that of seeds which had no part in "
            "choosing the cell, so it is a little higher than the star's on the map, and more cells are within "
            f"{WITHIN:.0%} of it. Stable is a rate at which half of the seeds end no worse than they began, also where "
            "they only guess."
        )
        explained(("best", "share", "stable", "sensitivity", "importance"))
    if rated and len(found) > 1:
        with right:
            draw = partial(_plane, found, record, described, called)
            figures.chart(f"plane@{address}/{loss}", version, Tall.MIDDLE, draw)


def matters(one: Summary, described: Spec) -> str:
    """How much of the map's variance each knob explains, and both only together: "62% / 20% / 18%"."""
    names = ["columns", *(["rows", "interaction"] if described["y"]["knob"] else [])]
    values = [one.importance[name].value for name in names]
    return " / ".join(f"{100 * value:.0f}%" if math.isfinite(value) else words.NONE for value in values)


def trials(address: str, version: tuple[int, ...], record: Sweep, described: Spec, loss: str, called: str) -> None:
    """What to expect of the best of a few cells."""
    if not started(record, loss):
        return shell.empty(WAITING)
    figures.chart(f"trials@{address}/{loss}", version, Tall.MIDDLE, partial(_curves, record, described, loss, called))
    explained(("best_of",))


def _curves(record: Sweep, described: Spec, loss: str, called: str) -> Chart:
    """The best of k cells, for all rules."""
    curves = []
    for r, (title, rule) in enumerate(zip(sweeps.titles(described), sweeps.compared(described), strict=True)):
        maps = outcomes(record, loss, r)
        curves.append(summary.Curve(title, rule["name"], best_of(maps, min(MOST, maps.grid.size))))
    return summary.trials(curves, called, fingerprint(record.spec))


def _plane(found: Sequence[Summary], record: Sweep, described: Spec, called: str) -> Chart:
    """How good against how sensitive, of all rules."""
    rules = zip(sweeps.titles(described), sweeps.compared(described), found, strict=True)
    spots = [
        summary.Spot(title, rule["name"], one.sensitivity.value, one.best.value, one.best.low, one.best.high)
        for title, rule, one in rules
    ]
    return summary.plane(spots, called, fingerprint(record.spec))


def drawings(record: Sweep, described: Spec, loss: str) -> dict[str, Callable[[], Chart]]:
    """The figures of `numbers` and `trials` by their titles, where there are any; they are computed when drawn."""
    if not started(record, loss):
        return {}
    called, made = _called(loss), dict[str, Callable[[], Chart]]()
    if described["x"]["knob"] == "lr" and len(sweeps.titles(described)) > 1:
        made["Good against sensitive"] = lambda: _plane(summaries(record, loss, True), record, described, called)
    return made | {"Best of k cells": partial(_curves, record, described, loss, called)}


def _called(loss: str) -> str:
    return "training loss" if loss == "train_loss" else "held-out loss"
