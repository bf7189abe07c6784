"""Contrasts: maps of rules against one of them, cell by cell, and where that is more than luck."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.figures import words
from engine.figures.drawing import Panel, Tiles
from engine.figures.sweeps import about, axis_label, compared, titles
from engine.figures.theme import rule_look
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import fingerprint
from engine.sweeps.comparisons import RATE, Difference

FARTHEST = 10.0
"""Ratios beyond this, or below its inverse, are drawn as it."""
FEW = 0.1
"""Share of the cells that has to be significant for any to be, above which that is told."""


def against(sweep: Sweep, spec: Spec, loss: str, differences: Sequence[Difference], other: int) -> Tiles:
    """The ratio of every rule's loss to that of rule number `other`, which is left out; `loss` is what it is called,
    and `spec` is the sweep's, as `describe` gives it."""
    named, rules = titles(spec), compared(spec)
    panels = [
        Panel(
            f"{named[r]} against {named[other]}",
            rule_look(rules[r]["name"]).colour,
            np.exp(found.change),
            np.zeros(found.change.shape, bool),
            remark=_share(found),
            dots=found.significant,
        )
        for r, found in enumerate(differences)
        if r != other
    ]
    far = _farthest(panels)
    return Tiles(
        name="against",
        title=f"{words.capital(loss)} against {named[other]}'s",
        x_label=axis_label(spec, "x"),
        y_label=axis_label(spec, "y"),
        z_label=f"{loss}, as a multiple of {named[other]}'s",
        a=sweep.columns,
        b=sweep.rows,
        log_a=spec["x"]["log"],
        log_b=spec["y"]["log"],
        panels=tuple(panels),
        log=True,
        limits=(1 / far, far),
        bright="middle",
        caption=_caption(spec, loss, named[other], differences[0 if other else 1]),
        source=fingerprint(sweep.spec),
    )


def _farthest(panels: Sequence[Panel]) -> float:
    """The same distance from 1 on both sides, by factors, that holds nearly all cells."""
    ratios = np.concatenate([panel.z[np.isfinite(panel.z) & (panel.z > 0)] for panel in panels] or [np.ones(1)])
    if not len(ratios):
        return FARTHEST
    return float(np.clip(np.exp(np.quantile(np.abs(np.log(ratios)), 0.98)), 1.1, FARTHEST))


def _share(found: Difference) -> str:
    """In how much of the map a rule is better, and in how much of it surely."""
    known = np.isfinite(found.change)
    if not known.any():
        return ""
    better = known & (found.change < 0)
    share, sure = (100 * cells.sum() / known.sum() for cells in (better, better & found.significant))
    return f"better in {share:.0f}%, surely in {sure:.0f}%"


def _caption(spec: Spec, loss: str, other: str, found: Difference) -> str:
    seeds = int(spec["seeds"])
    tested = (
        f"Dotted: cells in which that is significant over {seeds} seeds (exact sign-flip test, Fisher 1935; at most 5% "
        "false finds among all dotted cells of a panel, Benjamini & Hochberg 1995)."
        if not found.note
        else f"Nothing is dotted, for of {found.note}."
    )
    share = found.least / RATE  # of the cells, below which Benjamini and Hochberg's procedure finds none
    if not found.note and share > FEW:
        tested += (
            f" Of {seeds} seeds p is at least {words.number(found.least)}: at least {words.percent(share)} of the "
            "cells are dotted, or none."
        )
    told = (
        f"In each cell a rule's {loss}, as a multiple of what {other} has there with the same seeds: blue is better "
        f"than {other}, red is worse. The mean over seeds by factors; a run that diverged counts as its start."
    )
    fair = "The two rules have the same learning rate in a cell, which need not be either's best: compare those, too."
    return f"{told} {tested} {fair} {about(spec)}"
