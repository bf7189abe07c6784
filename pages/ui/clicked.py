"""The cell of a map that was clicked: its settings, its seeds' outcomes, and the way to its runs."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from engine.figures import escape, sweeps, words
from engine.figures.drawing import Tiles
from engine.figures.quantities import QUANTITIES
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import digest
from engine.sweeps.spec import SweepSpec
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from pages.ui import cached, person, shell, sweep

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
    rows = f", {drawing.y_label} {words.number(float(drawing.b[i]))}" if spec.y.knob else ""
    st.markdown(
        escape.markdown(f"{sweeps.titles(described)[r]}: {drawing.x_label} {words.number(float(drawing.a[j]))}{rows}")
    )
    shell.strip(
        [
            (words.capital(QUANTITIES[name].label), _values(record, name, place), "")
            for name in [name for name in sweeps.offered(record) if name in QUANTITIES][:6]
        ]
    )
    with st.container(horizontal=True, key="cells", gap="small", vertical_alignment="center"):
        for s in range(min(spec.seeds, 5)):
            open_run(replace(run, seed=spec.run.seed + s), float(record.outcomes["train_loss"][(*place, s)]), s)


def _values(record: Sweep, name: str, place: tuple[int, int, int]) -> str:
    """The values of all seeds."""
    values = QUANTITIES[name].values(record)[place]
    return ", ".join(words.number(float(value), 3) for value in values[:5])


def open_run(run: RunSpec, loss: float, seed: int) -> None:
    """A button that trains a cell's run by itself, or opens it where that was done, with both losses."""
    name = digest(run)
    alone = cached.run(name)
    if alone is not None and alone.complete:
        end = float(alone.measures["train_loss"][-1])
        label = f"Open seed {run.seed}: {words.number(end, 4)} alone, {words.number(loss, 4)} in the map"
        help_ = "In the map it was trained together with others, which gives the same run up to rounding."
    else:
        label, help_ = (
            f"Train seed {run.seed} by itself and open it",
            "The same run with its path, bit for bit as alone.",
        )
    st.button(label, key=f"open{seed}", on_click=take, args=(run,), help=help_)


def take(run: RunSpec) -> None:
    """Trains a run by itself unless it was, and opens it."""
    kept = cached.run(digest(run))
    name = digest(run) if kept is not None and kept.complete else person.train(run, None, fresh=False)
    if name:
        st.session_state[shell.RUN] = name
        st.session_state[OPENED] = True
