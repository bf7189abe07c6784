"""How does it descend? Choose a problem, a model and a rule; train it, and watch."""

from collections.abc import Container
from functools import partial
from typing import Any

import streamlit as st

from engine.figures import escape, words
from engine.figures.words import has_batches
from engine.rules import RULES, scaled
from engine.spec import SpecError, decode, digest, flatten
from engine.training.portable import portable
from engine.training.runs import RUNS, RunSpec, Switch
from engine.work.budget import Limits
from engine.work.kinds import Work
from engine.work.presets import PRESETS
from pages.ui import (
    against,
    alone,
    beside,
    cached,
    controls,
    gallery,
    link,
    live,
    obtain,
    person,
    preview,
    price,
    shell,
    together,
    tour,
)
from pages.ui.cells import Cell, cell

AT = "train"
# behind a button, as far as they are not shown
MORE = (
    "rule",
    "update",
    "schedule",
    "warmup",
    "radius",
    "clip",
    "every",
    "curvature",
)
SLID = ("rho", "lr")
"""What has a slider below its number."""


def settings() -> RunSpec | None:
    """The controls; None where they describe nothing that can be trained."""
    values, (spec, fault) = controls.read(RunSpec, AT), wanted()
    preset(spec, fault, obtain.awaited(values["problem"]))
    at = {name: cell(RunSpec, AT, name) for name in values}
    toy, reasons = not has_batches(values), why_not(values, spec)
    of_problem, of_rule, of_update = (
        at["problem"].inner()[:2],
        controls.leading(at["rule"]),
        controls.leading(at["update"])[:1],
    )
    controls.row([at["problem"]], 1)
    controls.row(of_problem)
    shown = {place.key for place in [at["problem"], *of_problem]}
    more("Data and model" if "data" in values["problem"] else "More of the problem", [at["problem"]], shown)
    obtain.offer(values["problem"].get("data", {}), f"{AT}.problem.{values['problem']['name']}.data")
    for place in (at["rule"], *(place for place in of_rule if place.knob.nested)):
        controls.row([place], 1)
    beside.chips(values["rule"]["name"], spec)
    rows = [
        [*(place for place in of_rule if not place.knob.nested), at["lr"]],
        [at["update"], *of_update],
        [at["schedule"], at["batch"]],
        [at["steps"], at["seed"]],
    ]
    for places in rows:
        controls.row(places, reasons=reasons, slid=SLID)
    if toy:
        st.caption("Batch size and seed do not apply: a toy landscape has no examples and a fixed start.")
    switches(values, spec)
    shown |= {at["rule"].key, *(place.key for places in (of_rule, *rows) for place in places)}
    more("More settings", [at[name] for name in MORE], shown, reasons)
    return spec


def wanted() -> tuple[RunSpec | None, str]:
    """What the controls describe, and what is wrong with it."""
    try:
        spec = decode(RUNS, controls.read(RunSpec, AT))
        if not obtain.missing(spec):
            Work(spec).check((), Limits(), device_chosen())
        return spec, ""
    except SpecError as error:
        return None, str(error)


def device_chosen() -> str:
    """The device that a run would be started on."""
    return st.session_state.get("device") or cached.jobs().devices[0]


def slid() -> list[Cell[Any]]:
    """The fields that have sliders."""
    places = [*controls.leading(cell(RunSpec, AT, "rule")), cell(RunSpec, AT, "lr")]
    return [place for place in places if place.name in SLID]


def why_not(values: dict[str, Any], spec: RunSpec | None) -> dict[str, str]:
    """Why some of the settings do not apply, by their names."""
    toy = "Does not apply: a toy landscape has no examples and a fixed start."
    reasons = dict.fromkeys(("batch", "seed"), toy) if not has_batches(values) else {}
    still = spec is not None and all(scaled(phase.rule, 2.0) == phase.rule for phase in spec.phases)
    return reasons | ({"radius": "Does not apply: no rule of this run has a radius."} if still else {})


def more(name: str, places: list[Cell[Any]], shown: Container[str], reasons: dict[str, str] | None = None) -> None:
    """What is seldom set: a button that opens it, and says what of it is not as usual."""
    others = [place for place in controls.everything(places) if place.key not in shown]
    if others:
        changes = ", ".join(filter(None, (place.change() for place in others)))
        with st.popover(
            escape.markdown(f"{name}: {changes}" if changes else name), width="stretch", wrap=True, key=f"{AT}:{name}"
        ):
            controls.grid(RunSpec, AT, [place.name for place in places], reasons=reasons, shown=shown)


def switches(values: dict[str, Any], spec: RunSpec | None) -> None:
    """The rules that take over later."""
    told = ", ".join(
        f"{words.title(s['rule']['name'])} from {s['unit'].removesuffix('s')} {s['at']}" for s in values["then"]
    )
    popover = st.popover(
        f"Switches: {escape.markdown(told)}" if told else "Switch rules during the run",
        width="stretch",
        wrap=True,
        key=f"{AT}:switch",
    )
    with popover, st.container(key="switches"):
        st.caption(
            "From some point of the run on, another rule gives the gradients. What is trained, its update and its rate "
            "stay."
        )
        controls.several(RunSpec, "then", AT, fresh=partial(later, spec))


def later(spec: RunSpec | None) -> dict[str, Any]:
    """A switch to begin with: half-way through what is left, to another rule than the last."""
    if spec is None:
        return {}
    last, usual = spec.phases[-1], type(Switch().rule).__name__
    rule = next(name for name in (usual, *RULES) if name != type(last.rule).__name__)
    return {"rule": {"name": rule}, "at": (last.start + spec.steps) // 2, "unit": "steps"}


def preset(spec: RunSpec | None, fault: str, awaited: bool) -> None:
    """The presets in one click; the one in force is named, or what is wrong, or what is `awaited`: a file."""
    key = f"{AT}:preset"
    st.session_state[key] = next((name for name, p in PRESETS.items() if p.spec == spec), None)
    with st.container(gap="xsmall"):
        name = st.selectbox("Preset", list(PRESETS), key=key, placeholder="Own settings", on_change=chosen)
        gallery.presets(take)
        other = spec is not None and digest(spec) != shell.current()
        if awaited:
            st.info("Give the file to train on, below.")
        elif fault:
            st.error(escape.markdown(fault))
        else:
            usual = "Settings of your own." if other else "This is the run that is shown."
            with st.container(key="said"):
                st.caption(escape.markdown(PRESETS[name].sentence if name else usual))


def note(spec: RunSpec) -> None:
    """That what the controls describe is another run than the one that is shown, below them, where it moves none."""
    if digest(spec) != shell.current():
        said = [f"Not the run that is shown: {todo(spec)}."]
        said += (
            ["Dashed: how it would descend, as far as it stays on the map."]
            if on_ground(spec) and portable(spec)
            else []
        )
        st.caption(escape.markdown(" ".join(said)))


def on_ground(spec: RunSpec) -> bool:
    """Whether the run that is shown descends on the same ground: another's charts and maps are not this one's."""
    shown = cached.spec(shell.current())
    return shown is not None and shown.problem == spec.problem


def todo(spec: RunSpec) -> str:
    """What there is to do so that a run is trained."""
    if not obtain.missing(spec):
        return "press Train"
    return "its data are not on this server" if person.public() else "download its data first"


def chosen() -> None:
    """Takes the preset that was chosen."""
    if name := st.session_state[f"{AT}:preset"]:
        take(name)


def take(name: str) -> None:
    """Sets the controls to a preset, and shows its run, which is trained now if there is none and it takes little."""
    spec = PRESETS[name].spec
    controls.fill(AT, spec)
    beside.usual(spec)
    if live.watch(digest(spec)) or (price.little(Work(spec)) and person.train(spec, device_chosen(), fresh=False)):
        st.session_state[shell.RUN] = digest(spec)


def start() -> None:
    """Trains the run that the controls describe now, with those beside it, and shows them; what is typed last may have
    come with the click."""
    spec, fault = wanted()
    if spec is None:
        st.session_state[person.REFUSED] = fault
    elif obtain.missing(spec):
        return
    elif len(runs := beside.runs(spec)) > 1:
        together.train(runs, device_chosen())
        if live.watch(digest(spec)):
            st.session_state[shell.RUN] = digest(spec)
    else:
        st.session_state[shell.RUN] = person.train(spec, device_chosen(), fresh=True) or shell.current()


def adopt() -> None:
    """Sets the controls to what came with the address, or from another page."""
    given, undecided = st.session_state.pop(shell.TAKE, None), beside.undecided()
    faults = beside.adopt()
    if given is None:
        came = shell.receive(RUNS, AT, own=(beside.NAME,))
        given = shell.current() if came == {} else None
        if came is None and undecided and shell.current() == digest(RunSpec()):
            beside.usual(RunSpec())
    shell.wrong(faults)
    spec = decode(RUNS, given) if isinstance(given, dict) else cached.spec(given) if given else None
    if spec:
        controls.fill(AT, spec)


adopt()
with st.sidebar:
    spec = settings()
    device = shell.device("Where runs are computed; the first is used unless you choose.")
    with st.container(key="go", gap="xxsmall"):
        all_runs = beside.runs(spec) if spec else []
        idle = spec is None or obtain.missing(spec)
        st.button(beside.called(all_runs), type="primary", width="stretch", disabled=idle, on_click=start, key="train")
        if spec and not idle:
            if len(all_runs) > 1:
                price.tell_all([Work(each) for each in all_runs], device)
            else:
                price.tell(Work(spec), device, spec.problem.size())
        if spec:
            note(spec)
run = shell.current()
view, runs = live.watch(run), []
if view is not None and spec and not on_ground(spec):
    st.info(escape.markdown(f"This is another run, {words.brief(view.spec)}. For the one at the left, {todo(spec)}."))
if view is None:
    shell.heading("How does it descend?")
    shell.faults()
    tour.invite()
    st.info("No run to show yet. Choose a preset at the left, or set up your own, and press Train.")
elif len(runs := against.join(beside.runs(view.spec), run)) > 1:
    together.show(run, view.spec, runs)
else:
    alone.show(run, view)
if spec:
    if on_ground(spec):
        preview.show(all_runs, spec, slid(), shown=set(all_runs) == set(runs))
    # else a link to a run alone would bring that run's settings
    same = {} if run == digest(spec) else {"rule": type(spec.rule).__name__}
    also = beside.address(type(spec.rule).__name__) | against.address()
    link.write({shell.RUN: run} | (flatten(spec) or same) | also)
