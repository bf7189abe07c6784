"""Downloads: every drawing of a page as PDF, SVG and PNG at a paper's width, and as CSV; each is made at the click."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st

from engine.figures.drawing import Drawing
from engine.figures.parallel import Parallel
from engine.figures.render import numbers, paper
from engine.figures.theme import PAPERS

MIME = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
Draw = Callable[[], Drawing | Parallel]


def menu(drawings: Mapping[str, Draw], prefix: str) -> None:
    """A menu that takes any of the page's figures away."""
    with st.popover("Export", disabled=not drawings, help="PDF, SVG, PNG or CSV of a figure on this page"):
        name = st.selectbox("Figure", list(drawings), key=f"{prefix}:figure") if drawings else None
        if name is None:
            return
        width = PAPERS[
            st.selectbox(
                "Width",
                list(PAPERS),
                key=f"{prefix}:paper",
                format_func=lambda p: f"{p} ({PAPERS[p].width:.3g} in)",
                persist_state="session",
            )
        ].width
        with st.container(horizontal=True, gap="xsmall"):
            for form, mime in MIME.items():
                _button(form, partial(_picture, drawings[name], form, width), mime, prefix, name)
            _button("csv", partial(_table, drawings[name]), "text/csv", prefix, name)


def _button(form: str, data: Callable[[], bytes], mime: str, prefix: str, name: str) -> None:
    file = f"{prefix}-{name}.{form}".lower().replace(" ", "-")
    st.download_button(form.upper(), data, file, mime, key=f"{prefix}:{form}", on_click="ignore")


def _picture(draw: Draw, form: str, width: float) -> bytes:
    return paper.export(draw(), form, width)


def _table(draw: Draw) -> bytes:
    return numbers.csv(draw()).encode()
