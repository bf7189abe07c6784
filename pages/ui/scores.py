"""Scores: the rules' numbers of robustness with their intervals, what each of them is, and how good against how
sensitive."""

from __future__ import annotations

import math
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
    called = "training loss" if loss == "train_loss" else "held-out loss"
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
    titles, rules = sweeps.titles(described), sweeps.compared(described)
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
        explained(("best", "share", "stable", "sensitivity", "importance"))
    if rated and len(found) > 1:
        spots = [
            summary.Spot(title, rule["name"], one.sensitivity.value, one.best.value, one.best.low, one.best.high)
            for title, rule, one in zip(titles, rules, found, strict=True)
        ]
        with right:
            draw = partial(summary.plane, spots, called, fingerprint(record.spec))
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

    def draw() -> Chart:
        rules = zip(sweeps.titles(described), sweeps.compared(described), strict=True)
        curves = []
        for r, (title, rule) in enumerate(rules):
            maps = outcomes(record, loss, r)
            found = best_of(maps, min(MOST, maps.grid.size))
            curves.append(summary.Curve(title, rule["name"], found))
        return summary.trials(curves, called, fingerprint(record.spec))

    figures.chart(f"trials@{address}/{loss}", version, Tall.MIDDLE, draw)
    explained(("best_of",))
