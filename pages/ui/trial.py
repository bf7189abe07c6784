"""Trials: an experiment on a page, with how far it is, its pictures, its checks, and the prediction that a reader
makes before they are shown."""

from __future__ import annotations

import math
from typing import NamedTuple

import streamlit as st

from engine.experiments import EXPERIMENTS, Check, Experiment, current
from engine.figures import escape, words
from engine.figures.beneath import beneath
from engine.figures.drawing import Chart, Drawing
from engine.figures.render import bands
from engine.records import Result
from engine.spec import decode, digest, encode
from engine.work import references
from engine.work.kinds import Work
from engine.work.snapshot import Snapshot
from pages.ui import cached, citations, controls, live, motion, person, prediction, shell

SIGNS = {"holds": "✓", "fails": "✗", "pending": "…", "not applicable": "–"}
SEALED = "Predict first: drag the line and press Reveal."
PREDICT = f"{citations.AT}:predict"
"""Whether the reader wants to predict."""
STARTED = f"{citations.AT}:started"
"""Where the session keeps the spec that its reader has started last."""
REFERENCE = (-1,)
"""The version of a result that came with the app; of a record it is never one."""
BACK = f"{citations.AT}:back"
"""Whether to go back to that."""


class View(NamedTuple):
    """An experiment now."""

    experiment: Experiment
    name: str  # its digest
    result: Result  # empty before there is anything
    version: tuple[int, ...]  # of the result
    job: Snapshot | None
    reference: bool = False  # whether the result came with the app, because none has been made here

    @property
    def shown(self) -> Experiment:
        """The experiment whose result it is: a reference's is the usual one."""
        return type(self.experiment)() if self.reference else self.experiment

    @property
    def performed(self) -> bool:
        """Whether there is a complete result that was made here."""
        return self.result.complete and not self.reference

    @property
    def active(self) -> bool:
        """Whether it is at work."""
        return bool(self.job and self.job.active)


def watch(experiment: Experiment) -> View:
    """The experiment as the store and its job have it; where they have nothing, and its settings are the usual ones,
    the reference."""
    address = Work(experiment).address
    job = cached.jobs().snapshot(address)
    # the version is read before the result: what is made of a result that is older than its version would be kept for
    # the new one
    version = cached.version(address)
    kept = cached.record(address, growing=bool(job and job.active))
    result = current(experiment, kept if isinstance(kept, Result) else None)
    known = None if result.arrays or (job and job.active) or experiment.unusual else _reference(experiment)
    if known is not None:
        return View(experiment, digest(experiment), known, REFERENCE, job, True)
    return View(experiment, digest(experiment), result, version, job)


def _reference(experiment: Experiment) -> Result | None:
    """What came with the app of an experiment of this class."""
    name = type(experiment).__name__
    return cached.drawn(f"reference@{name}", REFERENCE, False, lambda: references.reference(experiment))


def start(experiment: Experiment, device: str | None) -> None:
    """Performs an experiment, or joins it where it is at work."""
    if person.start(Work(experiment), device):
        st.session_state[STARTED] = encode(experiment)


def behind(view: View) -> Snapshot | None:
    """The experiment that this reader has started with other settings, while it is still at work."""
    started = st.session_state.get(STARTED)
    now = cached.jobs().snapshot(Work(decode(EXPERIMENTS, started)).address) if started else None
    return now if now and now.active and now.id != Work(view.experiment).address else None


def bar(view: View) -> None:
    """How far it is, with a way to cancel it; or what became of it."""
    with st.container():  # always there, so that what follows is not mounted anew
        now = view.job
        if now and now.active:
            with st.container(horizontal=True, vertical_alignment="center", key="bar", gap="small"):
                st.progress(min(now.done / max(now.total, 1), 1.0), escape.markdown(live.far(now, "steps")))
                if person.may_change(now.id):
                    st.button("Cancel", on_click=person.stop, args=(now.id,), key="cancel")
        elif now and now.status in ("failed", "stopped"):
            st.warning(
                "Cancelled."
                if now.status == "stopped"
                else f"This could not be performed: {escape.markdown(now.reason)}"
            )
        note(view)
        if other := behind(view):
            with st.container(horizontal=True, vertical_alignment="center", key="behind", gap="small"):
                st.caption(
                    f"What you started with other settings is still at work: {other.done:,} of {other.total:,} steps."
                )
                if st.button("Show it", key="behind-show"):
                    st.session_state[BACK] = True
                    st.rerun(scope="app")  # the settings stand outside of what is drawn anew every second
                if person.may_change(other.id):
                    st.button("Cancel it", on_click=person.stop, args=(other.id,), key="behind-cancel")


def back() -> None:
    """Goes back to what was started last, with its settings, if that was asked for; to be called before the controls
    are drawn."""
    if not st.session_state.pop(BACK, False):
        return
    started = decode(EXPERIMENTS, st.session_state[STARTED])
    st.session_state[citations.OPEN] = name = type(started).__name__
    controls.fill(f"{citations.AT}.{name}", started)


def title(view: View) -> str:
    """The experiment's title, which says so where what is shown was not made here."""
    return f"{view.experiment.title} (reference)" if view.reference else view.experiment.title


def note(view: View) -> None:
    """Where what is shown came with the app, a line that says so."""
    known = view.result if view.reference else _reference(view.experiment)
    if known is None or view.performed:
        return
    if not view.reference:
        st.caption("Faint: the reference, which came with the app, at the usual settings.")
        return
    verdict = references.verdict(type(view.experiment).__name__).words
    made = f"Reference: performed at quick size on {known.made.get('when', '')[:10]}, and kept with the app."
    st.caption(escape.markdown(f"{made} At full size {verdict}."))


def pictures(view: View, sealed: bool = False) -> tuple[Drawing, ...]:
    """The experiment's figures, made once for all who look, while they are not complete over the reference's; where the
    reader is to predict first, charts without a curve."""
    drawn = cached.drawn(f"pictures@{view.name}", view.version, False, lambda: _pictures(view))
    return (
        tuple(Chart(d.name, d.title, d.x_label, d.y_label, (), words.sentence(d.title), note=SEALED) for d in drawn)
        if sealed
        else drawn
    )


def _pictures(view: View) -> tuple[Drawing, ...]:
    drawn, known = view.shown.pictures(view.result), _reference(view.experiment)
    if view.result.complete or known is None:
        return drawn
    return beneath(drawn, type(view.experiment)().pictures(known))


def judged(view: View) -> tuple[Check, ...]:
    """Its checks, made once for all who look."""
    return cached.drawn(f"checks@{view.name}", view.version, False, lambda: view.shown.checks(view.result))


def figure(view: View, nth: int, height: int, sealed: bool, text: int = 13, fluid: bool = False) -> None:
    """One of the figures, growing while the experiment is at work; `text` and `fluid` are as in `motion.draw`."""
    drawing = pictures(view, sealed)[nth]
    keep = f"{view.name}/{drawing.name}/{sealed}/{text}/{view.reference}"
    motion.draw(f"figure{nth}", keep, view.version, height, drawing, text, fluid)


def checks(view: View, sealed: bool = False) -> None:
    """The table: claimed, predicted, accepted, measured, verdict; hidden while the reader predicts, for its claims
    give the answer away."""
    if sealed:
        st.caption("The checks are shown with the curves.")
        return
    found, complete = judged(view), view.result.complete
    spreads = [_spread(check) for check in found]
    seeds = any(spreads)
    head = ("Verdict", "Claimed", "Predicted", "Accepted", "Measured", *["Over the seeds"] * seeds)
    rows = [_row(check, complete, *[spread] * seeds) for check, spread in zip(found, spreads, strict=True)]
    shell.write(shell.table(head, rows, "rows checks"))


def _spread(check: Check) -> str:
    """How far the values of several seeds lie apart; "" of a single one."""
    low, high = check.spread
    number, several = words.number, len(check.values) > 1 and math.isfinite(low)
    return f"{number(low)} to {number(high)}, {len(check.values)} runs" if several else ""


def _row(check: Check, complete: bool, *spread: str) -> escape.Html:
    verdict, number = check.verdict(complete), words.number
    shown = verdict if check.claimed or verdict != "fails" else "does not hold here"
    unit = f" {check.unit}" if check.unit and math.isfinite(check.measured) else ""
    drawn = bands.picture(check.values if not check.void else (), check.low, check.high)
    accepted = escape.html("{}{}", check.accepted, drawn)
    claim, predicted = map(escape.formula, (check.claim, check.predicted))
    cells = (claim, predicted, accepted, number(check.measured, 4) + unit, *spread)
    sign = SIGNS[verdict] if check.claimed or verdict != "fails" else "○"
    note = check.void or check.note
    told = escape.html("<br><small>{}</small>", note) if note else ""
    first, *rest = cells
    kind = "finding" if shown == "does not hold here" else verdict.replace(" ", "-")
    row = "<tr class='{}'><td><b>{}</b> {}</td><th scope='row'>{}{}</th>{}</tr>"
    return escape.html(row, kind, sign, shown, first, told, escape.join("<td>{}</td>", rest))


def sealed(view: View) -> bool:
    """Whether the reader is still to predict: what would tell the answer is hidden."""
    return _asked(view) and _guess(view) not in st.session_state


def _asked(view: View) -> bool:
    return type(view.experiment).question is not None and bool(st.session_state.get(PREDICT))


def _guess(view: View) -> str:
    return f"{citations.AT}:guess@{view.name}"


def quiz(view: View) -> None:
    """The reader's prediction, where it is asked for, and once it is made what became of it."""
    question, key = type(view.experiment).question, _guess(view)
    if question is None or not _asked(view):
        return
    check, number = judged(view)[question.check], words.number
    locked, said = key in st.session_state, f"{key}:said"
    with st.container(key="quiz"):
        with st.container(horizontal=True, vertical_alignment="center"):
            shell.write(escape.html("<p class='question'>{}</p>", question.text))
            if locked:
                st.button("Predict again", on_click=_unlock, args=(key,), key=f"{key}:again")
            else:
                st.button("Reveal", type="primary", on_click=_lock, args=(key, said), key=f"{key}:reveal")
        guess = prediction.ask(said, question, check, locked)
    if not locked:
        return
    measured = number(check.measured, 4) if math.isfinite(check.measured) else "not measured yet: press Run"
    shell.strip(
        [("You said", number(guess, 4), ""), ("Theory or paper", check.predicted, ""), ("Measured", measured, "")]
    )


def _lock(key: str, said: str) -> None:
    st.session_state[key] = st.session_state[said]


def _unlock(key: str) -> None:
    st.session_state.pop(key, None)
