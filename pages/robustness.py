"""Which settings work? Maps of hyperparameters in which every cell is a complete training run, several rules side by
side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from engine.figures import contrasts, escape, slices, sweeps
from engine.figures.drawing import Tiles
from engine.figures.quantities import QUANTITIES, Quantity
from engine.figures.words import Spec
from engine.records import Design, Sweep
from engine.spec import decode, describe, digest, flatten
from engine.sweeps.design import DesignSpec
from engine.sweeps.spec import SWEEPS, SweepSpec
from engine.sweeps.summary import contrasts as differences
from engine.sweeps.tidy import csv_text, parquet, tidy
from engine.work.kinds import Work
from engine.work.presets import DESIGN, MAPS, SWEEP, MapPreset
from pages.ui import (
    analysis,
    boundary,
    cached,
    clicked,
    controls,
    design,
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
    views,
    zoom,
)
from pages.ui.tall import Tall

AT = sweep.AT


PRESETS = f"{AT}:presets"
"""Whether their menu is open."""
SAID = "robustness:said"
"""Where a session keeps what of the view the whole page was drawn for last."""
PLAN = "robustness:plan"
PLANS = ("Grid", "Points")
"""How runs are chosen: in the cells of a grid, or at points in the ranges of several knobs."""


def adopt() -> None:
    """Takes over what came with the address, or from a box; at first what ships."""
    faults, asked = [], st.query_params.get("plan") if link.outside() else None
    if asked in PLANS:
        st.session_state[PLAN] = asked
    elif asked is not None:
        faults = [f"plan: expected one of {', '.join(PLANS)}, got {asked[:40]!r}"]
    if zoom.TAKEN in st.session_state:
        st.session_state[PLAN] = PLANS[0]
    if st.session_state.get(PLAN) == PLANS[1]:
        design.adopt(own=("plan",))
        shell.wrong(faults)
        return
    faults += views.adopt()
    came = shell.receive(SWEEPS, AT, views.offered(), own=("plan", *views.NUMBERS))
    shell.wrong(faults)
    if came:
        sweep.fill(decode(SWEEPS, {"name": SweepSpec.__name__} | controls.read(SweepSpec, AT)))
    elif f"{AT}:rules" not in st.session_state:
        sweep.fill(SWEEP)
    if box := st.session_state.pop(zoom.TAKEN, None):
        sweep.fill(box)


def sidebar(settings: Callable[[], Any], at: str) -> Any:
    """The controls and the button that trains what is missing; where a session keeps what is shown begins with `at`."""
    wanted = settings()
    device = shell.device("Where the runs are trained; on this machine they share all cores.")
    fits = wanted is not None and price.within(Work(wanted), device)
    count = wanted.count if wanted else 0
    runs = f"{count:,} run{'s' * (count != 1)}"
    kept = cached.record(Work(wanted).address) if wanted else None
    trained = kept is not None and kept.complete
    label = f"Trained: {runs}" if trained else f"Train {runs}"
    # not on_click, whose arguments were read before what is typed last
    idle = trained or not fits
    if st.button(label, type="primary", width="stretch", disabled=idle, key="compute") and wanted and fits:
        start(wanted, device, at)
    if wanted and fits and not trained:
        price.tell(Work(wanted), device)
        st.caption("Runs that were trained before, in any sweep or by themselves, are not trained again.")
    return wanted


def start(wanted: SweepSpec | DesignSpec, device: str | None, at: str) -> None:
    """Trains what is missing of a sweep or a design, and shows it."""
    if person.start(Work(wanted), device):
        st.session_state[f"{at}:shown"] = wanted


def shown(wanted: Any, at: str, ships: Any) -> Any:
    """What to show: what is wanted where there is something of it, else what was shown last; at first what ships."""
    if wanted and (cached.record(Work(wanted).address) or cached.jobs().snapshot(Work(wanted).address)):
        st.session_state[f"{at}:shown"] = wanted
    return st.session_state.get(f"{at}:shown", ships)


def look(spec: SweepSpec) -> bool:
    """How far a sweep is and what there is of it; whether it is still at work."""
    if zoom.TAKEN in st.session_state or clicked.OPENED in st.session_state:
        st.rerun()  # a button in this part was pressed, which changes the whole page
    address = Work(spec).address
    at_work = analysis.bar(address, "runs")
    version, record = cached.version(address), cached.record(address, growing=at_work)
    if not isinstance(record, Sweep) or not record.done:
        shell.empty("The first runs are on their way." if at_work else "Nothing has been trained yet: press Train.")
        return at_work
    described = describe(spec)
    view = views.controls(record, described)
    if st.session_state.setdefault(SAID, views.address()) != views.address():
        st.rerun()  # the address and the menus of the whole page are to follow
    show(spec, version, record, described, view)
    along(address, version, record, described, view.quantity)
    if view.quantity.sides:
        boundary.show(address, version, record, described)
    scores.show(address, version, record, described, loss_of(view.quantity, record))
    return at_work


def show(spec: SweepSpec, version: tuple[int, ...], record: Sweep, described: Spec, view: views.View) -> None:
    """The maps, and what can be done with the cell that was clicked and the box that was dragged."""
    address = Work(spec).address
    drawing = drawn(address, version, record, described, view)
    compared = QUANTITIES[LOSSES[loss_of(view.quantity, record)]].label
    if view.other is not None and compared != view.quantity.label:
        st.caption(f"Rules are held against each other by the {escape.markdown(compared)}, whatever the quantity.")
    touched = tiles.show(f"{address}/{drawing.name}", (version, view.other, view.quantity.name), drawing)
    if touched.cell:
        clicked.choose(address, touched.cell, view.other)
    if touched.box:
        st.session_state[zoom.BOX] = zoom.zoomed(spec, touched.box)
    zoom.boxes(spec)
    clicked.cell(spec, record, described, drawing)


def drawn(address: str, version: tuple[int, ...], record: Sweep, described: Spec, view: views.View) -> Tiles:
    """The maps of a quantity, or of the loss against another rule's."""
    if view.other is not None:
        loss = loss_of(view.quantity, record)
        compare = partial(differences, record, loss, view.other)
        if found := cached.drawn(f"against@{address}/{loss}/{view.other}", version, False, compare):
            return contrasts.against(record, described, QUANTITIES[LOSSES[loss]].label, found, view.other)
    return sweeps.maps(record, described, view.quantity, view.levels)


LOSSES = {"train_loss": "training loss", "test_loss": "test loss"}
"""The losses that rules are compared by, by the names of their quantities."""


def loss_of(quantity: Quantity, record: Sweep) -> str:
    """The loss that rules are compared by, while a quantity is looked at: the training loss, too, where nothing is held
    out."""
    held_out = LOSSES["test_loss"] in sweeps.offered(record)
    return "test_loss" if held_out and "training loss" not in quantity.label else "train_loss"


def along(address: str, version: tuple[int, ...], record: Sweep, described: Spec, quantity: Quantity) -> None:
    """The best of every column for all rules, and one rule's rows."""
    left, right = st.columns(2, gap="medium")
    with left:
        draw = partial(slices.tuned, record, described, quantity)
        figures.chart(f"slices@{address}/{quantity.name}", version, Tall.MIDDLE, draw)
    with right:
        rule = (clicked.opened(address) or (sweeps.turning(described),))[0]
        draw = partial(slices.rows, record, described, quantity, rule)
        figures.chart(f"rows@{address}/{quantity.name}/{rule}", version, Tall.MIDDLE, draw)


def presets() -> None:
    """A menu of the maps that ship finished."""
    with st.popover("Presets", help="Maps that ship finished", key=PRESETS, on_change="rerun"):
        for title, preset in MAPS.items():
            st.button(title, on_click=show_preset, args=(preset,), key=f"{AT}:preset-{title}", width="stretch")
            st.caption(escape.markdown(preset.sentence))


def show_preset(preset: MapPreset) -> None:
    """Opens a map that ships, with the quantity that it is about."""
    zoom.open_map(preset.spec)
    views.take(preset.quantity)
    st.session_state[PRESETS] = False  # else the menu stays open, over the map


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


def drawings(spec: SweepSpec, record: Sweep, view: views.View) -> dict[str, download.Draw]:
    """Every figure of the page by its title, those that are looked at first; the maps of other quantities last."""
    described, address, version = describe(spec), Work(spec).address, cached.version(Work(spec).address)
    quantity, loss = view.quantity, loss_of(view.quantity, record)
    named = {name: QUANTITIES[name] for name in sweeps.offered(record)}
    made: dict[str, download.Draw] = {title(described, view): partial(drawn, address, version, record, described, view)}
    shown = {f"Slices of {quantity.label}": partial(slices.tuned, record, described, quantity)}
    rule = sweeps.turning(described)
    shown[f"Slices of {sweeps.titles(described)[rule]}"] = partial(slices.rows, record, described, quantity, rule)
    maps = {f"Map of {one.label}": partial(sweeps.maps, record, described, one) for one in named.values()}
    return made | shown | scores.drawings(record, described, loss) | {n: d for n, d in maps.items() if n not in made}


def title(described: Spec, view: views.View) -> str:
    """The name of the map that is looked at."""
    if view.other is None:
        return f"Map of {view.quantity.label}"
    return f"Map against {sweeps.titles(described)[view.other]}"


def grid(wanted: SweepSpec | None) -> dict[str, str]:
    """The page of a sweep; what of its state belongs into the address."""
    spec = shown(wanted, AT, SWEEP)
    found = cached.record(Work(spec).address)
    made: dict[str, download.Draw] = {}
    st.session_state.pop(SAID, None)
    with heading():
        presets()
        shell.spec_menu(spec, f"sweep-{digest(spec)}")
        if isinstance(found, Sweep) and found.done:
            table_menu(spec)
            views.settle(found, describe(spec))
            st.session_state[SAID] = views.address()
            made = drawings(spec, found, views.chosen(found, describe(spec)))
        download.menu(made, AT, digest(spec), looked_at=next(iter(made), ""))
    live.ticking(partial(look, spec), cached.at_work(Work(spec).address))
    return views.address()


def points(wanted: DesignSpec | None) -> dict[str, str]:
    """The page of a design; what of its state belongs into the address."""
    spec = shown(wanted, design.AT, DESIGN)
    found = cached.record(Work(spec).address)
    with heading():
        shell.spec_menu(spec, f"design-{digest(spec)}")
        if isinstance(found, Design) and found.done:
            design.table_menu(spec)
        made = design.drawings(spec, found) if isinstance(found, Design) and found.done else {}
        download.menu(made, design.AT, digest(spec))
    live.ticking(partial(design.look, spec), cached.at_work(Work(spec).address))
    return {"plan": PLANS[1]}


def heading() -> Any:
    """The title; where its menus go."""
    menus = shell.heading("Which settings work?", "Every cell is a complete training run")
    shell.faults()
    return menus


if st.session_state.pop(clicked.OPENED, False) or st.session_state.pop(design.OPENED, False):
    st.switch_page("pages/train.py")
adopt()
with st.sidebar:
    st.session_state.setdefault(PLAN, PLANS[0])
    plan = st.segmented_control(
        "Plan", PLANS, key=PLAN, required=True, persist_state="session", label_visibility="collapsed", width="stretch"
    )
    gridded = plan == PLANS[0]
    wanted = sidebar(sweep.settings, AT) if gridded else sidebar(design.settings, design.AT)
view = grid(wanted) if gridded else points(wanted)
link.write(view | link.settings(AT if gridded else design.AT, flatten(wanted) if wanted else None))
