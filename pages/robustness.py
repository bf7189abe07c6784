"""Which settings work? Maps of hyperparameters in which every cell is a complete training run, several rules side by
side."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import streamlit as st

from engine.figures import escape, sweeps, words
from engine.figures.drawing import Tiles
from engine.figures.quantities import QUANTITIES
from engine.records import Sweep
from engine.spec import SpecError, decode, describe, digest, flatten
from engine.sweeps.spec import SWEEPS, Axis, SweepSpec
from engine.sweeps.tidy import csv_text, parquet, tidy
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.presets import SWEEP
from pages.ui import (
    analysis,
    cached,
    controls,
    download,
    figures,
    link,
    live,
    person,
    price,
    scores,
    shell,
    sweep,
    tiles,
)

AT = sweep.AT
SHOWN, CELL, BOX, BEFORE = f"{AT}:shown", f"{AT}:cell", f"{AT}:box", f"{AT}:before"
"""Where a session keeps the sweep that is shown, the cell that is looked at, the box that was dragged, and the sweeps
that boxes have led away from."""
VIEW = f"{AT}:quantity"


def adopt() -> None:
    """Takes over what came with the address, or from a box; at first the sweep that ships."""
    if shell.receive(SWEEPS, AT, {"quantity": list(QUANTITIES)}):
        sweep.fill(decode(SWEEPS, {"name": SweepSpec.__name__} | controls.read(SweepSpec, AT)))
    elif sweep.RULES_KEY not in st.session_state:
        sweep.fill(SWEEP)
    if box := st.session_state.pop(f"{BOX}:taken", None):
        sweep.fill(box)


def sidebar() -> SweepSpec | None:
    """The controls and the button that trains what is missing."""
    wanted = sweep.settings()
    device = shell.device("Where the runs are trained; on this machine they share all cores.")
    fits = wanted is not None and price.within(Work(wanted), device)
    count = math.prod(wanted.shape) if wanted else 0
    label = f"Train {count:,} run{'s' * (count != 1)}"
    st.button(
        label, type="primary", width="stretch", disabled=not fits, on_click=start, args=(wanted, device), key="compute"
    )
    if wanted and fits:
        price.tell(Work(wanted), device)
        st.caption("Runs that were trained before, in any sweep or by themselves, are not trained again.")
    return wanted


def start(wanted: SweepSpec, device: str | None) -> None:
    """Trains what is missing of a sweep, and shows it."""
    if person.start(Work(wanted), device):
        st.session_state[SHOWN] = wanted


def shown(wanted: SweepSpec | None) -> SweepSpec:
    """The sweep to show: the wanted one where there is something of it, else the last one."""
    if wanted and (cached.record(Work(wanted).address) or cached.jobs().snapshot(Work(wanted).address)):
        st.session_state[SHOWN] = wanted
    return st.session_state.get(SHOWN, SWEEP)


def look(spec: SweepSpec) -> bool:
    """How far a sweep is and what there is of it; whether it is still at work."""
    if f"{BOX}:taken" in st.session_state or f"{AT}:opened" in st.session_state:
        st.rerun()  # a button in this part was pressed, which changes the whole page
    address = Work(spec).address
    at_work = analysis.bar(address, "runs")
    version, record = cached.version(address), cached.record(address, growing=at_work)
    if not isinstance(record, Sweep) or not record.done:
        shell.empty("The first runs are on their way." if at_work else "Nothing has been trained yet: press Train.")
        return at_work
    with st.container(horizontal=True, vertical_alignment="center", key="views", gap="small"):
        name = quantity(sweeps.offered(record))
        level = contour()
    described = describe(spec)
    drawing = replace(sweeps.maps(record, described, name), levels=level)
    touched = tiles.show(f"{address}/{drawing.name}", version, drawing)
    if touched.cell:
        st.session_state[CELL] = address, touched.cell
    if touched.box:
        st.session_state[BOX] = zoomed(spec, touched.box)
    boxes(spec)
    cell(spec, record, drawing)
    left, right = st.columns(2, gap="medium")
    with left:
        figures.chart(f"slices@{address}/{name}", version, 300, partial(sweeps.slices, record, described, name))
    with right:
        rule = (opened(address) or (sweeps.turning(described),))[0]
        draw = partial(sweeps.rows, record, described, name, rule)
        figures.chart(f"rows@{address}/{name}/{rule}", version, 300, draw)
    scores.show(address, version, record, described, name)
    return at_work


def quantity(names: list[str]) -> str:
    """A choice of what the maps show."""
    if st.session_state.get(VIEW) not in names:
        st.session_state[VIEW] = names[0]
    st.segmented_control(
        "Quantity",
        names,
        format_func=words.capital,
        key=VIEW,
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    return st.session_state[VIEW]


def contour() -> tuple[float, ...]:
    """A value along which a line is drawn on the maps, if one is wanted."""
    level = st.number_input(
        "Contour at",
        value=None,
        key=f"{AT}:level",
        format="%.6g",
        placeholder="Contour at",
        label_visibility="collapsed",
        width=140,
        help="A value of this quantity along which a line is drawn.",
    )
    return () if level is None else (float(level),)


def zoomed(spec: SweepSpec, box: tuple[tuple[float, float], tuple[float, float]]) -> SweepSpec | None:
    """The same sweep within a box; None where that has no extent."""
    try:
        x, y = (_within(axis, *ends) if axis.knob else axis for axis, ends in zip((spec.x, spec.y), box, strict=True))
        return replace(spec, x=x, y=y)
    except SpecError:
        return None


def _within(axis: Axis, low: float, high: float) -> Axis:
    """An axis from one end of a box to the other, at most from its own ends."""
    low, high = (float(f"{min(max(end, axis.low), axis.high):.3g}") for end in (low, high))
    return replace(axis, low=low, high=high)


def boxes(spec: SweepSpec) -> None:
    """What can be done with a box that was dragged, and the way back."""
    box, before = st.session_state.get(BOX), st.session_state.get(BEFORE, [])
    if not (box and box != spec) and not before:
        return
    with st.container(horizontal=True, key="boxes", gap="small"):
        if box and box != spec:
            st.button("Train this box anew", on_click=enter, args=(spec, box), key="enter", icon=":material/zoom_in:")
        if before:
            st.button("Back to the wider map", on_click=leave, key="leave", icon=":material/zoom_out:")


def enter(spec: SweepSpec, box: SweepSpec) -> None:
    """Trains what lies in a box, at the same resolution."""
    st.session_state.setdefault(BEFORE, []).append(spec)
    st.session_state.pop(BOX, None)
    st.session_state[f"{BOX}:taken"] = box
    start(box, st.session_state.get("device"))


def leave() -> None:
    """Goes back to where the last box was dragged."""
    wider = st.session_state[BEFORE].pop()
    st.session_state[f"{BOX}:taken"] = st.session_state[SHOWN] = wider
    st.session_state.pop(BOX, None)


def opened(address: str) -> tuple[int, int, int] | None:
    """The cell that is looked at: rule, row and column."""
    where, place = st.session_state.get(CELL, ("", None))
    return place if where == address else None


def cell(spec: SweepSpec, record: Sweep, drawing: Tiles) -> None:
    """The cell that was clicked: its settings, its seeds' outcomes, and the way to its runs."""
    place = opened(Work(spec).address)
    if place is None:
        st.caption("Click a cell to open its runs; drag a box to look closer.")
        return
    r, i, j = place
    run = spec.cell((r, i, j, 0))
    rows = f", {drawing.y_label} {words.number(float(drawing.b[i]))}" if spec.y.knob else ""
    st.markdown(
        escape.markdown(f"{drawing.panels[r].title}: {drawing.x_label} {words.number(float(drawing.a[j]))}{rows}")
    )
    shell.strip(
        [
            (words.capital(QUANTITIES[name].label), _values(record, name, place), "")
            for name in sweeps.offered(record)[:6]
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
        st.session_state[f"{AT}:opened"] = True


def rows(spec: SweepSpec, form: str) -> bytes:
    """One row for each run of the sweep, as "csv" or "parquet"."""
    record = cached.record(Work(spec).address)
    assert isinstance(record, Sweep)
    columns = tidy(spec, record)
    return csv_text(columns).encode() if form == "csv" else parquet(columns)


def table_menu(spec: SweepSpec) -> None:
    """A menu that takes all runs' numbers away, one row each."""
    with st.popover("Runs", help="One row for each run: knobs, seed, digest, state, outcomes"):
        for form, mime in (("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")):
            name = f"sweep-{digest(spec)}.{form}"
            st.download_button(
                form.upper(),
                partial(rows, spec, form),
                name,
                mime,
                key=f"{AT}:all-{form}",
                on_click="ignore",
                width="stretch",
            )


def drawings(spec: SweepSpec, record: Sweep) -> dict[str, download.Draw]:
    """Every figure of the page by its title."""
    described = describe(spec)
    made: dict[str, download.Draw] = {}
    for name in sweeps.offered(record):
        made[f"Map of {name}"] = partial(sweeps.maps, record, described, name)
        made[f"Slices of {name}"] = partial(sweeps.slices, record, described, name)
    return made


if st.session_state.pop(f"{AT}:opened", False):
    st.switch_page("pages/train.py")
adopt()
with st.sidebar:
    wanted = sidebar()
spec = shown(wanted)
menus = shell.heading("Which settings work?", "Every cell is a complete training run")
shell.faults()
found = cached.record(Work(spec).address)
with menus:
    shell.spec_menu(spec, f"sweep-{digest(spec)}")
    if isinstance(found, Sweep) and found.done:
        table_menu(spec)
    download.menu(drawings(spec, found) if isinstance(found, Sweep) and found.done else {}, AT)
live.ticking(partial(look, spec), cached.at_work(Work(spec).address))
view = {"quantity": st.session_state[VIEW]} if VIEW in st.session_state else {}
link.write(view | (flatten(wanted) if wanted else {}))
