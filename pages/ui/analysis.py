"""Analyses of a kept run: which run and checkpoint, what is asked, how far it is, and what there is to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from engine.figures import escape, words
from engine.figures.drawing import Drawing
from engine.spec import SpecError, decode, describe, digest, flatten
from engine.training.runs import RunSpec
from engine.work.kinds import KINDS, Work
from pages.ui import against, cached, download, link, live, person, price, second, shell
from pages.ui.paired import Pair, Shown, Subject, both, called, label, one_of
from pages.ui.rhythm import QUICK

OTHERS = ", of the other run"
"""How the title ends of a figure of the run that is compared against."""


@dataclass(frozen=True)
class Page:
    """One analysis's page."""

    kind: str  # one of KINDS: also the start of its widgets' keys
    question: str
    button: str
    empty: str  # what to say before anything was computed
    waiting: str  # what to say while the first part is on its way
    settings: Callable[[Subject], Any]  # draws the controls; the spec they describe, or None
    numbers: Callable[[Any], Sequence[tuple[str, str, str]]]  # a record's, for `shell.strip`
    picture: Callable[[Subject, Any, str, tuple[int, ...]], None]  # draws a record, given its address and its version
    drawings: Callable[[Subject, Any], Mapping[str, download.Draw]]  # every figure of a record by its title
    pairs: Mapping[str, Pair]  # the figures of two runs, by the titles or by names
    paired: Callable[[Shown, Shown], None]  # draws them
    solid: Sequence[str] = ()  # the titles of those that leave as surfaces, too
    # the name of what is shown, and begun, without being asked for; else what is wanted, where it takes little
    first: Callable[[Subject], str] | None = None
    # choices that are not the spec's, kept under "kind:name"
    views: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def show(self) -> None:
        """Controls at the left, the picture at the right, and the address."""
        shell.receive(KINDS[self.kind].specs, self.kind, self.views)
        with st.sidebar:
            about = subject()
            wanted = self.settings(about) if about else None
            if about:
                _begin(self.kind, self.button, about, wanted)
        menus = shell.heading(self.question, words.brief(about.spec) if about else "")
        shell.faults()
        if about is None:
            if not cached.at_work(shell.current()):
                return _nothing()
            live.ticking(_begun, True)
            self._dimmed()
            return link.write({shell.RUN: shell.current()})
        begin = self.first or partial(_by_itself, self.kind, wanted)
        name = _shown(self.kind, about, wanted) or begin(about)
        other = second.run_of(about)
        with menus:
            against.menu(about.run)
            shell.spec_menu(wanted or about.spec, f"{about.run}-{self.kind}")
            made = self._made(about, other, name) if name else {}
            seen = next((str(st.session_state[f"{self.kind}:{view}"]).capitalize() for view in self.views), "")
            solid = [title for title in made if title.removesuffix(OTHERS) in self.solid]
            download.menu(made, self.kind, f"{about.run}-{name}", solid, seen)
        if name:
            uncounted = bool(other and second.begin(self.kind, about, other, name))
            at_work = uncounted or any(_active(one, name) for one in (about, other) if one)
            live.ticking(partial(self._look, about, other, name), at_work, QUICK)
        else:
            uncounted = wanted is not None and cached.cost(Work(wanted, about.run)) is None
            live.ticking(partial(_invite, self.kind, about, wanted, self.button, self.empty), uncounted)
            self._dimmed()
        views = {view: st.session_state[f"{self.kind}:{view}"] for view in self.views}
        settings = link.settings(self.kind, flatten(wanted) if wanted else None)
        link.write({shell.RUN: about.run} | against.address() | views | settings)

    def _look(self, about: Subject, other: Subject | None, name: str) -> bool:
        """How far the analysis of a name is, and what there is of it, beside the same of the run that is compared
        against; whether it is still at work."""
        unit = KINDS[self.kind].unit
        at_work = bar(f"{about.run}/{name}", unit)
        mine, theirs = shown(about, name), shown(other, name) if other else None
        if mine is None:
            shell.empty(self.waiting if at_work else self.empty)
            return at_work
        if other is not None:
            at_work |= second.begin(self.kind, about, other, name)
            at_work |= bar(f"{other.run}/{name}", unit, "against.bar")
        if theirs is not None:
            self._together(mine, theirs)
            return at_work
        if other is not None and not _active(other, name):
            second.lacking(self.kind, mine, other)
        st.session_state[f"{self.kind}:last"] = about.run, name
        shell.strip(self.numbers(mine.record))
        self.picture(*mine)
        return at_work

    def _dimmed(self) -> None:
        """What the page has shown last, or else what it shows of the run that ships, where there is nothing yet."""
        usual = next(iter(KINDS[self.kind].specs.values()))()
        run, name = st.session_state.get(f"{self.kind}:last", (digest(RunSpec()), digest(usual)))
        before, spec = cached.run(run), cached.spec(run)
        one = shown(Subject(run, before, spec), name) if before and spec else None
        if one is not None:
            label(f"Below, dimmed: the same of another run, {cached.title(run)}.")
            with st.container(key="dimmed"):
                self.picture(*one)

    def _together(self, mine: Shown, theirs: Shown) -> None:
        """The numbers of both, and their figures on equal axes."""
        for one, name in zip((mine, theirs), called(mine, theirs), strict=True):
            shell.strip([("Run", name, ""), *self.numbers(one.record)])
        self.paired(mine, theirs)

    def _made(self, about: Subject, other: Subject | None, name: str) -> dict[str, download.Draw]:
        """Every figure of the page by its title; where there are two runs, on equal axes."""
        mine, theirs = shown(about, name), shown(other, name) if other else None
        made = dict(self.drawings(about, mine.record)) if mine else {}
        if mine is None or theirs is None:
            return made
        for key, pair in self.pairs.items():
            title = key if key in made else both(pair, mine, theirs)[0].title
            made[title] = partial(one_of, pair, mine, theirs, 0)
            made[title + OTHERS] = partial(one_of, pair, mine, theirs, 1)
        return made


def subject() -> Subject | None:
    """A choice of the run; None, with a way out, where there is none."""
    run = shell.run_menu()
    record, spec = (cached.run(run), cached.spec(run)) if run else (None, None)
    return Subject(run, record, spec) if run and record and spec and len(record.path) else None


def shown(about: Subject, name: str) -> Shown | None:
    """The analysis of a name, where there is anything of it."""
    address = f"{about.run}/{name}"
    # the version is read before the record, as `cached.version` says
    version, found = cached.version(address), record(about, name)
    return Shown(about, found, address, version) if found is not None else None


def _nothing() -> None:
    """The page without a run."""
    st.info("There is no run to look at yet. Train one first; it takes seconds.")
    if st.button("Train a run", type="primary"):
        st.switch_page("pages/train.py")


def _begun() -> bool:
    """The page of a run of which nothing is kept yet; whether that is still so."""
    shell.empty("This run has just begun, or waits for its turn: it is to be seen here once it has been measured.")
    record = cached.run(shell.current())
    return cached.at_work(shell.current()) and not (record and len(record.path))


def checkpoint(prefix: str, about: Subject) -> int:
    """A choice among the measured points of the path; -1 is the last."""
    steps, key = about.record.steps, f"{prefix}.checkpoint@{about.run}"
    last, given = len(steps) - 1, st.session_state.pop(f"{prefix}.checkpoint", None)
    if given is not None and given > last:
        shell.wrong([f"checkpoint: the last of this run is {last}, got {given}"])
    if given is not None or not 0 <= st.session_state.get(key, -1) <= last:
        st.session_state[key] = given if given is not None and 0 <= given <= last else last
    if last == 0:
        st.caption(f"Checkpoint: step {steps[0]:,}, the only one.")
        return -1
    row = st.select_slider(
        "Checkpoint", range(last + 1), format_func=lambda i: f"step {steps[i]:,}", key=key, persist_state="session"
    )
    return -1 if row == last else row


def checked(kind: str, values: dict[str, Any]) -> Any:
    """The spec that the controls' values describe; None, with the reason on the page, where there is none."""
    try:
        return decode(KINDS[kind].specs, values)
    except SpecError as error:
        st.error(escape.markdown(error))
        return None


def _begin(kind: str, label: str, about: Subject, wanted: Any) -> None:
    """The device and the button that starts the work."""
    device = shell.device("Where it is computed; the first is used unless you choose.")
    fits = wanted is not None and price.within(Work(wanted, about.run), device)
    # not on_click, whose arguments were read before what is typed last
    if st.button(label, type="primary", width="stretch", disabled=not fits, key="compute") and fits:
        start(kind, about.run, wanted, device)
    if fits:
        price.tell(Work(wanted, about.run), device)
    if (
        wanted is not None
        and (seen := st.session_state.get(f"{kind}:shown", {}).get(about.run))
        and seen != digest(wanted)
    ):
        st.caption("These settings differ from what is shown.")


def _by_itself(kind: str, wanted: Any, about: Subject) -> str | None:
    """Begins what is wanted of a run that has ended, if it is known to take little; its name."""
    work = Work(wanted, about.run) if wanted is not None and not cached.at_work(about.run) else None
    if work is None or not price.little(work):
        return None
    if not person.start(work, st.session_state.get("device"), asked=False):
        return None
    st.session_state[f"{kind}:shown"] = {about.run: digest(wanted)}
    return digest(wanted)


def _invite(kind: str, about: Subject, wanted: Any, label: str, sentence: str) -> bool:
    """The page before anything was computed, with what that will take; whether this is still being counted."""
    shell.empty(sentence)
    with st.container(horizontal_alignment="center"):
        if st.button(label, disabled=wanted is None, key="invite") and wanted is not None:
            start(kind, about.run, wanted, st.session_state.get("device"))
            st.rerun()
        if wanted is None:
            return False
        price.tell(Work(wanted, about.run), st.session_state.get("device") or cached.jobs().devices[0])
    return cached.cost(Work(wanted, about.run)) is None


def start(kind: str, run: str, wanted: Any, device: str | None) -> None:
    """Starts the work that is wanted of a run, and has the page show it."""
    if person.start(Work(wanted, run), device):
        st.session_state[f"{kind}:shown"] = {run: digest(wanted)}


def _shown(kind: str, about: Subject, wanted: Any) -> str | None:
    """The name of the analysis to show: the wanted one where it was begun, else the last one shown of this run."""
    name, seen = digest(wanted) if wanted else None, st.session_state.get(f"{kind}:shown", {})
    if name and (record(about, name) is not None or cached.jobs().snapshot(f"{about.run}/{name}")):
        seen = st.session_state[f"{kind}:shown"] = {about.run: name}
    return seen.get(about.run)


def record(about: Subject, name: str) -> Any:
    """The analysis of a name as last written, growing while it is at work; None where there is none."""
    return cached.record(f"{about.run}/{name}", growing=_active(about, name))


def _active(about: Subject, name: str) -> bool:
    """Whether the analysis is at work."""
    return cached.at_work(f"{about.run}/{name}")


def drawings(table: Mapping[str, Callable[..., Drawing]], about: Subject, record: Any) -> dict[str, download.Draw]:
    """The figures of a table, each a function of a record and its run's encoded spec, by their titles."""
    described = describe(about.spec)
    return {draw(record, described).title: partial(draw, record, described) for draw in table.values()}


def bar(job: str, what: str, key: str = "bar") -> bool:
    """How far a job is, with a way to cancel it, or one line where it failed or was cancelled; whether it is still at
    work. `key` is its own on the page."""
    now = cached.jobs().snapshot(job)
    with st.container():  # always there: figures that moved up when it ends would be mounted anew, and lose their view
        if now and now.active:
            with st.container(horizontal=True, vertical_alignment="center", key=key, gap="small"):
                st.progress(min(now.done / max(now.total, 1), 1.0), escape.markdown(live.far(now, what)))
                if person.may_change(job):
                    st.button(
                        "Cancel", on_click=person.stop, args=(job,), key="cancel" if key == "bar" else f"{key}.cancel"
                    )
        elif now and now.status in ("failed", "stopped"):
            ended = "Cancelled" if now.status == "stopped" else "This could not be computed"
            st.warning(escape.markdown(f"{ended}: {now.reason or what}"))
    return bool(now and now.active)
