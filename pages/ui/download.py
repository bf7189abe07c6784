"""Downloads: every drawing of a page as PDF, SVG, PNG and PGF at a paper's width, as CSV and as LaTeX, and all in one
ZIP; each is made at the click."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from engine.figures import escape
from engine.figures.drawing import Drawing, Map
from engine.figures.parallel import Parallel
from engine.figures.render import latex, numbers, paper, parcel
from engine.figures.render import solid as solids
from engine.figures.render import turned as landscapes
from engine.figures.theme import PAPERS
from pages.ui import clipboard, tray, turned

MIME = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png", "pgf": "application/zip"}
TEXTS = {"csv": "text/csv", "txt": "text/plain", "tex": "text/x-tex"}
SURFACES = {"obj": "model/obj", "glb": "model/gltf-binary", "vtk": "application/octet-stream"}
CALLED = {"txt": "Caption", "tex": "LaTeX"}
ABOUT = {"txt": "Title and caption as text", "tex": "A figure environment with the caption and a label, for the PDF"}
ABOUT |= {
    "pgf": r"For \\input: the document sets the words in its own fonts; a ZIP with the rasters",
    "obj": "For printers and modelling",
    "glb": "For slides and web pages",
    "vtk": "For ParaView, with the values",
}
Draw = Callable[[], Drawing | Parallel]


class Print(NamedTuple):
    """How a figure is to be printed."""

    width: float  # inches
    times: int  # a PNG's size, in `paper.SCREEN`
    clear: bool  # without a background
    outlines: bool  # an SVG's letters as shapes


def menu(
    drawings: Mapping[str, Draw], prefix: str, of: str = "", solid: Collection[str] = (), looked_at: str = ""
) -> None:
    """A menu that takes any of the page's figures away. `of` is the digest of what they show, for the files' names;
    `solid` names the maps that leave as surfaces, too; of several the one that is `looked_at` is chosen whenever the
    page turns to it.

    A file is made at the click, without the session: a `Draw` reads nothing of it.
    """
    with st.popover("Export", disabled=not drawings, help="PDF, SVG, PNG, PGF, CSV or LaTeX of a figure on this page"):
        last, chosen = f"{prefix}:looked-at", f"{prefix}:figure"
        if looked_at in drawings and st.session_state.get(last) != looked_at:
            st.session_state[last] = st.session_state[chosen] = looked_at
        name = st.selectbox("Figure", list(drawings), key=chosen) if drawings else None
        if name is None:
            return
        wanted, own = options(prefix), file(prefix, name, of)
        with st.container(horizontal=True, gap="xsmall"):
            for form, mime in MIME.items():
                button(form, partial(_picture, drawings[name], form, wanted), mime, prefix, own)
            for form, mime in TEXTS.items():
                button(form, partial(_text, drawings[name], form, own), mime, prefix, own)
            for form, mime in SURFACES.items() if name in solid else ():
                button(form, partial(_surface, drawings[name], form), mime, prefix, own)
        if name in solid:
            turned.files(prefix, MIME, f"{own}-turned", partial(_turned, drawings[name], wanted))
        named = {file(prefix, other, of): draw for other, draw in drawings.items()}
        about: dict[str, Any] = {
            "key": f"{prefix}:add",
            "help": "As a panel of the page Figure, as it is now",
            "width": "stretch",
        }
        st.button("Add to figure", on_click=tray.add, args=(name, drawings[name]), **about)
        clipboard.copies(prefix, partial(_picture, drawings[name], "png", wanted))
        _all(partial(_parcel, named, wanted), len(named), prefix, file(prefix, "figures", of))


def options(prefix: str, letters: bool = True) -> Print:
    """The choice of how a figure is printed; whether its `letters` can be outlines is asked where that can be."""
    width = PAPERS[
        st.selectbox(
            "Width",
            list(PAPERS),
            key=f"{prefix}:paper",
            format_func=lambda p: f"{p} ({PAPERS[p].width:.3g} in)",
            persist_state="session",
        )
    ].width
    times = st.segmented_control(
        "PNG",
        range(1, 5),
        default=2,
        key=f"{prefix}:dots",
        format_func=lambda n: f"{n}x",
        help=f"1x has {paper.SCREEN} dots per inch, 4x {4 * paper.SCREEN}.",
        persist_state="session",
        required=True,
    )
    clear = st.checkbox("No background", key=f"{prefix}:transparent", help="Transparent.", persist_state="session")
    told = "For where the font is not installed; else the text stays text, which can be edited."
    key = f"{prefix}:outlines"
    outlines = letters and st.checkbox("SVG: letters as outlines", key=key, help=told, persist_state="session")
    return Print(width, times, clear, outlines)


def file(prefix: str, name: str, of: str) -> str:
    """The name of a figure's file, without its ending: what it shows, and of what."""
    own = escape.file(name)
    return "-".join(filter(None, ("" if own.startswith(prefix) else prefix, own, escape.file(of))))


def button(form: str, data: Callable[[], bytes], mime: str, prefix: str, name: str) -> None:
    """What gives a figure away as a file of one form, made at the click."""
    label, key = CALLED.get(form, form.upper()), f"{prefix}:{form}"
    st.download_button(
        label, data, f"{name}.{paper.ENDINGS.get(form, form)}", mime, key=key, on_click="ignore", help=ABOUT.get(form)
    )


def _all(data: Callable[[], bytes], count: int, prefix: str, name: str) -> None:
    label = f"All {count} figures (ZIP)" if count > 1 else "The figure with its texts (ZIP)"
    st.download_button(
        label,
        data,
        f"{name}.zip",
        "application/zip",
        key=f"{prefix}:zip",
        on_click="ignore",
        width="stretch",
        help="Each as PDF and CSV, with the captions and the digests of what they show.",
    )


def _picture(draw: Draw, form: str, wanted: Print) -> bytes:
    outlines, clear, times = wanted.outlines, wanted.clear, wanted.times
    return paper.export(draw(), form, wanted.width, outlines=outlines, clear=clear, times=times)


def _text(draw: Draw, form: str, name: str) -> bytes:
    drawing = draw()
    texts = {"csv": numbers.csv, "txt": parcel.caption, "tex": partial(latex.environment, file=name)}
    return texts[form](drawing).encode()


def _surface(draw: Draw, form: str) -> bytes:
    drawing = draw()
    assert isinstance(drawing, Map)
    return solids.export(drawing, form)


def _turned(draw: Draw, wanted: Print, form: str, view: landscapes.View) -> bytes:
    drawing = draw()
    assert isinstance(drawing, Map)
    return landscapes.export(drawing, form, view, wanted.width, wanted.clear, wanted.times)


def _parcel(named: Mapping[str, Draw], wanted: Print) -> bytes:
    return parcel.figures({name: draw() for name, draw in named.items()}, wanted.width, wanted.clear)
