"""Which figures belong together? Those put aside on other pages as panels of one, as it will be printed."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from engine.figures import escape
from engine.figures.render import composed
from engine.figures.theme import PAPERS
from engine.spec import fingerprint
from pages.ui import clipboard, download, link, shell, tray

AT = "composed"
EMPTY = "No figure is here yet: on any other page, choose one in the menu Export and press “Add to figure”."
GALLERY = Path(__file__).parents[1] / "assets" / "gallery"
EXAMPLE = ("landscape-of-four-rules", "sharpness-of-four-rules", "four-rules")
"""Pictures of the gallery: what may stand side by side."""
ARRANGED: dict[str, dict[str, Any]] = {
    "columns": {"1": 1, "2": 2, "3": 3},
    "serif": {"true": True},
    "common": {"false": False},
    "paper": {name: name for name in list(PAPERS)[1:]},
}
"""How an address says what is not as usual, with what the session then has."""
LEAST, HIGHEST, NARROW = 0.8, 9.5, 4.0
"""Inches: the height of a row and of a whole figure, and the width below which panels usually stand in one column."""


def adopt() -> None:
    """Takes over the panels and their arrangement that an address names."""
    came, state = link.arrived() or {}, st.session_state
    if (name := came.get("panels", "")) and name != tray.name() and not tray.adopt(name):
        shell.wrong(["panels: this server no longer has them"])
    for field, read in ARRANGED.items():
        if came.get(field) in read:
            state[f"{AT}:{field}"] = read[came[field]]
            choose(f"{AT}:{field}")
    with suppress(ValueError):
        height = float(came.get("height", "nan"))
        if LEAST <= height <= HIGHEST:
            state[tall()] = height
            choose(tall())


def address() -> dict[str, str]:
    """What the address says of them."""
    state, named = st.session_state, ((field, *each) for field, read in ARRANGED.items() for each in read.items())
    said = {field: text for field, text, value in named if state.get(f"{AT}:{field}") == value}
    height = {"height": f"{state[tall()]:g}"} if state.get(f"{tall()}:chosen") else {}
    return {"panels": tray.name()} | said | height


def tall() -> str:
    """Where the height is kept of as many panels in as many columns."""
    return f"{AT}:height:{len(tray.panels())}:{st.session_state[f'{AT}:columns']}"


def arrangement(panels: list[tray.Panel], width: float) -> composed.Sheet:
    """How the panels are arranged."""
    across = f"{AT}:columns"
    if not st.session_state.get(f"{across}:chosen"):
        st.session_state[across] = 1 if width < NARROW else 2
    kept: dict[str, Any] = {"required": True, "persist_state": "session", "on_change": choose, "args": (across,)}
    st.segmented_control("Columns", range(1, 4), key=across, **kept)
    serif, common, key = st.session_state.get(f"{AT}:serif", False), st.session_state[f"{AT}:common"], tall()
    sheet = composed.Sheet(st.session_state[across], width, 0.0, serif, common)
    least = min(LEAST * composed.rows([panel.drawing for panel in panels], sheet), composed.MOST)
    if not st.session_state.get(f"{key}:chosen"):
        st.session_state[key] = usual(panels, sheet)
    st.session_state[key] = max(st.session_state[key], least)
    height = st.number_input(
        "Height (in)",
        least,
        HIGHEST,
        step=0.1,
        key=key,
        format="%.1f",
        help="Of the whole figure, in inches; a letter page has room for 9.",
        persist_state="session",
        on_change=choose,
        args=(key,),
    )
    serif = st.checkbox("Serif", key=f"{AT}:serif", help="Letters with serifs.", persist_state="session")
    told = "Charts of the same quantity have axes with the same ends."
    common = st.checkbox("Common axes", key=f"{AT}:common", help=told, persist_state="session")
    return composed.Sheet(sheet.columns, width, height, serif, common)


def usual(panels: list[tray.Panel], sheet: composed.Sheet) -> float:
    """The height that a figure has unless somebody chooses one, found once for the same panels."""
    shown = fingerprint({"panels": named(panels), "sheet": list(sheet)})
    if st.session_state.get(f"{AT}:usual", ("", 0.0))[0] != shown:
        st.session_state[f"{AT}:usual"] = shown, composed.usual_height([panel.drawing for panel in panels], sheet)
    return st.session_state[f"{AT}:usual"][1]


def choose(key: str) -> None:
    """Notes that somebody chose what stands under a key."""
    st.session_state[f"{key}:chosen"] = True


def named(panels: list[tray.Panel]) -> list[str]:
    """The panels by their names and by what they show."""
    return [f"{panel.drawing.name} {panel.drawing.source}" for panel in panels]


def listed(panels: list[tray.Panel]) -> None:
    """The panels by their letters, with what can be done with each."""
    for nth, panel in enumerate(panels):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall", key=f"panel-{nth}"):
            st.markdown(f"**{escape.markdown(composed.letter(nth))}** {escape.markdown(panel.name)}", width="stretch")
            named: dict[str, Any] = {
                "key": f"{AT}:forward:{nth}",
                "help": f"Puts {composed.letter(nth)} before the one above it",
            }
            st.button(
                "", on_click=tray.forward, args=(nth,), icon=":material/arrow_upward:", disabled=nth == 0, **named
            )
            named = {"key": f"{AT}:remove:{nth}", "help": f"Removes {composed.letter(nth)}"}
            st.button("", on_click=tray.remove, args=(nth,), icon=":material/close:", **named)


def files(panels: list[tray.Panel], sheet: composed.Sheet, wanted: download.Print) -> None:
    """The figure as files, each made at the click."""
    drawings = [panel.drawing for panel in panels]
    name = f"figure-{fingerprint({'panels': named(panels), 'sheet': list(sheet)})}"
    with st.container(horizontal=True, gap="xsmall"):
        for form, mime in download.MIME.items():
            data = partial(composed.export, drawings, sheet, form, wanted.clear, wanted.times)
            download.button(form, data, mime, AT, name)
        texts = {"txt": composed.caption, "tex": partial(composed.environment, file=name)}
        for form, make in texts.items():
            download.button(form, partial(_text, make, drawings), download.TEXTS[form], AT, name)
        png = partial(composed.export, drawings, sheet, "png", wanted.clear, wanted.times)
        clipboard.copies(AT, png)


def _text(make: Callable[[composed.Drawings], str], drawings: composed.Drawings) -> bytes:
    return make(drawings).encode()


def example() -> None:
    """What is said, and shown, where there is no panel yet."""
    shell.write(escape.html("<p>{}</p>", EMPTY))
    for column, name in zip(st.columns(len(EXAMPLE), vertical_alignment="center"), EXAMPLE, strict=True):
        said = f"For example: {name.replace('-', ' ')}"
        column.image(str(GALLERY / f"{name}.png"), width="stretch", caption=said, alt=said)


def main() -> None:
    """The panels and their arrangement at the left, the figure at the right."""
    for field, value in (("columns", 2), ("common", True)):
        st.session_state.setdefault(f"{AT}:{field}", value)
    adopt()
    panels = tray.panels()
    with st.sidebar:
        wanted = download.options(AT, letters=False)
        sheet = arrangement(panels, wanted.width) if panels else None
        listed(panels)
    shell.heading("Which figures belong together?", f"{len(panels)} of at most {tray.MOST} panels")
    shell.faults()
    link.write(address() if panels else {})
    if sheet is None:
        example()
        return
    files(panels, sheet, wanted)
    drawings = [panel.drawing for panel in panels]
    picture = composed.export(drawings, sheet, "png", wanted.clear, wanted.times)
    words = composed.caption(drawings)
    if lost := composed.too_small(drawings, sheet):
        some = ", ".join(f"“{text}”" for text in lost[:3])
        told = f"Too small: words are cut off or lie on each other ({some}{', …' if len(lost) > 3 else ''})."
        st.warning(escape.markdown(f"{told} More width or height, or fewer columns, make room."))
    st.image(picture, width=round(sheet.width * 120), alt=words)
    shell.write(escape.html("<p class='caption'>{}</p>", words))


main()
