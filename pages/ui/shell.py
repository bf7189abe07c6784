"""The frame around every page: heading, the current run, messages, the spec to copy, the strip of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from engine.figures import escape
from engine.spec import SpecError, Table, digest, dumps, read_address
from engine.work.presets import PRESETS
from pages.ui import cached, controls, link, person, tall

OWN = Path(__file__).resolve().parent.parent.parent / "assets" / "style.css"
STYLE = f"<style>{OWN.read_text(encoding='utf-8')}{tall.RULES}</style>"
"""The pages' own rules of style, and those of the heights of their charts."""
OFFERED = 100
"""Runs that a menu offers: who has more finds the others on the page Runs."""
RUN = "run"
"""Where a session keeps the digest of the run it looks at; also the URL parameter's name."""
AGAINST = "against"
"""Where it keeps the digest of the run that others are compared against; also the URL parameter's name."""
TAKE = "take"
"""Where another page leaves what the train page's controls are to show: a run's digest, or an encoded spec."""


def write(text: escape.Html, width: Literal["stretch", "content"] = "stretch") -> None:
    """HTML on the page, with the formulas in it set by KaTeX: the only place that hands any to the browser."""
    if escape.SET in text:
        st.markdown(text, unsafe_allow_html=True, width=width)
    else:
        st.html(text, width=width)


def heading(question: str, about: str = "") -> Any:
    """The page's one h1, what it is about now, and, as a container, the place for its menus at the right."""
    style()
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="heading", gap="medium"):
        st.title(escape.markdown(question), anchor=False, width="content")
        write(escape.html("<div class='about' title='{}'>{}</div>", about, about))
        return st.container(horizontal=True, width="content", key="menus", gap="small")


def style() -> None:
    """The pages' own rules of style."""
    st.html(STYLE)


def dark() -> bool:
    """Whether the page is shown in the dark theme."""
    return st.context.theme.type == "dark"


def current() -> str:
    """The digest of the run this session looks at: at first the shipped one."""
    return st.session_state.setdefault(RUN, digest(next(iter(PRESETS.values())).spec))


def receive(
    table: Table, prefix: str, views: Mapping[str, Sequence[str]] | None = None, own: Sequence[str] = ()
) -> dict[str, str] | None:
    """Takes over a state that came with the address: the run, the spec's controls below `prefix`, and a page's `views`
    (name -> allowed values); what the page reads by itself is named in `own`.

    Returns the spec's parameters that came, without those that were wrong: each of these is told in one line and the
    rest is kept. None where no state came, but a stranger's parameters at most.
    """
    came = link.arrived()
    if came is None:
        return None
    came = {name: text for name, text in came.items() if name not in own}
    views = views or {}
    faults = [fault for at in (RUN, AGAINST) if at in came for fault in _open(at, came[at], "RunSpec" in table)]
    for name in [name for name in views if name in came]:
        if came[name] in views[name]:
            st.session_state[f"{prefix}:{name}"] = came[name]
        else:
            faults.append(f"{name}: expected one of {', '.join(views[name])}, got {came[name][:40]!r}")
    reading = read_address(table, {name: text for name, text in came.items() if name not in (RUN, AGAINST, *views)})
    st.session_state["faults"] = faults + reading.faults
    if not reading.kept and not came.keys() & {RUN, *views}:
        return None
    controls.fill(prefix, reading.spec)
    return reading.kept


def _open(at: str, run: str, trains: bool) -> list[str]:
    """Makes a run the current one, or the one that others are compared against; one line of what is wrong with it, if
    anything: on a page that `trains` runs what is missing can be made."""
    try:
        known = cached.store().has(run) or cached.jobs().snapshot(run)
    except SpecError as error:
        return [str(error).replace("run", at, 1)]
    if not known:
        return [
            f"{at}: {run} is not kept here" + ("; train the settings below to make it" if trains and at == RUN else "")
        ]
    st.session_state[at] = run
    return []


def wrong(lines: Sequence[str]) -> None:
    """Adds to what was wrong with the address, which `faults` tells."""
    st.session_state["faults"] = [*st.session_state.get("faults", []), *lines]


def faults() -> None:
    """What was wrong with the address, in one message, and what was refused, each once."""
    if refused := st.session_state.pop(person.REFUSED, ""):
        st.error(escape.markdown(refused))
    if lines := st.session_state.pop("faults", []):
        st.error(escape.markdown(f"This address was read in part. {' · '.join(lines)}"))


def strip(numbers: Sequence[tuple[str, str, str]]) -> None:
    """A thin row of (label, value, its doubt or bound)."""
    cells = (escape.html("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>", *cell) for cell in numbers)
    write(escape.html("<dl class='strip'>{}</dl>", escape.join("{}", cells)))


def empty(sentence: str) -> None:
    """A sentence where there is no picture yet."""
    write(escape.html("<p class='empty'>{}</p>", sentence))


def table(
    head: Sequence[str], rows: Iterable[escape.Html], kind: Literal["rows", "rows checks"] = "rows"
) -> escape.Html:
    """A table under the words of its head."""
    names = escape.join("<th scope='col'>{}</th>", head)
    template = "<table class='{}'><thead><tr>{}</tr></thead><tbody>{}</tbody></table>"
    return escape.html(template, kind, names, escape.join("{}", rows))


def entry(name: str, *cells: str) -> escape.Html:
    """A row of a table, by its name."""
    return escape.html("<tr><th scope='row'>{}</th>{}</tr>", name, escape.join("<td>{}</td>", cells))


def device(about: str | None = None) -> str:
    """A choice among the server's devices, the same on every page."""
    return st.selectbox("Device", cached.jobs().devices, key="device", persist_state="session", help=about)


def spec_menu(spec: Any, name: str) -> None:
    """The spec as JSON, to read, copy and download."""
    with st.popover("Spec", help="What determines this result, as JSON"):
        st.code(dumps(spec), language=None)
        st.download_button(
            "Download JSON",
            dumps(spec),
            f"{name}.json",
            "application/json",
            on_click="ignore",
            key=f"spec.{name}",
            width="stretch",
        )


def run_menu(only: Sequence[str] = ("finished", "stopped", "diverged", "running", "failed")) -> str | None:
    """A choice among the kept runs that have something to look at, and the current one while it is at work; None where
    there is none."""
    kept = {s.digest: s for s in cached.summaries() if s.status in only and s.last}
    if current() not in kept and not cached.at_work(current()):
        if not kept:
            return None
        st.session_state.setdefault(person.REFUSED, _gone(current()))
        st.session_state[RUN] = next(iter(kept))
    offered = [*kept][:OFFERED]
    offered += [current()] * (current() not in offered)

    def label(run: str) -> str:
        status = cached.status(kept[run]) if run in kept else "begun"
        return cached.title(run) if status == "finished" else f"{cached.title(run)} ({status})"

    st.session_state["menu.run"] = current()
    about = f"The newest {OFFERED}; the page Runs finds and opens any other." if len(kept) > len(offered) else None
    return st.selectbox("Run", offered, format_func=label, key="menu.run", on_change=_take, help=about)


def _gone(run: str) -> str:
    """Why a run is shown no more, nor anything made of it; "" of the one that nobody has asked for."""
    now = cached.jobs().snapshot(run)
    why = now.reason if now else ""
    if not why and run == digest(next(iter(PRESETS.values())).spec):
        return ""
    return f"{cached.title(run)}: {why or 'nothing of it is kept'}. This is another run."


def _take() -> None:
    st.session_state[RUN] = st.session_state["menu.run"]
