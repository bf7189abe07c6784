"""Which paper speaks of this? The papers whose subject a run is, with a way to their experiments."""

from __future__ import annotations

import streamlit as st

from engine.experiments import EXPERIMENTS, PAPERS, Paper
from engine.figures import escape, words
from engine.training.runs import RunSpec

AT = "papers"
"""What the keys of the papers' page begin with."""
OPEN = f"{AT}:experiment"
"""Where a session keeps the name of the experiment that the papers' page shows; "" is the cards."""


def paper_of(name: str) -> Paper:
    """The paper that an experiment belongs to."""
    return next(paper for paper in PAPERS.values() if EXPERIMENTS[name] in paper.experiments)


def menu(spec: RunSpec) -> None:
    """A menu of them."""
    about = [paper for paper in PAPERS.values() if paper.experiments and paper.speaks(spec)]
    with st.popover(
        "Papers",
        disabled=not about,
        help="Which paper speaks of this run?" if about else "None of the papers here is about such a run.",
    ):
        for paper in about:
            _entry(paper)


def _entry(paper: Paper) -> None:
    st.markdown(f"**{escape.markdown(paper.name)}** {escape.markdown(paper.claim)}")
    st.caption(escape.markdown(f"{words.sentence(paper.title)} {paper.by}"))
    for cls in paper.experiments:
        if st.button(cls.title, key=f"cite:{cls.__name__}", width="stretch"):
            st.session_state[OPEN] = cls.__name__
            st.switch_page("pages/papers.py")
