"""Presenting: a lesson, or one experiment, in large type, one slide at a time, turned by keys and clickers; the
address says of what, and which slide."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st
import streamlit.components.v2 as components

from engine.figures import escape, words
from engine.spec import SpecError
from engine.work import lessons
from engine.work.lessons import Lesson, Slide
from pages.ui import link, live, shell, slides, trial

ON, SLIDE, LESSON, NOTES = "papers:presenting", "papers:slide", "papers:lesson", "papers:notes"
"""Where a session keeps whether it presents, which slide from 0 on, which lesson ("" is the experiment that is open),
and whether notes are shown."""
OWN = ("lesson", "slide")
"""The address's parameters."""
HIDE = escape.html(
    "<style>[data-testid='stSidebar'], [data-testid='stHeader'], [data-testid='stExpandSidebarButton'] {{ display: "
    "none !important; }}</style>"
)
SCRIPT = """
const CLICKS = { PageDown: 'next', ' ': 'next', PageUp: 'back' };
const LARGEST = 2, SMALLEST = 0.5, LEAST = 160, MARGIN = 16, NARROW = 1000;
// What a slide needs of the window: plots take what height is left, words are as large as they can be.
function fit(box) {
  const scale = Math.max(1, Math.min(innerWidth / 1280, innerHeight / 720));
  box.style.setProperty('--scale', scale);
  const floor = innerHeight - MARGIN * scale, left = () => floor - box.getBoundingClientRect().bottom;
  const plot = box.querySelector('.ravine-plot'), words = box.querySelector('.fits, .checks');
  const least = innerWidth < NARROW ? innerWidth : LEAST * scale;  // a narrow window scrolls
  const high = size => box.style.setProperty('--plot', `${size}px`);
  if (plot) high(least);
  for (let size = LARGEST; words && size >= SMALLEST; size -= 0.05) {
    box.style.setProperty('--words', size);
    if (left() >= 0) break;
  }
  if (!plot) return;
  const bottom = of => of.getBoundingClientRect().bottom;
  // a column is as high as what stands beside it: of a plot's own, the caption alone goes down with it
  const row = plot.closest('.stHorizontalBlock'), caption = row?.querySelector('.caption') ?? plot;
  const rest = row ? bottom(caption) + bottom(box) - bottom(row) : bottom(box);
  high(Math.max(least, plot.getBoundingClientRect().height + floor - rest));
}
export default function ({ parentElement }) {
  window.ravinePresent?.();
  const box = document.querySelector('.st-key-present'), on = document.documentElement;
  on.classList.add('presenting');
  const press = name => document.querySelector(`.st-key-present-${name} button`)?.click();
  const black = () => parentElement.querySelector('.black');
  const darken = () => parentElement.append(Object.assign(document.createElement('div'), { className: 'black' }));
  const heard = event => {
    const at = event.target, typing = at.closest?.('input, textarea, [role=slider], [role=combobox]');
    const presses = event.key === ' ' && at.closest?.('button, a, summary');
    if (event.ctrlKey || event.altKey || event.metaKey || ((typing || presses) && !black())) return;
    if (black()) black().remove();
    else if (event.key === 'b' || event.key === 'B' || event.key === '.') darken();
    else if (CLICKS[event.key]) press(CLICKS[event.key]);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  // a button that was clicked is not to be pressed by the space bar too
  const clicked = event => {
    if (event.detail && event.target.closest('.st-key-present')) document.activeElement.blur();
  };
  const fitted = () => requestAnimationFrame(() => { if (box?.isConnected) fit(box); });
  const sizes = new ResizeObserver(fitted), grown = new MutationObserver(fitted);
  if (box) { sizes.observe(box); grown.observe(box, { childList: true, subtree: true }); }
  addEventListener('keydown', heard, true);
  addEventListener('click', clicked);
  addEventListener('resize', fitted);
  window.ravinePresent = () => {
    removeEventListener('keydown', heard, true);
    removeEventListener('click', clicked);
    removeEventListener('resize', fitted);
    sizes.disconnect();
    grown.disconnect();
    on.classList.remove('presenting');
  };
  fitted();
  return window.ravinePresent;
}
"""
"""What Streamlit's buttons do not hear: a clicker's keys, which press them; B blackens the window until a key."""


def on() -> bool:
    """Whether the presenter is shown."""
    return bool(st.session_state.get(ON))


def begin(lesson: str = "") -> None:
    """Shows the presenter, from the first slide of a lesson's address, or of the experiment that is open."""
    st.session_state[ON], st.session_state[SLIDE], st.session_state[LESSON] = True, 0, lesson


def end() -> None:
    """Leaves the presenter."""
    st.session_state[ON] = False


def adopt() -> list[str]:
    """Takes over what came with the address, to be called before anything else does; a line on what was wrong."""
    if link.by_history():
        end()
    if not link.outside():
        return []
    lesson, slide = (st.query_params.get(name, "") for name in OWN)
    end()
    if lesson or slide:
        try:
            if lesson:
                lessons.find(lesson)
            begin(lesson)
        except SpecError as error:
            return [str(error)]
        if slide.isdecimal() and len(slide) <= 3:
            st.session_state[SLIDE] = int(slide) - 1
        elif slide:
            return [f"slide: expected a number, got {slide[:40]!r}"]
    return []


def lesson() -> str:
    """The lesson that is presented, as an address has it; "" where none is, or the experiment that is open."""
    return st.session_state.get(LESSON, "") if on() else ""


def show_lesson(name: str) -> None:
    """As `show`, of a lesson as an address has it."""
    show(lessons.find(name), {"lesson": name} if len(name) <= lessons.LINKED else {})


def show(lesson: Lesson, address: Mapping[str, str]) -> None:
    """The slide that is on, which the address says beside what it says of the lesson."""
    count = len(lesson.slides)
    nth = min(max(st.session_state.get(SLIDE, 0), 0), count - 1)
    slide = lesson.slides[nth]
    shell.style()
    shell.write(HIDE)
    shell.faults()
    with st.container(key="present"):
        try:
            view = slides.view(slide)
            _controls(lesson, nth, view)
            live.ticking(partial(slides.draw, slide), bool(view and view.active))
        except SpecError as error:
            _controls(lesson, nth, None)
            st.error(escape.markdown(error))
        if st.session_state.get(NOTES):
            shell.write(escape.html("<aside class='notes'>{}</aside>", slide.notes or "No notes for this slide."))
    components.component("ravine_present", js=SCRIPT, isolate_styles=False)(key="present-keys", height=1)
    link.write({**address, "slide": str(nth + 1)})


def _controls(lesson: Lesson, nth: int, view: trial.View | None) -> None:
    last = len(lesson.slides) - 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="present-controls"):
        st.button("Back", shortcut="Left", disabled=nth == 0, on_click=_turn, args=(nth - 1,), key="present-back")
        st.button("Next", shortcut="Right", disabled=nth == last, on_click=_turn, args=(nth + 1,), key="present-next")
        if view is not None:
            done = view.active or view.performed  # a key pressed by mistake takes no picture away
            run = {"on_click": trial.start, "args": (view.experiment, None), "key": "present-run"}
            st.button("Run", shortcut="Enter", type="primary", disabled=done, **run)
        st.button("Notes", shortcut="N", on_click=_note, key="present-notes")
        st.button("End", shortcut="Escape", on_click=end, key="present-end")
        shell.write(escape.html("<p class='about'>{}</p>", _where(lesson.slides, nth)))


def _where(all_slides: tuple[Slide, ...], nth: int) -> str:
    """Which slide it is, and, of a lesson, from which minute to which it is meant to be shown."""
    begins = sum(slide.minutes for slide in all_slides[:nth])
    ends, whole = begins + all_slides[nth].minutes, sum(slide.minutes for slide in all_slides)
    time = f" · minute {words.number(begins)} to {words.number(ends)} of {words.number(whole)}"
    return f"{nth + 1} of {len(all_slides)}" + (time if st.session_state.get(LESSON) else "") + " · B: black"


def _turn(slide: int) -> None:
    st.session_state[SLIDE] = slide


def _note() -> None:
    st.session_state[NOTES] = not st.session_state.get(NOTES)
