"""A design on a page: the controls of its knobs and of how points are drawn, and the view of what came of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from engine.figures import designs, escape, sweeps, words
from engine.figures.quantities import QUANTITIES
from engine.figures.words import Spec
from engine.records import Design
from engine.rules import RULES
from engine.spec import SpecError, complete, decode, describe, digest
from engine.sweeps import knobs
from engine.sweeps.design import DESIGNS, FEWEST, MOST, DesignSpec, Range, around
from engine.sweeps.importance import importances
from engine.sweeps.search import WITHIN, flattest
from engine.sweeps.tidy import csv_text, parquet, tidy
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.presets import DESIGN
from pages.ui import analysis, cached, controls, download, figures, shared, shell
from pages.ui.cells import SeveralCell, cell
from pages.ui.tall import Tall

AT = "design"
VIEW, RULE = f"{AT}:quantity", f"{AT}:rule"
OPENED = f"{AT}:opened"
"""Set when a button has opened a run: the page then goes to that."""
WIDE = 3
"""Scatter plots in a row."""


def adopt(own: tuple[str, ...]) -> None:
    """Takes over what came with the address, but for what the page reads by its `own` names; at first what ships."""
    if shell.receive(DESIGNS, AT, own=own):
        fill(decode(DESIGNS, {"name": DesignSpec.__name__} | controls.read(DesignSpec, AT)))
    elif f"{AT}:rules" not in st.session_state:
        fill(DESIGN)


def fill(spec: DesignSpec) -> None:
    """Sets the controls to a design."""
    shared.fill(AT, spec)


def settings() -> DesignSpec | None:
    """The controls; None, with the reason on the page, where they describe no design."""
    chosen = shared.rules(AT, [one["knob"] for one in cell(DesignSpec, AT, "ranges").read()])
    run, right = shared.run(DesignSpec, AT)
    if run is None:
        return None
    rules = [decode(RULES, rule) for rule in chosen]
    _ranges(cell(DesignSpec, AT, "ranges"), knobs.offered(run, rules), [replace(run, rule=rule) for rule in rules])
    controls.part(DesignSpec, "sampler", AT)
    controls.row([cell(DesignSpec, AT, "points"), cell(DesignSpec, AT, "seeds")], 2)
    values = controls.read(DesignSpec, AT, ["run", "ranges", "seeds", "points", "sampler"])
    if not right:
        return None
    try:
        return decode(DESIGNS, {"name": DesignSpec.__name__, **values, "rules": chosen})
    except SpecError as error:
        st.error(escape.markdown(error))
        return None


def _ranges(place: SeveralCell, names: dict[str, str], runs: list[RunSpec]) -> None:
    """A row for each knob: which, from where to where, and a button that removes it; below them one that adds one."""
    count = st.session_state[place.key]
    for i in range(count):
        prefix = f"{place.key}.{i}.{Range.__name__}"
        key = f"{prefix}.knob"
        if st.session_state.get(key) not in names:
            st.session_state[key] = next(iter(names))
        label = partial(shared.called, names=names)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            turn: dict[str, Any] = {"on_change": _turn, "args": (place, i, runs), "persist_state": "session"}
            st.selectbox(f"Knob {i + 1}", list(names), format_func=label, key=key, **turn)
            remove: dict[str, Any] = {"on_click": _remove, "args": (place, i), "disabled": count <= FEWEST}
            st.button("", icon=":material/close:", key=f"{key}:remove", help=f"Remove knob {i + 1}", **remove)
        controls.row([cell(Range, prefix, name) for name in ("low", "high")])
        controls.row([cell(Range, prefix, "log")], 1)  # beside the two its words would be cut off
    taken = [one["knob"] for one in place.read()]
    free = sorted((name for name in names if name not in taken), key=lambda name: name.startswith("problem."))
    add: dict[str, Any] = {"on_click": _add, "args": (place, free[:1], runs), "disabled": count >= MOST or not free}
    st.button("Add a knob", key=f"{AT}:more", icon=":material/add:", width="stretch", **add)


def _add(place: SeveralCell, names: list[str], runs: list[RunSpec]) -> None:
    place.fill([*place.read(), *(_tried(name, runs) for name in names)])


def _turn(place: SeveralCell, which: int, runs: list[RunSpec]) -> None:
    """Another knob has been chosen, which has other values."""
    chosen = place.read()
    place.fill([_tried(one["knob"], runs) if i == which else one for i, one in enumerate(chosen)])


def _tried(name: str, runs: list[RunSpec]) -> dict[str, Any]:
    """A range for a knob, in JSON form, by the first run that has it."""
    return complete(around(next((run for run in runs if knobs.has(run, name)), runs[0]), name))


def _remove(place: SeveralCell, which: int) -> None:
    place.fill([one for i, one in enumerate(place.read()) if i != which])


def look(spec: DesignSpec) -> bool:
    """How far a design is and what there is of it; whether it is still at work."""
    if OPENED in st.session_state:
        st.rerun()  # a button in this part was pressed, which changes the whole page
    address = Work(spec).address
    at_work = analysis.bar(address, "runs")
    version, record = cached.version(address), cached.record(address, growing=at_work)
    if not isinstance(record, Design) or not record.done:
        shell.empty("The first runs are on their way." if at_work else "Nothing has been trained yet: press Train.")
        return at_work
    described = describe(spec)
    with st.container(horizontal=True, vertical_alignment="center", key=f"{AT}:views", gap="small"):
        name = _quantity(sweeps.offered(record))
        rule = _rule(described, record)
    draw = partial(designs.parallel, record, described, name, rule)
    figures.chart(f"parallel@{address}/{name}/{rule}", version, Tall.HERO, draw, 900)
    _best(spec, record, described, name, rule)
    _scatters(address, version, record, described, name)
    if not at_work:
        _importance(address, version, spec, record, described)
    return at_work


def _quantity(names: list[str]) -> str:
    """Which quantity is looked at."""
    if st.session_state.get(VIEW) not in names:
        st.session_state[VIEW] = names[0]
    look: dict[str, Any] = {"persist_state": "session", "width": 280, "label_visibility": "collapsed"}
    said = {name: words.capital(QUANTITIES[name].label) for name in names}
    return st.selectbox("Quantity", names, format_func=said.__getitem__, key=VIEW, **look)


def _rule(described: Spec, record: Design) -> int:
    """Which of several rules is looked at; at first the one that has most of the knobs."""
    titles = sweeps.titles(described)
    if len(titles) == 1:
        return 0
    if st.session_state.get(RULE) not in titles:
        st.session_state[RULE] = titles[designs.richest(record)]
    look: dict[str, Any] = {"required": True, "persist_state": "session", "label_visibility": "collapsed"}
    return titles.index(st.segmented_control("Rule", titles, key=RULE, **look))


def _best(spec: DesignSpec, record: Design, described: Spec, name: str, rule: int) -> None:
    """A rule's best point, or the flattest of its good ones: its settings, what came of it, and the way to its runs."""
    point = designs.best(record, name)[rule]
    said = "Best point"
    if name == "sharpness":
        point = flattest({key: found[rule] for key, found in record.outcomes.items()})
        said = f"Flattest point within {WITHIN:.0%} of the best loss"
    if point is None:
        return
    values, losses = record.values[rule, point], record.outcomes["train_loss"][rule, point]
    settings = [
        f"{label} {words.number(float(value))}"
        for label, value in zip(designs.labels(described), values, strict=True)
        if math.isfinite(value)
    ]
    quantity = QUANTITIES[name]
    found = ", ".join(words.number(float(value), 3) for value in quantity.values(record)[rule, point])
    title = sweeps.titles(described)[rule]
    st.markdown(escape.markdown(f"{said} of {title}: {', '.join(settings)}; {quantity.label} {found}"))
    run = spec.cell((rule, point, 0), record.values)
    with st.container(horizontal=True, key=f"{AT}:best", gap="small", vertical_alignment="center"):
        for s in range(spec.seeds):
            shared.open_run(AT, replace(run, seed=spec.run.seed + s), float(losses[s]), s)


def _scatters(address: str, version: Any, record: Design, described: Spec, name: str) -> None:
    """The quantity against each knob, side by side."""
    count = len(described["ranges"])
    for first in range(0, count, WIDE):
        for k, column in zip(range(first, count), st.columns(min(count, WIDE), gap="small"), strict=False):
            with column:
                draw = partial(designs.scatter, record, described, name, k)
                figures.chart(f"scatter{k}@{address}/{name}", version, Tall.HALF, draw)


def _importance(address: str, version: Any, spec: DesignSpec, record: Design, described: Spec) -> None:
    """How much each knob matters, where the package is there that computes it."""
    try:
        found = cached.drawn(f"importances@{address}", version, False, partial(_intervals, spec, record))
    except SpecError as error:
        st.caption(escape.markdown(words.capital(str(error))))
        return
    figures.chart(f"knobs@{address}", version, Tall.HALF, partial(designs.importance, found, record, described))


def _intervals(spec: DesignSpec, record: Design) -> list[dict[str, designs.Interval]]:
    return [
        {knob: (one.value, one.low, one.high) for knob, one in of_rule.items()} for of_rule in importances(spec, record)
    ]


def drawings(spec: DesignSpec, record: Design) -> dict[str, download.Draw]:
    """Every figure of a design by its title, but the importance, which is computed."""
    described, made = describe(spec), dict[str, download.Draw]()
    for name in sweeps.offered(record):
        for r, title in enumerate(sweeps.titles(described)):
            made[f"{title}: {name} of all points"] = partial(designs.parallel, record, described, name, r)
        for k, label in enumerate(designs.labels(described)):
            made[f"{words.capital(name)} over {label}"] = partial(designs.scatter, record, described, name, k)
    return made


def table_menu(spec: DesignSpec) -> None:
    """A menu that takes all runs' numbers away, one row each."""
    with st.popover("Runs", help="One row for each run: knobs, point, seed, digest, state, outcomes"):
        for form, mime in (("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")):
            more: dict[str, Any] = {"key": f"{AT}:all-{form}", "on_click": "ignore", "width": "stretch"}
            name = f"design-{digest(spec)}.{form}"
            st.download_button(form.upper(), partial(_rows, spec, form), name, mime, **more)


def _rows(spec: DesignSpec, form: str) -> bytes:
    record = cached.record(Work(spec).address)
    assert isinstance(record, Design)
    columns = tidy(spec, record)
    return csv_text(columns).encode() if form == "csv" else parquet(columns)
