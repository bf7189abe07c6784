"""The cell of a map that was clicked: its settings, its seeds' outcomes, and the way to its runs."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from engine.figures import escape, sweeps, words
from engine.figures.drawing import Tiles
from engine.figures.quantities import QUANTITIES
from engine.figures.words import Spec
from engine.records import Sweep
from engine.sweeps.spec import SweepSpec
from engine.work.kinds import Work
from pages.ui import shared, shell, sweep

CELL, OPENED = f"{sweep.AT}:cell", f"{sweep.AT}:opened"
"""Where a session keeps the cell that is looked at, and whether its run is to be opened."""


def choose(address: str, place: tuple[int, int, int], other: int | None) -> None:
    """Takes a click on a cell of the map of number `place[0]`: its rule, unless the rule `other` has no map there."""
    nth, i, j = place
    st.session_state[CELL] = address, (nth + (other is not None and nth >= other), i, j)


def opened(address: str) -> tuple[int, int, int] | None:
    """The cell that is looked at: rule, row and column."""
    where, place = st.session_state.get(CELL, ("", None))
    return place if where == address else None


def cell(spec: SweepSpec, record: Sweep, described: Spec, drawing: Tiles) -> None:
    """The cell that was clicked: its settings, its seeds' outcomes, and the way to its runs."""
    place = opened(Work(spec).address)
    if place is None:
        st.caption("Click a cell to open its runs; drag a box to look closer.")
        return
    r, i, j = place
    run = spec.cell((r, i, j, 0))
    sides = ((spec.x, drawing.x_label, drawing.a[j]), (spec.y, drawing.y_label, drawing.b[i]))
    turned = [
        f"{label} {words.number(float(value))}" for axis, label, value in sides if spec.turns(axis, spec.compared[r])
    ]
    st.markdown(escape.markdown(f"{sweeps.titles(described)[r]}: {', '.join(turned) or 'as it is in every cell'}"))
    with st.container(key="seeds"):
        shell.strip(
            [
                (words.capital(QUANTITIES[name].label), _values(record, name, place), "")
                for name in sweeps.offered(record)[:6]
            ]
        )
    with st.container(horizontal=True, key="cells", gap="small", vertical_alignment="center"):
        for s in range(spec.seeds):
            loss = float(record.outcomes["train_loss"][(*place, s)])
            shared.open_run(sweep.AT, replace(run, seed=spec.run.seed + s), loss, s)


def _values(record: Sweep, name: str, place: tuple[int, int, int]) -> str:
    """The values of all seeds."""
    values = QUANTITIES[name].values(record)[place]
    return ", ".join(words.number(float(value), 3) for value in values)
