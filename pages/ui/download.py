"""Downloads: every drawing of a page as PDF, SVG and PNG at a paper's width, and as CSV; each is made at the click."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st

from engine.figures import escape
from engine.figures.drawing import Drawing
from engine.figures.parallel import Parallel
from engine.figures.render import numbers, paper
from engine.figures.theme import PAPERS

MIME = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
Draw = Callable[[], Drawing | Parallel]


def menu(drawings: Mapping[str, Draw], prefix: str, of: str = "") -> None:
    """A menu that takes any of the page's figures away. `of` is the digest of what they show, for the files' names.

    A file is made at the click, without the session: a `Draw` reads nothing of it.
    """
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
        about = "For where the font is not installed; else the text stays text, which can be edited."
        outlines = st.checkbox(
            "SVG: letters as outlines", key=f"{prefix}:outlines", help=about, persist_state="session"
        )
        with st.container(horizontal=True, gap="xsmall"):
            for form, mime in MIME.items():
                data = partial(_picture, drawings[name], form, width, outlines)
                _button(form, data, mime, prefix, file(prefix, name, of))
            _button("csv", partial(_table, drawings[name]), "text/csv", prefix, file(prefix, name, of))


def file(prefix: str, name: str, of: str) -> str:
    """The name of a figure's file, without its ending: what it shows, and of what."""
    own = escape.file(name)
    return "-".join(filter(None, ("" if own.startswith(prefix) else prefix, own, escape.file(of))))


def _button(form: str, data: Callable[[], bytes], mime: str, prefix: str, name: str) -> None:
    st.download_button(form.upper(), data, f"{name}.{form}", mime, key=f"{prefix}:{form}", on_click="ignore")


def _picture(draw: Draw, form: str, width: float, outlines: bool) -> bytes:
    return paper.export(draw(), form, width, outlines=outlines)


def _table(draw: Draw) -> bytes:
    return numbers.csv(draw()).encode()
