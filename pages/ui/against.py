"""Against: the kept run that a session compares all others with, until it is let go; every page that shows a run then
shows the two on equal axes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

import streamlit as st

from engine.figures import escape, words
from engine.training.runs import RunSpec
from pages.ui import cached, shell

CHOICE = "against.choice"
LETTERS = 32
"""Of a run's own words on the button that lets it go."""


def chosen(run: str) -> str:
    """The run that `run` is shown against; "" where there is none, or it is that run itself."""
    other = st.session_state.get(shell.AGAINST, "")
    return other if other and other != run and cached.spec(other) else ""


def choose(run: str) -> None:
    """Compares all others against a run."""
    st.session_state[shell.AGAINST] = run


def drop() -> None:
    """Compares against none."""
    st.session_state.pop(shell.AGAINST, None)


def address() -> dict[str, str]:
    """What the address says of it."""
    other = st.session_state.get(shell.AGAINST)
    return {shell.AGAINST: other} if other and cached.spec(other) else {}


def join(specs: Sequence[RunSpec], run: str) -> list[RunSpec]:
    """Runs, `run` and those beside it, and at the end the one that they are compared against."""
    other = cached.spec(chosen(run)) if chosen(run) else None
    return [*specs, *([other] if other and other not in specs else [])]


def menu(run: str, beside: Collection[str] = ()) -> None:
    """A choice of the run to compare this one against, but for those that are shown `beside` it; where there is one,
    its name and a way to let it go."""
    if chip(run):
        return
    there = {run, *beside}
    kept = [*islice((s.digest for s in cached.summaries() if s.last and s.digest not in there), shell.OFFERED)]
    with st.popover(
        "Compare",
        disabled=not kept,
        help="This run against another: curves and maps on equal axes, in one scale of colours",
    ):
        st.selectbox(
            "Compare against",
            kept,
            index=None,
            format_func=cached.title,
            key=CHOICE,
            placeholder="A kept run",
            on_change=_take,
            help="Train, Landscape, Spectrum and Alignment then show the two together.",
        )


def chip(run: str = "") -> bool:
    """A button that says which run is compared against, in what tells it from `run`, and lets it go; whether there is
    one."""
    other = st.session_state.get(shell.AGAINST, "")
    spec = cached.spec(other) if other else None
    if spec is None:
        return False
    name = "this run itself" if other == run else told(spec, cached.spec(run) if run else None)
    short = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    about = escape.markdown(f"{words.brief(spec)}. Press to compare with no other run.")
    st.button(f"Against: {escape.markdown(short)} ✕", key="against.drop", on_click=drop, help=about)
    return True


def _take() -> None:
    if other := st.session_state[CHOICE]:
        choose(other)


def told(spec: RunSpec, beside: RunSpec | None) -> str:
    """What tells a run from the one beside it; all of it where there is none."""
    return words.contrast([spec, beside])[1][0] if beside and beside != spec else words.brief(spec)
