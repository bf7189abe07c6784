"""What does SAM do? Five pictures, from two runs on one landscape to one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import streamlit as st

from engine.experiments import EXPERIMENTS
from engine.figures import escape, joint, together, words
from engine.figures.drawing import Map
from engine.records import JointSurface
from engine.spec import encode
from engine.work import presets
from engine.work.kinds import Work
from pages.ui import cached, citations, figures, gallery, link, shell, tour, trial

STEP = "tour:step"
HEIGHT = 470


class Step(NamedTuple):
    """A picture with a few words, and where to go on from it."""

    title: str
    sentences: tuple[str, ...]
    draw: Callable[[], None]
    experiment: str = ""  # what it is a picture of


def landscape() -> None:
    """SGD and SAM on the plane of the runs that ship, and how sharp they end there."""
    address = Work(presets.joint(presets.TRIO)).address
    surface = cached.record(address)
    if not isinstance(surface, JointSurface):
        shell.empty("The landscape that ships with the app is not in this server's store.")
        return
    ends = zip(joint.names(surface), surface.end_sharpness.tolist(), surface.end_loss.tolist(), strict=True)
    told = [(name, f"λ₁ {words.number(bent)}", f"training loss {words.number(loss)}") for name, bent, loss in ends]
    shell.strip(told[:2])
    with st.container(key="tour-picture"):
        figures.portrait(f"tour@{address}", cached.version(address), lambda: _two(surface))


def _two(surface: JointSurface) -> Map:
    """The ground with the paths of the first two runs, SGD and SAM."""
    drawing = together.ground(surface, provisional=False)
    return replace(drawing, routes=drawing.routes[:2])


def figure(name: str, nth: int = 0) -> None:
    """One of an experiment's figures, as its usual settings gave it."""
    view = trial.watch(EXPERIMENTS[name]())
    trial.note(view)
    trial.figure(view, nth, HEIGHT, False)


def own() -> None:
    """The presets, to begin with."""
    gallery.tiles(take)


def take(name: str) -> None:
    """Opens a preset on the page Train."""
    st.session_state[shell.TAKE] = encode(presets.PRESETS[name].spec)


STEPS = (
    Step(
        "Two runs, one landscape",
        (
            "Both start at the same weights and see the same batches. SGD (grey) follows the gradient where it stands.",
            "SAM (blue) follows the gradient a small step ρ uphill from there, where a narrow valley is steep already: "
            "it ends at about the same loss, where the ground is flatter. λ₁, the largest eigenvalue of the Hessian, "
            "is how steeply the loss bends in its sharpest direction.",
        ),
        landscape,
    ),
    Step(
        "Each rule settles at an edge of its own",
        (
            "Descent with learning rate η cannot stay where λ₁ is well above 2/η: it would bounce out.",
            "SAM's edge lies far below. Each run's λ₁ (solid) comes to its rule's edge (dashed), SAM's from above: its "
            "edge falls with the gradient.",
        ),
        partial(figure, "EdgeOfStability"),
        "EdgeOfStability",
    ),
    Step(
        "Along a valley of minima",
        (
            "Here every point of the valley's floor is a minimum, and |y| says how sharp it is.",
            "Plain descent stops at the first that it can bear. SAM never settles: at every step it hops from wall to "
            "wall, which is too fast for this picture, and drifts on to where the valley is flat.",
        ),
        partial(figure, "Drift"),
        "Drift",
    ),
    Step(
        "A little SAM, late",
        (
            "A run of SGD has come to its minimum; at the dotted line SAM takes over.",
            "It leaves that minimum: λ₁ rises at first, and then falls far below what it was, in the same valley.",
        ),
        partial(figure, "TwoPhases", 1),
        "TwoPhases",
    ),
    Step("Your turn", ("Each of these runs takes seconds. Choose one, change what you like, and press Train.",), own),
)


def turn(step: int) -> None:
    """Shows a step."""
    st.session_state[STEP] = step


def controls(step: int) -> None:
    """Back, next, and what the picture is of."""
    last = len(STEPS) - 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="tour-controls"):
        st.button("Back", key="tour:back", disabled=step == 0, on_click=turn, args=(step - 1,), shortcut="Left")
        kind = "secondary" if step == last else "primary"
        more = {"type": kind, "disabled": step == last, "shortcut": "Right"}
        st.button("Next", key="tour:next", on_click=turn, args=(step + 1,), **more)
        if (name := STEPS[step].experiment) and st.button("Open the experiment", key="tour:open"):
            st.session_state[citations.OPEN] = name
            st.switch_page("pages/papers.py")
        if st.button("Leave", key="tour:leave"):
            st.switch_page("pages/train.py")


tour.skip()
tour.remember()
step = min(max(st.session_state.get(STEP, 0), 0), len(STEPS) - 1)
shell.heading("What does SAM do?", f"{step + 1} of {len(STEPS)}")
shell.faults()
if shell.TAKE in st.session_state:
    st.switch_page("pages/train.py")
left, right = st.columns([1, 2.1], gap="large", vertical_alignment="top")
with left:
    said = escape.join("<p>{}</p>", STEPS[step].sentences)
    shell.write(escape.html("<section class='step'><h2>{}</h2>{}</section>", STEPS[step].title, said))
    controls(step)
with right:
    STEPS[step].draw()
link.write({})
