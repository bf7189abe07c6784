"""Obtaining data: what a set needs before it can be trained on here, a download or a file of one's own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from engine.data import SOURCES, OwnFile, download, here, keep
from engine.figures import escape, words
from engine.spec import SpecError
from engine.training.runs import RunSpec
from pages.ui import controls, live, person

OWN, MEGABYTES = OwnFile.__name__, 5
HELP = (
    "CSV: an example in a row, its class in the last column; a header if you like. NPZ: x [N, D], or images x [N, C, "
    "S, S], and whole numbers y [N]."
)


@dataclass
class Download:
    """A download of this server, which goes on whoever watches; `fault` says in one line how it failed."""

    name: str
    done: int = 0
    total: int = 0
    fault: str = ""
    active: bool = True

    def run(self) -> None:
        """Downloads the set, in a thread of its own; raises nothing, but leaves `fault`."""
        try:
            for done, total in download(self.name):
                self.done, self.total = done, total
        except SpecError as error:
            self.fault = str(error)
        except Exception as error:  # a full disk, say
            self.fault = f"data: {self.name} could not be downloaded ({type(error).__name__})"
        self.active = False


DOWNLOADS: dict[str, Download] = {}
"""The last download of each set, for all sessions."""


def offer(data: Mapping[str, Any], prefix: str) -> None:
    """What can be done for the dataset that is chosen, given its values; `prefix` is where the controls of a problem's
    data keep theirs."""
    with st.container():  # always there, so that the controls below are not mounted anew when it fills
        _offer(data, prefix)


def _offer(data: Mapping[str, Any], prefix: str) -> None:
    name = data.get("name", "")
    if name in SOURCES and (not here(name) or _active(name)):
        _described(name)
        if _active(name):
            live.ticking(lambda: _progress(DOWNLOADS[name]), True)
        elif person.public():
            st.caption("Only who runs this server can download it.")
        else:
            _button(name)
    elif name == OWN:
        key = f"{prefix}:file"
        st.file_uploader(
            "Your file",
            type=["csv", "npz"],
            max_upload_size=MEGABYTES,
            key=key,
            on_change=_take,
            args=(key, f"{prefix}.{OWN}"),
            help=HELP,
        )
        if fault := st.session_state.get(f"{key}:fault"):
            st.error(escape.markdown(fault))
        digest, line = st.session_state.get(f"{key}:read", ("", ""))
        if digest and digest == data.get("digest"):
            st.caption(escape.markdown(line))


def awaited(problem: Mapping[str, Any]) -> bool:
    """Whether a problem's values want a file of one's own that nobody has given yet."""
    data = problem.get("data", {})
    return data.get("name") == OWN and not data.get("digest")


def missing(spec: RunSpec) -> bool:
    """Whether a run cannot start before its data is downloaded."""
    name = type(getattr(spec.problem, "data", None)).__name__
    return name in SOURCES and not here(name)


def _described(name: str) -> None:
    source = SOURCES[name]
    size = f"about {source.size / 1e6:.0f} MB from {source.host}"
    terms = f"Licence: {source.licence}. Cite: {source.citation}."
    st.caption(escape.markdown(f"{words.title(name)} is not on this machine yet: {size}. {terms}"))


def _active(name: str) -> bool:
    return name in DOWNLOADS and DOWNLOADS[name].active


def _progress(known: Download) -> bool:
    """How far a download is; whether it is under way."""
    arrived = known.done >= known.total > 0
    st.progress(
        min(known.done / max(known.total, 1), 1.0),
        f"{'Unpacking' if arrived else 'Downloading'}: {known.done / 1e6:.1f} MB",
    )
    return known.active


def _button(name: str) -> None:
    """In no fragment: what follows a click is drawn by the whole page."""
    if name in DOWNLOADS and DOWNLOADS[name].fault:
        st.error(escape.markdown(DOWNLOADS[name].fault))
    st.button("Download", on_click=_begin, args=(name,), key=f"obtain:{name}", width="stretch")


def _begin(name: str) -> None:
    if not _active(name) and not person.public():
        DOWNLOADS[name] = Download(name)
        threading.Thread(target=DOWNLOADS[name].run, daemon=True).start()


def _take(key: str, prefix: str) -> None:
    """Keeps the file that was given, sets the controls to it and says what was read; or says what is wrong with it.

    A file that was refused or taken away leaves none in use, not the one before it.
    """
    file, data, line, fault = st.session_state[key], OwnFile(), "", ""
    try:
        if file is not None:
            person.give_file()
            data, read = keep(file.getbuffer(), file.name)
            line = f"Read: {read}."
    except SpecError as error:
        fault = str(error)
    controls.fill(prefix, data)
    st.session_state[f"{key}:fault"], st.session_state[f"{key}:read"] = fault, (data.digest, line)
