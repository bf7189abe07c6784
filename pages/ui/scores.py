"""Scores: the rules' numbers of robustness with their intervals, what each of them is, and how good against how
sensitive."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st

from engine.figures import escape, sweeps, words
from engine.figures import summaries as summary
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import fingerprint
from engine.sweeps.bootstrap import Estimate
from engine.sweeps.measures import MEASURES
from engine.sweeps.summary import WITHIN, summaries
from pages.ui import cached, figures, shell


def show(address: str, version: tuple[int, ...], record: Sweep, described: Spec, name: str) -> None:
    """The rules' numbers with their intervals, and what each of them is."""
    loss = "train_loss" if name == "training loss" else "test_loss"
    rated = described["x"]["knob"] == "lr"
    found = cached.drawn(f"summaries@{address}/{loss}", version, False, partial(summaries, record, loss, rated))
    if not found:
        return
    called = "training loss" if loss == "train_loss" else "held-out loss"
    titles, rules = sweeps.titles(described), sweeps.compared(described)
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        head = ("Rule", f"Best {called}", f"Within {WITHIN:.0%} of the best", "Largest stable rate", "Sensitivity")
        rows = [
            shell.entry(title, *map(said, (one.best, one.share, one.stable, one.sensitivity)))
            for title, one in zip(titles, found, strict=True)
        ]
        shell.write(shell.table(head, rows))
        with st.popover("What these numbers are", help="Definition, formula and source of each"):
            for key in ("best", "share", "stable", "sensitivity"):
                measure = MEASURES[key]
                st.markdown(f"**{escape.markdown(measure.title)}.** {escape.markdown(measure.definition)}")
                st.code(measure.formula, language=None, wrap_lines=True)
                st.caption(escape.markdown(measure.source))
    if rated:
        spots = [
            summary.Spot(title, rule["name"], one.sensitivity.value, one.best.value, one.best.low, one.best.high)
            for title, rule, one in zip(titles, rules, found, strict=True)
        ]
        with right:
            draw = partial(summary.plane, spots, called, fingerprint(record.spec))
            figures.chart(f"plane@{address}/{loss}", version, 260, draw)


def said(estimate: Estimate) -> str:
    """A number with its interval."""
    if math.isnan(estimate.value):
        return words.NONE
    if "lower bound" in estimate.note:
        return f"at least {words.number(estimate.low, 3)}"
    interval = f" ({words.number(estimate.low, 2)} to {words.number(estimate.high, 2)})" * math.isfinite(estimate.low)
    return words.number(estimate.value, 3) + interval
