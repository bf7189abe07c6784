"""Galleries: of the papers, for each what it says, and for each of its experiments a picture, a verdict and a time; of
the presets, for each a picture and a sentence."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial

import streamlit as st

from engine.experiments import PAPERS, Experiment, Paper
from engine.figures import escape, formulas, words
from engine.work import previews, references
from engine.work.presets import PRESETS
from pages.ui import cached, citations, shell

AT = citations.AT


def show(opening: Callable[[str], None]) -> None:
    """All papers; a tile's button calls `opening` with its experiment's name."""
    papers = PAPERS.values()
    for paper in papers:
        if not paper.extra:
            with st.container(key=f"{AT}:row-{paper.key}"):
                _head(paper)
                _tiles(paper, opening)
    shell.write(escape.html("<h2 class='part'>Beside the five</h2>"))
    with st.container(key=f"{AT}:others"):
        for paper in papers:
            if paper.extra:
                with st.container(key=f"{AT}:other-{paper.key}"):
                    _head(paper)
                    _tiles(paper, opening)


def _head(paper: Paper) -> None:
    """What a paper says in a sentence, and folded away how that comes about."""
    steps = escape.join("<li>{}</li>", paper.mechanism)
    about = words.sentence(paper.title), paper.by, paper.arxiv
    by = escape.html("<p><small>{} {}, arXiv {}</small></p>", *about)
    inside = escape.html("<ol>{}</ol><div class='formula'>{}</div>{}", steps, formulas.lines(paper.formula), by)
    fold = escape.html("<details><summary>How</summary>{}</details>", inside)
    said = escape.html("<h2>{}</h2><p class='says'>{}</p>{}", paper.name, paper.claim, fold)
    shell.write(escape.html("<section class='card'>{}</section>", said))


def _tiles(paper: Paper, opening: Callable[[str], None]) -> None:
    for cls in paper.experiments:
        name = cls.__name__
        with st.container(key=f"tile:{name}", border=True, gap="xxsmall"):
            _picture(f"experiment@{name}", partial(references.picture, name))
            at = f"{AT}:open-{name}"
            st.button(cls.title, key=at, on_click=opening, args=(name,), width="stretch", type="tertiary")
            shell.write(escape.html("<p class='says'>{}</p>{}", cls.claim, verdict(cls)))


def presets(choosing: Callable[[str], None]) -> None:
    """A button that opens the presets as pictures; a tile's button calls `choosing` with its name."""
    if st.button("See them all", key="presets:open", width="stretch", help="Each preset with a picture of its run."):
        _presets(choosing)


@st.dialog("Runs worth starting from", width="large")
def _presets(choosing: Callable[[str], None]) -> None:
    if tiles(choosing):
        st.rerun()  # which closes the dialog


def tiles(choosing: Callable[[str], None]) -> bool:
    """The presets as pictures, each with its sentence; whether one has just been chosen."""
    pressed = False
    with st.container(key="presets:tiles"):
        for name, preset in PRESETS.items():
            with st.container(key=f"tile:{name}", border=True, gap="xxsmall"):
                _picture(f"preset@{name}", partial(previews.preview, name))
                at = f"presets:take-{name}"
                pressed |= st.button(name, key=at, on_click=choosing, args=(name,), width="stretch", type="tertiary")
                shell.write(escape.html("<p class='says'>{}</p>", preset.sentence))
    return pressed


def _picture(key: str, picture: Callable[[bool], bytes]) -> None:
    """A small picture, which says nothing that the words below it do not."""
    dark = shell.dark()
    data = cached.drawn(f"tile/{key}", 0, dark, lambda: base64.b64encode(picture(dark)).decode())
    shell.write(escape.html("<img class='tile' alt='' src='data:image/svg+xml;base64,{}'>", data))


def verdict(cls: type[Experiment]) -> escape.Html:
    """How many of its checks hold at full size, a dot for each, and how long it takes."""
    found = references.verdict(cls.__name__)
    dots = escape.join("<i class='{}'></i>", found.marks)
    line = "<p class='verdict'><span aria-hidden='true'>{}</span><b>{}</b><small>{}</small></p>"
    return escape.html(line, dots, found.words, references.time(cls.__name__))
