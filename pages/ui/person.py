"""The person whose page it is: what they start, stop, delete and give, and what of it this server lets them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from engine.spec import SpecError
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.notes import Note
from pages.ui import cached

REFUSED = "refused"
"""Where a session keeps, in one line, what was refused last; `shell.faults` tells it."""
THEIRS = "Only who started it can, on this server."


def public() -> bool:
    """Whether strangers use this server, who may do less."""
    return cached.jobs().settings.public


def start(work: Work, device: str | None = None, fresh: bool = False, asked: bool = True) -> str:
    """Starts work, or joins it where it is being done; its job's id, or "" where that is refused, which the person is
    told if they `asked` for it."""
    with _telling(asked):
        return cached.jobs().start(work, device, fresh, _name())
    return ""


def train(spec: RunSpec, device: str | None, fresh: bool) -> str:
    """Starts a run, and remembers its spec until the store has it; "" where that is refused."""
    run = start(Work(spec), device, fresh)
    if run:
        cached.started()[run] = spec
    return run


def may_change(job: str) -> bool:
    """Whether this person may pause and stop a job."""
    return cached.jobs().may_change(job, _name())


def may_delete(address: str) -> bool:
    """Whether this person may delete a record."""
    return cached.jobs().may_delete(address, _name())


def pause(job: str) -> None:
    """Holds a job."""
    _ask(cached.jobs().pause, job)


def resume(job: str) -> None:
    """Lets a job go on."""
    _ask(cached.jobs().resume, job)


def stop(job: str) -> None:
    """Ends a job."""
    _ask(cached.jobs().stop, job)


def delete(address: str) -> None:
    """Removes a record with all that was computed of it."""
    _ask(cached.jobs().delete, address)


def note(run: str, written: Note) -> None:
    """Keeps what this person writes about a run."""
    with _telling():
        cached.jobs().note(run, written, _name())


def give_file() -> None:
    """Counts a file that this person gives; SpecError where they have given as many as they may."""
    cached.jobs().persons.upload(_name())


def _ask(command: Callable[[str, str], None], address: str) -> None:
    with _telling():
        command(address, _name())


@contextmanager
def _telling(asked: bool = True) -> Iterator[None]:
    """Keeps what was refused within, to be told."""
    try:
        yield
    except SpecError as error:
        if asked:
            st.session_state[REFUSED] = str(error)


def _name() -> str:
    """The same for all of a session, and nothing that anybody else could guess."""
    return st.session_state.setdefault("owner", secrets.token_hex(8))
