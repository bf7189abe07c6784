"""A run alone: its curves while they grow, its numbers, and the ground under its path."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from engine.figures import charts, maps, words
from engine.figures.drawing import Drawing, Map
from engine.figures.landmarks import OWN
from engine.figures.words import has_classes
from engine.records import Surface
from engine.spec import describe, digest
from engine.training.runs import RunSpec
from pages.ui import against, cached, citations, download, figures, ground, live, scene, scrubber, shell, tour
from pages.ui.tall import Tall

AT = "train"
GRID = (("losses", "sharpness"), ("accuracies", "alignment"), ("gradient_norms",))
TOY = (("losses", "sharpness"), ("gradient_norms", "alignment"), ())


def show(run: str, view: live.View) -> None:
    """The page of a run alone."""
    menus = shell.heading("How does it descend?", words.brief(view.spec))
    shell.faults()
    tour.invite()
    with menus:
        against.menu(run)
        citations.menu(view.spec)
        shell.spec_menu(view.spec, run)
        download.menu(drawings(run, view), AT, run)
    live.ticking(lambda: watching(run), view.active or ground.first(run, view.spec)[1])


def watching(run: str) -> bool:
    """The live part of the page; whether anything is still at work."""
    view = live.watch(run)
    if view is None:
        return False
    live.bar(run, view)
    shell.strip(live.numbers(view))
    described = describe(view.spec)
    columns = st.columns([1, 1, 1.1], gap="medium")
    with columns[-1], st.container():  # one, whatever it holds: else the chart below it would be mounted anew
        below, drawing = (None, False) if view.active else ground.first(run, view.spec)
        if below is None:
            fault = "" if view.active else ground.fault(run, view.spec)
            when = "is being drawn" if drawing else "is drawn when the run has ended"
            shell.empty(f"The ground under the path {f'could not be drawn: {fault}' if fault else when}.")
        else:
            _ground(run, view.spec, below)
        if not view.active:
            scrubber.show(int(step) for step in view.columns["step"])
    # before anything is measured, all seeds have the same empty charts: thirty people who begin at once, above all
    of = run if len(view.columns["step"]) else f"{digest(replace(view.spec, seed=0))} before it begins"
    for column, names in zip(columns, GRID if has_classes(described) else TOY, strict=True):
        with column:
            for name in names:
                tall = Tall.MIXED if len(names) > 1 else Tall.LOW
                draw = partial(charts.LIVE[name], view.columns, described)
                figures.chart(f"live.{name}@{of}", view.version, tall, draw)
    return view.active or drawing


def _ground(run: str, spec: RunSpec, below: Surface) -> None:
    """The ground under the path: a still picture, but on a toy landscape, where what is dragged is drawn over it."""
    version = ground.version(run, spec)

    def draw() -> Map:
        return maps.draw(below, describe(spec), ground.quantity(below))

    if below.unit == OWN:
        drawing = cached.drawn(f"ground@{run}", version, False, draw)
        scene.plot("alone.ground", f"ground {run}", version, Tall.WHOLE, drawing, solid=False)
        figures.caption(drawing)
    else:
        figures.portrait(f"portrait@{run}", version, draw)


def drawings(run: str, view: live.View) -> dict[str, download.Draw]:
    """Every figure of the page by its title, as it is when it is asked for."""
    described = describe(view.spec)

    def one(name: str) -> Drawing:
        now = live.watch(run)
        return charts.LIVE[name](now.columns if now else charts.columns([]), described)

    made: dict[str, download.Draw] = {name.replace("_", " ").capitalize(): partial(one, name) for name in charts.LIVE}
    if not view.active and (below := ground.first(run, view.spec)[0]):  # no ground is begun that would be outgrown
        made["Ground and path"] = lambda: maps.draw(below, described, ground.quantity(below))
    return made
