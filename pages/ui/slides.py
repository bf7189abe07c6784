"""Slides: what the presenter shows of a claim, a figure, a table of checks, or words beside a picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import streamlit as st

from engine.figures import escape, formulas, words
from engine.figures.drawing import Map
from engine.work import lessons
from engine.work.lessons import Checks, Claim, Figure, Slide, Text
from pages.ui import cached, citations, figures, motion, scene, shell, trial
from pages.ui.tall import Tall

TEXT, HEIGHT = 22, 560
"""Pixels, in a window of 1280x720: how large the words of a figure are, and how high it is before it is fitted."""


def view(slide: Slide) -> trial.View | None:
    """The experiment that a slide is of, as it is now; SpecError where its settings describe no runs."""
    return trial.watch(slide.experiment) if isinstance(slide, Claim | Figure | Checks) else None


def draw(slide: Slide) -> bool:
    """Shows a slide; whether its experiment is at work."""
    SHOWS[type(slide)](slide)
    now = view(slide)
    return bool(now and now.active)


def _claim(slide: Claim) -> None:
    """What is claimed and why, which is the paper's first experiment's to say, or else what is run; where all are to
    predict first, only what is asked."""
    view = trial.watch(slide.experiment)
    paper = citations.paper_of(type(view.experiment).__name__)
    question, sealed = type(view.experiment).question, trial.sealed(view)
    said = question.text if question and sealed else view.experiment.claim
    first = isinstance(view.experiment, paper.experiments[0])
    steps = escape.html("<ol>{}</ol>", escape.join("<li>{}</li>", paper.mechanism))
    told = ("" if sealed else steps) if first else escape.html("<p>{}</p>", view.experiment.setup)
    st.title(escape.markdown(view.experiment.title), anchor=False)
    shown = (
        "<section class='slide fits'><p class='claim'>{}</p>{}<div class='formula'>{}</div><p><small>{} {}</small></p>"
        "</section>"
    )
    by = words.sentence(paper.title), paper.by
    shell.write(escape.html(shown, said, told, formulas.lines(paper.formula), *by))


def _figure(slide: Figure) -> None:
    view = trial.watch(slide.experiment)
    sealed = trial.sealed(view)
    pictures = trial.pictures(view, sealed)
    nth = min(slide.figure, len(pictures)) - 1
    st.title(escape.markdown(pictures[nth].title), anchor=False)
    trial.bar(view)
    if sealed or nth == 0:  # what became of a prediction is not said again on every slide
        trial.quiz(view)
    trial.figure(view, nth, HEIGHT, sealed, TEXT, fluid=True)


def _checks(slide: Checks) -> None:
    view = trial.watch(slide.experiment)
    sealed = trial.sealed(view)
    st.title("What holds?", anchor=False)
    trial.bar(view)
    if sealed:
        trial.quiz(view)
    with st.container(key="present-fits"):
        trial.checks(view, sealed)


def _text(slide: Text) -> None:
    """Words, at the left of a picture where there is one, and the way to a page."""
    st.title(escape.markdown(slide.title), anchor=False)
    paragraphs = [part for part in slide.text.split("\n\n") if part.strip()]
    said = escape.html("<section class='slide fits'>{}</section>", escape.join("{}", map(_paragraph, paragraphs)))
    if not slide.picture:
        shell.write(said)
        return _way(slide)
    left, right = st.columns([1, 1.7], gap="large")
    with left:
        shell.write(said)
        _way(slide)
    with right:
        _picture(slide.picture)


def _paragraph(text: str) -> escape.Html:
    """Words, or between dollars a formula."""
    if formula := re.fullmatch(r"\s*\$([^$]+)\$\s*", text):
        return escape.html("<div class='formula'>{}</div>", formulas.lines(formula[1]))
    return escape.html("<p>{}</p>", text)


def _picture(name: str) -> None:
    drawing = cached.drawn(f"picture@{name}", 0, False, lambda: lessons.picture(name))
    if isinstance(drawing, Map):
        with st.container(key="present-map"):
            scene.plot("present.map", name, 0, Tall.WHOLE, drawing, solid=False)
            figures.caption(drawing)
    else:
        motion.draw("figure0", f"picture/{name}/{TEXT}", 0, HEIGHT, drawing, TEXT, fluid=True)


def _way(slide: Text) -> None:
    """The page in a tab of its own, so that the lesson stays where it is."""
    if slide.page:
        path = "" if slide.page == "train" else slide.page  # the first page has no name of its own
        st.link_button(f"Open {slide.page.capitalize()}", f"./{path}" + (f"?{slide.query}" if slide.query else ""))


SHOWS: Mapping[type[Slide], Callable[..., None]] = {Claim: _claim, Figure: _figure, Checks: _checks, Text: _text}
