"""The lessons on the papers' page: those that ship, and one's own from a file, to present, to link and to take away."""

from __future__ import annotations

import streamlit as st

from engine.figures import escape, words
from engine.spec import SpecError
from engine.work import lessons
from engine.work.lessons import Lesson
from pages.ui import citations, present, shell

AT = f"{citations.AT}:lessons"


def show() -> None:
    """A row for each, and a way to load another."""
    shell.write(escape.html("<h2 class='part'>Lessons</h2>"))
    with st.container(key=AT):
        for name, lesson in lessons.shipped().items():
            _row(name, name, lesson)
        with st.expander("Load a lesson", key=f"{AT}:own"):  # not a menu, which would be cut at the foot of the page
            _own()


def _row(name: str, address: str, lesson: Lesson) -> None:
    """What a lesson covers, and what can be done with it."""
    with st.container(key=f"{AT}:{name}", border=True, gap="xsmall"):
        long = f"{words.number(lesson.minutes)} minutes, {len(lesson.slides)} slides"
        said = "<h3>{}</h3><p class='says'>{}</p><p class='says'><small>{}</small></p>"
        shell.write(escape.html(said, lesson.title, lesson.about, long))
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Present",
                key=f"{AT}:present-{name}",
                on_click=present.begin,
                args=(address,),
                type="primary",
                help="What the address is then is a link to the lesson, at the slide.",
            )
            st.download_button(
                "Download",
                lessons.dumps(lesson),
                f"{escape.file(lesson.title) or 'lesson'}.json",
                "application/json",
                on_click="ignore",
                key=f"{AT}:download-{name}",
            )


def _own() -> None:
    """A file that is loaded is presented from its link, which holds all of it: nothing is kept here."""
    about = "JSON, such as Download gives; its notes, slides and settings can be changed in any editor."
    file = st.file_uploader("A lesson's file", type="json", key=f"{AT}:file", max_upload_size=1, help=about)
    if file is None:
        return
    try:
        lesson = lessons.parse(file.getvalue())
    except SpecError as error:
        st.error(escape.markdown(error))
        return
    _row("loaded", packed := lessons.pack(lesson), lesson)
    if len(packed) > lessons.LINKED:
        st.caption("It is too long for a link: who reloads the page while it is presented loads the file again.")
