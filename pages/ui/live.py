"""Live views: what there is to see of a run or a job now, from the server's job or else from the store; timers tick
only while something is at work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from engine.figures import charts, escape, words
from engine.figures.words import has_classes, has_data
from engine.spec import describe
from engine.training.runs import RunSpec
from engine.work.perform import ELSEWHERE
from engine.work.snapshot import Snapshot
from pages.ui import cached, person, rhythm
from pages.ui.rhythm import TICK

STATUS = {"queued": "Waiting for the worker", ELSEWHERE: "At work elsewhere"}
"""What a bar calls a status, where that is not the word itself."""


@dataclass(frozen=True)
class View:
    """A run now; `columns` are its measurements by name, [T] each."""

    spec: RunSpec
    status: str
    reason: str
    device: str
    done: int
    rate: float
    left: float
    active: bool
    columns: Mapping[str, np.ndarray]
    # of the columns, which grow once a tick at most: the same for all who look within one, and for as long as nothing
    # new is measured, so that their charts are made once
    version: tuple

    @property
    def resumable(self) -> bool:
        """Left by a server that died, or stopped: it can go on from its last checkpoint."""
        return not self.active and self.status in ("interrupted", "stopped", "failed") and self.done < self.spec.steps


def watch(run: str) -> View | None:
    """The run as its job has it, else as the store has it; None where neither knows it."""
    now, spec = cached.jobs().snapshot(run), cached.spec(run)
    if spec is None:
        return None
    if now and now.status != ELSEWHERE and (now.active or now.frames):
        at = int(time.monotonic() / TICK) if now.active else now.version
        columns = cached.drawn(f"columns@{run}", (at, now.status), False, lambda: charts.columns(now.frames))
        version = (len(columns["step"]), now.status, now.device)
        why, left = now.reason or queue(now), now.left if now.status == "running" else math.nan
        return View(spec, now.status, why, now.device, now.done, now.rate, left, now.active, columns, version)
    kept = cached.version(run)
    record = cached.run(run)
    if record is None:
        return _nothing_yet(spec, now) if now else None
    elsewhere, device = bool(now and now.active), str(record.made.get("device", ""))
    status = record.status if record.status != "running" else ELSEWHERE if elsewhere else "interrupted"
    columns = charts.columns(record)
    return View(spec, status, record.reason, device, record.step, math.nan, math.nan, elsewhere, columns, kept)


def queue(now: Snapshot) -> str:
    """Where a job stands that waits, and about how long it will; "" for one that does not."""
    if not math.isfinite(now.wait):
        return ""
    before = f"{now.before} job{'s' if now.before > 1 else ''} before it, " if now.before else ""
    return f"{before}about {words.duration(now.wait)}"


def _nothing_yet(spec: RunSpec, now: Snapshot) -> View:
    """A run of which nothing is kept: it waits, or was given up before its first measurement, and why."""
    columns = charts.columns([])
    return View(spec, now.status, now.reason, now.device, 0, math.nan, math.nan, now.active, columns, (now.version,))


def ticking(draw: Callable[[], bool], active: bool, least: float = TICK) -> None:
    """Draws, and draws again every second or so, `least` seconds or more, while there is something at work: `draw` says
    whether there is; the page runs once more when it ends, or is to look in another rhythm."""
    every = rhythm.every(st.session_state.get("rhythm", least), least) if active else None
    st.session_state["rhythm"] = every or least
    drawn = False  # by the page; what comes after that is drawn for a tick, or for a button in this part

    def tick() -> None:
        nonlocal drawn
        going, again, drawn = draw(), drawn, True
        begun = again and going and not active  # by a button: the page is to tick from now on
        if begun or (active and (not going or rhythm.changes(every or least, least))):
            st.rerun()

    st.fragment(tick, run_every=every)()


def bar(run: str, view: View) -> None:
    """How far a run is and what can be done about it, while it is at work or can go on; nothing once it has ended
    well."""
    with st.container():  # always there, so that the charts below are not mounted anew when it empties
        if view.active or view.resumable or view.reason:
            _bar(run, view)


def _bar(run: str, view: View) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="bar", gap="small"):
        said = STATUS.get(view.status, view.status.capitalize())
        said += f": step {view.done:,} of {view.spec.steps:,}" if view.status != "queued" else ""
        said += f", {words.duration(view.left)} left" if math.isfinite(view.left) else ""
        said += f" ({view.reason})" if view.reason and not view.reason.startswith("stopped at") else ""
        st.progress(min(view.done / view.spec.steps, 1.0), escape.markdown(said))
        if view.active and view.status != ELSEWHERE and person.may_change(run):
            paused = view.status == "paused"
            act = person.resume if paused else person.pause
            st.button("Resume" if paused else "Pause", on_click=act, args=(run,), key="pause")
            st.button("Stop", on_click=person.stop, args=(run,), key="stop")
        elif view.resumable:
            st.button(
                "Resume", on_click=_go_on, args=(view.spec,), key="go-on", help="Goes on from the last checkpoint."
            )


def _go_on(spec: RunSpec) -> None:
    person.train(spec, st.session_state.get("device"), fresh=False)


def far(now: Snapshot, what: str) -> str:
    """How far a job is, counted in `what`; or why it does not go on."""
    left = f", {words.duration(now.left)} left" if math.isfinite(now.left) else ""
    if now.status in STATUS:
        return STATUS[now.status] + (f" ({where})" if (where := queue(now)) else "")
    return f"{now.done:,} of {now.total:,} {what} on {now.device}{left}"


def numbers(view: View) -> list[tuple[str, str, str]]:
    """The strip of a run: (label, value, its bound or doubt)."""
    last = {name: float(values[-1]) if len(values) else math.nan for name, values in view.columns.items()}
    toy = not has_data(describe(view.spec))
    number, percent = words.number, words.percent
    edge = (
        f"rule’s edge {number(last['edge'])}"
        if math.isfinite(last["edge"])
        else "no edge known"
        if len(view.columns["step"])
        else ""
    )
    loss = (
        [("Value", number(last["train_loss"]), "")]
        if toy
        else [("Training loss", number(last["train_loss"]), ""), ("Held-out loss", number(last["test_loss"]), "")]
    )
    shares = [
        ("Training accuracy", percent(last["train_accuracy"]), ""),
        ("Held-out accuracy", percent(last["test_accuracy"]), ""),
    ]
    share = shares if has_classes(describe(view.spec)) else []
    seconds = float(view.columns["seconds"][-1]) if len(view.columns["seconds"]) else math.nan
    speed = [("Steps/s", number(view.rate), "")]
    taken = [("Time taken", words.duration(seconds), f"{view.done:,} steps")]
    return [
        *loss,
        *share,
        ("Gradient norm", number(last["gradient_norm"]), ""),
        ("Sharpness λ₁", number(last["sharpness"]), edge),
        ("|cos(g, v₁)|", number(last["cos_g"], 2), ""),
        ("|cos(u, v₁)|", number(last["cos_u"], 2), ""),
        *_cost(view),
        *(speed if view.active else taken),
        ("Device", view.device, ""),
    ]


def _cost(view: View) -> list[tuple[str, str, str]]:
    """Gradient evaluations a step so far; nothing before the first step, or for a run kept before they were counted."""
    steps, gradients = view.columns["step"], view.columns.get("gradients")
    return (
        [("Gradients a step", f"{gradients[-1] / steps[-1]:.2f}", "")]
        if gradients is not None and len(steps) and steps[-1]
        else []
    )
