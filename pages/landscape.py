"""What does the ground look like? The loss on a plane through a checkpoint, flat and solid, with the path on it."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from engine.analyses.planes import PLANES
from engine.analyses.surface import SurfaceSpec
from engine.figures import maps, pairs, words
from engine.figures.drawing import Chart
from engine.figures.heights import HANGS
from engine.figures.words import has_data
from engine.records import Surface
from engine.spec import decode, describe
from engine.work.kinds import KINDS
from pages.ui import analysis, controls, download, figures, ground, joint, paired, scene, scrubber
from pages.ui.tall import Tall

AT, VIEW, SIDE = "surface", "surface:quantity", "surface:side"
SIDES = "From above", "Solid"


def settings(about: analysis.Subject) -> SurfaceSpec | None:
    """What to draw."""
    joint.menu(about)
    scene.quantity(VIEW)
    row = analysis.checkpoint(AT, about)
    toy = not has_data(describe(about.spec))
    fitting = [name for name in PLANES if toy or name != "Coordinates"]
    plane = controls.part(SurfaceSpec, "plane", AT, options=fitting, usual=ground.plane(about.spec))
    reasons = {"split": "Does not apply: a toy landscape has no examples."} if toy else {}
    values = controls.grid(SurfaceSpec, AT, ["span", "resolution", "split"], reasons=reasons)
    return analysis.checked(AT, {"plane": plane, "checkpoint": row, **values})


def picture(about: analysis.Subject, surface: Surface, address: str, version: tuple[int, ...]) -> None:
    """The two views, and how faithful they are."""
    drawing = maps.draw(surface, describe(about.spec), st.session_state[VIEW])
    scene.views(address, version, drawing)
    scrubber.show(surface.steps)
    faith(about, surface, address, version)


def two(mine: paired.Shown, theirs: paired.Shown) -> None:
    """The maps of both runs, from above or as solids, on equal axes in one scale of colours, and how faithful each
    is."""
    quantity = st.session_state[VIEW]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        shown = "Seen from", SIDES
        st.segmented_control(
            *shown, default=SIDES[0], key=SIDE, required=True, persist_state="session", label_visibility="collapsed"
        )
        alike(mine, theirs)
    solid = st.session_state[SIDE] == SIDES[1]
    drawn = paired.both(PAIRS[quantity.capitalize()], mine, theirs)
    sides = zip(st.columns(2, gap="medium"), paired.called(mine, theirs), (mine, theirs), drawn, strict=True)
    for nth, (column, name, one, drawing) in enumerate(sides):
        with column:
            paired.label(name)
            keep, version = f"{mine.address} {theirs.address} {nth}", (mine.version, theirs.version)
            scene.plot(f"{'solid' if solid else 'contour'}{nth}", keep, version, Tall.WHOLE, drawing, solid)
            figures.caption(replace(drawing, caption=f"{drawing.caption} {HANGS}") if solid else drawing)
            faith(*one, str(nth))


def alike(mine: paired.Shown, theirs: paired.Shown) -> None:
    """Where one map reaches further than the other, a button that draws both as far."""
    spans = [float(f"{-one.record.a[0]:.3g}") for one in (mine, theirs)]
    if spans[0] != spans[1]:
        span = max(spans)
        about = f"The maps end {words.number(spans[0])} and {words.number(spans[1])} from their centres."
        told = f"Draw both as far: ±{words.number(span)}"
        if st.button(told, key="surface.alike", on_click=as_far, args=(mine, theirs, span), help=about):
            st.rerun()  # for the controls, too, which the numbers and maps do not draw anew


def as_far(mine: paired.Shown, theirs: paired.Shown, span: float) -> None:
    """Starts both maps over one span."""
    st.session_state[f"{AT}.span"] = span
    for one in (theirs, mine):  # what was started last is shown
        wanted = replace(decode(KINDS[AT].specs, one.record.spec), span=span)
        analysis.start(AT, one.about.run, wanted, st.session_state.get("device"))


def numbers(surface: Surface) -> list[tuple[str, str, str]]:
    """How far the picture can be trusted."""
    number = words.number
    oblique = number(abs(surface.cosine), 2) if abs(surface.cosine) > 1e-6 else "0"
    return [
        ("Explained variance", words.percent(surface.explained), "of the path"),
        ("Distance from the plane", number(surface.furthest), "at most"),
        ("Directions’ lengths", f"{number(surface.norms[0])}, {number(surface.norms[1])}", f"cosine {oblique}"),
        (
            "Loss at the centre",
            number(float(surface.path_loss[surface.checkpoint])),
            f"step {surface.steps[surface.checkpoint]:,}",
        ),
        ("Points", f"{int(np.isfinite(surface.loss).sum()):,}", "of {} × {}".format(*surface.loss.shape)),
        ("Self-check", *maps.verdict(surface)),
    ]


def drawings(about: analysis.Subject, surface: Surface) -> dict[str, download.Draw]:
    """Every figure of the page by its title."""
    described = describe(about.spec)
    made: dict[str, download.Draw] = {
        quantity.capitalize(): partial(maps.draw, surface, described, quantity) for quantity in maps.QUANTITIES
    }
    return made | {"Faithfulness": partial(faithful, about, surface)}


def faithful(about: analysis.Subject, surface: Surface) -> Chart:
    """The chart of how faithful the path is."""
    return maps.faithful(surface, describe(about.spec), [phase.start for phase in about.spec.phases[1:]])


def faith(about: analysis.Subject, surface: Surface, address: str, version: tuple[int, ...], nth: str = "") -> None:
    """Details on how far the picture can be trusted, number `nth` of the page's."""
    with st.expander("Is the path on its surface? True loss beside projected loss, and what the self-check did"):
        figures.chart(f"faithful{nth}@{address}", version, Tall.HALF, partial(faithful, about, surface))
        st.caption(
            "Self-check: the centre, four other cells, and some of those that are not finite are computed anew in "
            "double precision; the number is the largest relative difference of the loss, or the largest of the "
            "accuracy, less one example."
        )


PAIRS = {quantity.capitalize(): partial(pairs.surfaces, quantity=quantity) for quantity in maps.QUANTITIES}
PAGE = analysis.Page(
    AT,
    "What does the ground look like?",
    "Draw",
    "Nothing has been drawn yet: press Draw.",
    "The first, coarse level is on its way.",
    settings,
    numbers,
    picture,
    drawings,
    PAIRS,
    two,
    solid=joint.SOLID,
    first=lambda about: ground.name(about.run, about.spec),
    views={"quantity": maps.QUANTITIES},
)
joint.adopt()
st.session_state.setdefault(VIEW, "log loss")
if joint.chosen():
    joint.show(VIEW)
else:
    PAGE.show()
