"""Several runs at once on the train page: how far each is, what was found, the ground under their paths, and their
curves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from engine.figures import escape, findings, together, words
from engine.figures.comparison import compare
from engine.figures.drawing import Drawing
from engine.figures.theme import colour
from engine.records import ENDS, JointSurface, Run
from engine.spec import describe, digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.presets import joint
from engine.work.sketch import fits, sketch
from pages.ui import against, cached, citations, download, figures, live, person, scene, scrubber, shell, tour
from pages.ui.members import Member, apart, look, measured, of_rules
from pages.ui.tall import Tall

SMALL = 15.0
"""Seconds that a joint surface may cost that is computed without being asked for."""
"""Pixels: how high the ground, sharpness, loss and the small charts are."""


def train(specs: Sequence[RunSpec], device: str) -> None:
    """Trains those runs that are not kept finished; what is left unfinished goes on."""
    for spec in specs:
        if not cached.store().complete(digest(spec)):
            person.train(spec, device, fresh=False)


def show(run: str, spec: RunSpec, specs: Sequence[RunSpec]) -> None:
    """The page of a run and those it is shown with, `specs` with it among them: what was found is its headline."""
    found = finding(specs)
    headline = found.headline if found else ""
    menus = shell.heading(headline or "How do they descend?", words.brief(spec))
    shell.faults()
    tour.invite()
    with menus:
        against.menu(run, [digest(spec) for spec in specs])
        citations.menu(spec)
        shell.spec_menu(spec, run)
        download.menu(drawings(specs), "train", run)
    at_work = active(specs)
    live.ticking(partial(_look_again, specs, at_work), at_work)


def _look_again(specs: Sequence[RunSpec], before: bool) -> bool:
    """As `watching`; where something has begun that was not at work `before`, the page begins to look by itself."""
    going = watching(specs)
    if going and not before:
        st.rerun()
    return going


def active(specs: Sequence[RunSpec]) -> bool:
    """Whether any of them, or the ground under them, is at work or about to be."""
    members = look(specs)
    return any(member.active for member in members) or _ground(members)[1]


def finding(specs: Sequence[RunSpec]) -> findings.Finding | None:
    """What the runs have shown so far, where they differ in their rule alone; a headline once all have ended."""
    if not of_rules(specs):
        return None
    members = look(specs)
    return findings.found(measured(members), ended=all(m.view and m.view.status in ENDS for m in members))


def watching(specs: Sequence[RunSpec]) -> bool:
    """The live part of the page; whether anything is still at work."""
    members = look(specs)
    _bar(members)
    if said := finding(specs):
        shell.write(escape.html("<p class='found'>{}</p>", said.figures))
    _ends(members)
    left, right = st.columns(2, gap="medium")
    with left:
        drawing = _map(members)
        if _ended(members):
            scrubber.show(int(step) for m in members if m.view for step in m.view.columns["step"])
    with right:
        _charts(members)
    return any(member.active for member in members) or drawing


def _bar(members: Sequence[Member]) -> None:
    """How far all are, and a way to stop them; nothing once all have ended."""
    with st.container():  # always there, so that what is below is not mounted anew when it empties
        if all(m.view and m.view.status in ENDS for m in members):
            return
        with st.container(horizontal=True, vertical_alignment="center", key="bar", gap="small"):
            done = sum(m.view.done for m in members if m.view) / sum(m.spec.steps for m in members)
            st.progress(min(done, 1.0), escape.markdown(" · ".join(map(_far, members))))
            ours = [m.run for m in members if m.active and person.may_change(m.run)]
            if ours:
                st.button("Stop", on_click=_stop, args=(ours,), key="stop")


def _stop(runs: Sequence[str]) -> None:
    for run in runs:
        person.stop(run)


def _far(member: Member) -> str:
    view = member.view
    if view is None:
        return f"{member.name} is not trained yet: press Train"
    if view.status in ENDS:
        return f"{member.name} {view.status}"
    said = live.STATUS.get(view.status, view.status)
    at = "" if view.status == "queued" else f" at step {view.done:,} of {view.spec.steps:,}"
    return f"{member.name} {said.lower()}{at}" + (f" ({view.reason})" if view.reason and not view.active else "")


def _ends(members: Sequence[Member]) -> None:
    """The last numbers of every run, each below its colour."""
    cell = "<div style='border-color:{}'><dt>{}</dt><dd>λ₁ {}<small>{}</small></dd></div>"
    hues = [colour(hue, shell.dark()) for hue in together.colours([describe(m.spec) for m in members])]
    cells = [escape.html(cell, hue, *_last(m)) for hue, m in zip(hues, members, strict=True)]
    shell.write(escape.html("<dl class='strip ends'>{}</dl>", escape.join("{}", cells)))


def _last(member: Member) -> tuple[str, str, str]:
    if member.view is None or not member.measured:
        return member.name, words.NONE, "not measured yet"
    last = {name: float(values[-1]) for name, values in member.view.columns.items()}
    share = f" · held-out {words.percent(last['test_accuracy'])}" if words.has_classes(describe(member.spec)) else ""
    number = words.number
    loss = "loss" if words.has_data(describe(member.spec)) else "value"
    return f"{member.name}{share}", number(last["sharpness"], 3), f"{loss} {number(last['train_loss'], 3)}"


def _key(name: str, members: Sequence[Member]) -> str:
    return f"beside.{name}@{','.join(m.run for m in members)}"


def _charts(members: Sequence[Member]) -> None:
    """Sharpness, below it loss, and the rest small."""
    runs = measured(members)
    if not runs:
        return shell.empty("Nothing is measured yet.")
    version = tuple(m.view.version if m.view else () for m in members)

    def chart(name: str, tall: Tall, draw: partial, width: int = 480) -> None:
        figures.chart(_key(name, members), version, tall, draw, width)

    chart("sharpness", Tall.MIXED, partial(together.sharpness, runs))
    chart("losses", Tall.SMALL, partial(together.losses, runs))
    names = together.measures(runs)
    for column, name in zip(st.columns(max(len(names), 1), gap="small"), names, strict=False):
        with column:
            chart(name, Tall.SMALL, partial(together.small, runs, name), 160)


def _map(members: Sequence[Member]) -> bool:
    """The ground under the paths: provisional while they train; whether it is being drawn."""
    if why := apart(members):
        shell.empty(why)
        return False
    surface, drawing = _ground(members)
    work = _work(members)
    if surface is not None:
        drawn = partial(together.ground, surface, provisional=False)
        version: object = cached.version(work.address)
    else:
        surface, version = _sketch(members)
        if surface is None:
            shell.empty(_why_none(members))
            return drawing
        drawn = partial(together.ground, surface, provisional=True)
    drawing_now = cached.drawn(_key("map", members), version, False, drawn)
    scene.plot("beside.ground", f"beside {work.address}", version, Tall.WHOLE, drawing_now, solid=False)
    figures.caption(drawing_now)
    _offer(members, work, drawing)
    return drawing


def _why_none(members: Sequence[Member]) -> str:
    if not fits([m.spec for m in members], [m.measured for m in members]):
        return "The paths are too large to be drawn while they grow; the ground under them is drawn at the end."
    return "The paths are drawn in a moment."


def _work(members: Sequence[Member]) -> Work:
    """The joint surface of those runs that have begun."""
    begun = [m.spec for m in members if m.measured]
    return Work(joint(begun if len(begun) > 1 else [m.spec for m in members]))


def _ground(members: Sequence[Member]) -> tuple[JointSurface | None, bool]:
    """The joint surface, complete or as far as it is, and whether it is being drawn; it is begun once all runs have
    ended, where it costs little."""
    if apart(members):
        return None, False
    work = _work(members)
    now = cached.jobs().snapshot(work.address)
    at_work = bool(now and now.active)
    found = cached.record(work.address, growing=at_work)
    surface = found if isinstance(found, JointSurface) and found.stride else None
    if at_work or (surface is not None and surface.complete) or not _ended(members):
        return surface, at_work
    if now and now.status in ("failed", "stopped"):
        return surface, False
    cost = cached.cost(work)
    if cost is None:
        return surface, not cached.counts()
    return surface, cost.seconds <= SMALL and bool(person.start(work, asked=False))


def _ended(members: Sequence[Member]) -> bool:
    return all(m.view and m.view.status in ENDS and m.measured for m in members)


def _offer(members: Sequence[Member], work: Work, drawing: bool) -> None:
    """A button that draws the ground where that is not done unasked; why it could not be, where it failed."""
    now, found = cached.jobs().snapshot(work.address), cached.record(work.address)
    if drawing or not _ended(members) or (found is not None and found.complete):
        return
    if now and now.status == "failed":
        st.caption(escape.markdown(f"The ground under the paths could not be drawn: {now.reason}"))
        return
    cost = cached.cost(work)
    time = f" (about {words.duration(cost.seconds)})" if cost else ""
    st.button(f"Draw the ground under the paths{time}", on_click=_draw, args=(work,), key="beside.draw")


def _draw(work: Work) -> None:
    person.start(work)


def _sketch(members: Sequence[Member]) -> tuple[JointSurface | None, object]:
    """The paths so far, and the version of what they were read from."""
    begun = [m for m in members if m.measured]
    versions = tuple((m.run, cached.version(m.run)) for m in begun)
    if len(begun) < 2 or not fits([m.spec for m in begun], [m.measured for m in begun]):
        return None, versions
    return cached.drawn(_key("sketch", members), versions, False, partial(_sketched, begun)), versions


def _sketched(members: Sequence[Member]) -> JointSurface | None:
    found = [cached.store().find(m.run, growing=m.active) for m in members]
    return sketch([run for run in found if isinstance(run, Run) and len(run.path)])


def drawings(specs: Sequence[RunSpec]) -> dict[str, download.Draw]:
    """Every figure of the page by its title, as it is when it is asked for."""

    def chart(draw: partial) -> Drawing:
        return draw(measured(look(specs)))

    runs = measured(look(specs))
    if not runs:
        return {}
    made: dict[str, download.Draw] = {
        "Sharpness": partial(chart, partial(together.sharpness)),
        "Losses": partial(chart, partial(together.losses)),
    }
    for name in together.measures(runs):
        made[name.replace("_", " ").capitalize()] = partial(chart, partial(compare, measure=name))
    surface = _ground(look(specs))[0]
    return made | ({"Ground and paths": partial(together.ground, surface, False)} if surface is not None else {})
