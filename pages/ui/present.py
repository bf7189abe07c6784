"""Presenting: an experiment in large type, one thing at a time, turned by the arrow keys; it goes on running behind."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine.experiments import EXPERIMENTS, Paper
from engine.figures import escape, words
from engine.spec import SpecError, decode
from pages.ui import controls, live, shell, trial

ON, SLIDE = "papers:presenting", "papers:slide"
TEXT, HEIGHT = 22, 640
HIDE = escape.html(
    "<style>[data-testid='stSidebar'], [data-testid='stHeader'], [data-testid='stExpandSidebarButton'] {{ display: "
    "none !important; }}</style>"
)


def on() -> bool:
    """Whether the presenter is shown."""
    return bool(st.session_state.get(ON))


def begin() -> None:
    """Shows the presenter, from its first slide."""
    st.session_state[ON], st.session_state[SLIDE] = True, 0


def end() -> None:
    """Leaves the presenter."""
    st.session_state[ON] = False


def show(paper: Paper, name: str, prefix: str) -> None:
    """The slide that is on: first what is claimed, then each figure, at last the checks."""
    try:
        experiment = decode(EXPERIMENTS, {"name": name} | controls.read(EXPERIMENTS[name], prefix))
    except SpecError:
        experiment = EXPERIMENTS[name]()
    view = trial.watch(experiment)
    count = len(trial.pictures(view)) + 2
    slide = min(max(st.session_state.get(SLIDE, 0), 0), count - 1)
    shell.style()
    shell.write(HIDE)
    with st.container(key="present"):
        _controls(view, slide, count)
        if slide == 0:
            _opening(paper, view)
        else:
            live.ticking(partial(_slide, experiment, slide, count), view.active)


def _controls(view: trial.View, slide: int, count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="present-controls"):
        st.button("Back", shortcut="Left", disabled=slide == 0, on_click=_turn, args=(slide - 1,), key="present-back")
        st.button(
            "Next", shortcut="Right", disabled=slide == count - 1, on_click=_turn, args=(slide + 1,), key="present-next"
        )
        done = view.active or view.performed  # a key pressed by mistake takes no picture away
        st.button(
            "Run",
            shortcut="Enter",
            type="primary",
            disabled=done,
            on_click=trial.start,
            args=(view.experiment, None),
            key="present-run",
        )
        st.button("End", shortcut="Escape", on_click=end, key="present-end")
        shell.write(escape.html("<p class='about'>{} of {}</p>", slide + 1, count))


def _turn(slide: int) -> None:
    st.session_state[SLIDE] = slide


def _opening(paper: Paper, view: trial.View) -> None:
    """What is claimed and why; where all are to predict first, only what is asked."""
    question, sealed = type(view.experiment).question, trial.sealed(view)
    said = question.text if question and sealed else view.experiment.claim
    steps = escape.html("<ol>{}</ol>", escape.join("<li>{}</li>", paper.mechanism))
    formula = escape.join("<span>{}</span>", paper.formula.split("  "))
    st.title(escape.markdown(view.experiment.title), anchor=False)
    slide = (
        "<section class='slide'><p class='claim'>{}</p>{}<p class='formula'>{}</p><p><small>{} {}</small></p></section>"
    )
    by = words.sentence(paper.title), paper.by
    shell.write(escape.html(slide, said, "" if sealed else steps, formula, *by))


def _slide(experiment: trial.Experiment, slide: int, count: int) -> bool:
    view = trial.watch(experiment)
    sealed = trial.sealed(view)
    trial.bar(view)
    trial.quiz(view)
    if slide == count - 1:
        st.title("What holds?", anchor=False)
        trial.checks(view, sealed)
    else:
        st.title(escape.markdown(trial.pictures(view, sealed)[slide - 1].title), anchor=False)
        trial.figure(view, slide - 1, HEIGHT, sealed, TEXT)
    return view.active
