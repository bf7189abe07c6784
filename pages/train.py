"""How does it descend? Choose a problem, a model and a rule; train it, and watch."""

from functools import partial

import streamlit as st

from engine.figures import charts, maps
from engine.figures.drawing import Drawing
from engine.presets import PRESETS
from engine.spec import SpecError, decode, digest, encode
from engine.train import RUNS, RunSpec
from pages.ui import cached, controls, download, figures, ground, link, live, shell, words

AT = "train"
GRID = (("losses", "sharpness"), ("accuracies", "alignment"), ("gradient_norms",))
TOY = (("losses", "sharpness"), ("gradient_norms", "alignment"), ())


def settings() -> RunSpec | None:
    """The controls; None where they describe nothing that can be trained."""
    presets = st.container(gap="xsmall")
    problem = controls.part(RunSpec, "problem", AT, fold="Data and model")
    left, right = st.columns(2)
    with left:
        rule = controls.part(RunSpec, "rule", AT, columns=1)
        lr = controls.grid(RunSpec, AT, ["lr"], columns=1)
    with right:
        update = controls.part(RunSpec, "update", AT, columns=1)
        schedule = controls.part(RunSpec, "schedule", AT)
    toy = "data" not in problem
    reason = "Does not apply: a toy landscape has no examples and a fixed start."
    rest = controls.grid(RunSpec, AT, ["batch", "steps", "seed", "every"], reasons=dict.fromkeys(("batch", "seed"), reason) if toy else {})
    rest |= controls.grid(RunSpec, AT, ["curvature"], columns=1)
    if toy:
        st.caption("Batch size and seed do not apply: a toy landscape has no examples and a fixed start.")
    try:
        spec = decode(RUNS, {"problem": problem, "rule": rule, "update": update, "schedule": schedule, **lr, **rest})
    except SpecError as error:
        st.error(str(error))
        spec = None
    with presets:
        preset(spec)
    return spec


def preset(spec: RunSpec | None) -> None:
    """The presets in one click; the one in force is named."""
    key = f"{AT}:preset"
    st.session_state[key] = next((name for name, p in PRESETS.items() if p.spec == spec), None)
    name = st.selectbox("Preset", list(PRESETS), key=key, placeholder="Own settings", on_change=take)
    other = spec is not None and digest(spec) != shell.current()
    st.caption((PRESETS[name].sentence if name else "Own settings.") + (" Not the run that is shown: press Train." if other else ""))


def take() -> None:
    """Sets the controls to the preset, and shows its run where there is one."""
    if name := st.session_state[f"{AT}:preset"]:
        spec = PRESETS[name].spec
        controls.fill(AT, spec)
        if live.watch(digest(spec)):
            st.session_state[shell.RUN] = digest(spec)


def start(spec: RunSpec, device: str) -> None:
    st.session_state[shell.RUN] = cached.train(spec, device, fresh=True)


def watching(run: str) -> bool:
    """The live part of the page; whether anything is still at work."""
    view = live.watch(run)
    if view is None:
        return False
    live.bar(run, view)
    shell.strip(live.numbers(view))
    encoded = encode(view.spec)
    columns = st.columns([1, 1, 1.1], gap="medium")
    with columns[-1]:
        below, drawing = (None, False) if view.active else ground.first(run, view.spec)
        if below is None:
            st.html(f"<p class='empty'>The ground under the path is {'being drawn' if drawing else 'drawn when the run has ended'}.</p>")
        else:
            figures.portrait(f"portrait@{run}", (below.spec, len(below.steps)), lambda: maps.draw(below, encoded, ground.quantity(below)))
    for column, names in zip(columns, GRID if view.spec.problem.examples() else TOY, strict=True):
        with column:
            for name in names:
                height = 265 if len(names) > 1 else 200
                figures.chart(f"live.{name}@{run}", view.version, height, partial(charts.LIVE[name], view.columns, encoded))
    return view.active or drawing


def drawings(run: str, spec: RunSpec) -> dict[str, download.Draw]:
    """Every figure of the page by its title, as it is when it is asked for."""
    encoded = encode(spec)

    def one(name: str) -> Drawing:
        view = live.watch(run)
        return charts.LIVE[name](view.columns if view else charts.columns([]), encoded)

    made: dict[str, download.Draw] = {name.replace("_", " ").capitalize(): partial(one, name) for name in charts.LIVE}
    if below := ground.first(run, spec)[0]:
        made["Ground and path"] = lambda: maps.draw(below, encoded, ground.quantity(below))
    return made


def adopt() -> None:
    """Sets the controls to what came with the address, or from another page."""
    given = st.session_state.pop(shell.TAKE, None)
    if given is None and shell.receive(RUNS, AT) == {}:
        given = shell.current()
    spec = decode(RUNS, given) if isinstance(given, dict) else cached.spec(given) if given else None
    if spec:
        controls.fill(AT, spec)


adopt()
with st.sidebar:
    spec = settings()
    device = st.selectbox(
        "Device", cached.jobs().devices, key="device", persist_state="session", help="Where runs are computed; the first is used unless you choose."
    )
    st.button("Train", type="primary", width="stretch", disabled=spec is None, on_click=start, args=(spec, device), key="train")
run = shell.current()
view = live.watch(run)
menus = shell.heading("How does it descend?", words.run(view.spec) if view else "")
shell.faults()
if view is None:
    st.info("No run to show yet. Choose a preset at the left, or set up your own, and press Train.")
else:
    with menus:
        shell.spec_menu(view.spec, run)
        download.menu(drawings(run, view.spec), AT)
    live.ticking(lambda: watching(run), view.active or ground.first(run, view.spec)[1])
if spec:
    same = {} if run == digest(spec) else {"rule": type(spec.rule).__name__}  # else a link to a run alone would bring that run's settings
    link.write({shell.RUN: run} | (link.params(spec) or same))
