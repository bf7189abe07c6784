"""One landscape under several runs: which runs, what is asked, how far it is, and what there is to show."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

import streamlit as st

from engine.analyses.joint import MOST, JointSpec
from engine.figures import joint, maps, words
from engine.records import JointSurface
from engine.spec import digest, flatten
from engine.work.kinds import KINDS, Work
from engine.work.presets import FOUR
from pages.ui import against, analysis, cached, controls, download, figures, link, live, person, price, scene, shell
from pages.ui.rhythm import QUICK
from pages.ui.tall import Tall

AT, BESIDE = "joint", "joint:beside"
"""Where the controls' values stand, and where the session keeps the runs beside the current one."""
SOLID = [quantity.capitalize() for quantity in maps.QUANTITIES]
"""The titles of the maps, which leave as surfaces, too."""
FIELDS = ("plane", "span", "resolution", "split")


def adopt() -> None:
    """Takes over the runs that came with the address."""
    given = st.query_params.get("beside")
    if given is not None and link.outside():
        st.session_state[BESIDE] = [run for run in given.split(",") if cached.spec(run)]
        if run := st.query_params.get(shell.RUN):
            st.session_state[shell.RUN] = run


def show_together(runs: list[str]) -> None:
    """Makes runs, the first of them the current one, what the landscape page shows."""
    st.session_state[shell.RUN], st.session_state[BESIDE] = runs[0], runs[1:]


def others(run: str) -> list[str]:
    """The kept runs that can share a plane with a run, the newest of them, and those that are chosen already."""
    chosen = [other for other in st.session_state.get(BESIDE, []) if fits(run, other)]
    kept = (s.digest for s in cached.summaries() if s.last and s.digest not in chosen)
    return [*islice((other for other in kept if fits(run, other)), shell.OFFERED), *chosen]


def fits(run: str, other: str) -> bool:
    """Whether two kept runs are two, and of the same problem."""
    return run != other and bool(cached.problem(run)) and cached.problem(run) == cached.problem(other)


def chosen() -> list[str]:
    """The runs beside the current one, as far as they can be; none while nothing of it is kept."""
    known = others(shell.current()) if cached.run(shell.current()) else []
    return [run for run in st.session_state.get(BESIDE, []) if run in known]


def menu(about: analysis.Subject) -> None:
    """A choice of the runs beside the current one."""
    known = others(about.run)
    st.session_state[BESIDE] = [run for run in st.session_state.get(BESIDE, []) if run in known]
    named = {run: words.brief(spec) for run in known if (spec := cached.spec(run))}
    st.multiselect(
        "Together with",
        known,
        format_func=lambda run: named.get(run) or run,
        key=BESIDE,
        help="One plane through two to six runs of one problem, every path on it.",
        placeholder="Other runs of this problem",
        max_selections=MOST - 1,
        persist_state="session",
        disabled=not known,
    )
    four = [digest(spec) for spec in FOUR]
    if all(map(cached.spec, four)):
        more: dict[str, Any] = {"help": "Four runs from one start, on the same batches.", "width": "stretch"}
        st.button("SGD, SAM, SSAM and AdamW", f"{AT}:preset", on_click=show_together, args=(four,), **more)


def settings(runs: list[str]) -> JointSpec | None:
    """What to draw; None, with the reason on the page, where that cannot be."""
    reasons = {"plane": "Three end points need three runs."} if len(runs) < 3 else {}
    values = controls.grid(JointSpec, AT, FIELDS, reasons=reasons)
    return analysis.checked(AT, {"runs": ",".join(runs)} | values)


def _asked(runs: list[str], quantity: str) -> JointSpec | None:
    """The controls beside the choice of the runs, and the button that draws them."""
    scene.quantity(quantity)
    wanted = settings(runs) if len(runs) > 1 else None
    device = shell.device()
    fits = wanted is not None and price.within(Work(wanted), device)
    if st.button("Draw", type="primary", width="stretch", disabled=not fits, key="compute") and fits:
        person.start(Work(wanted), device)
    if fits:
        price.tell(Work(wanted), device)
    return wanted


def show(quantity: str) -> None:
    """Controls at the left, the picture at the right, and the address; `quantity` is the key of what the map shows."""
    shell.receive(KINDS[AT].specs, AT, own=("beside", "quantity"))
    with st.sidebar:
        about = analysis.subject()
        if about is None:
            st.rerun()
        menu(about)
        runs = [about.run, *chosen()]
        wanted = _asked(runs, quantity)
    menus = shell.heading("What does the ground look like?", f"{len(runs)} runs of one problem on one plane")
    shell.faults()
    if wanted is None:
        return
    work = Work(wanted)
    with menus:
        shell.spec_menu(wanted, f"joint-{digest(wanted)}")
        record = cached.record(work.address)
        drawings = _drawings(record) if isinstance(record, JointSurface) else {}
        download.menu(drawings, AT, digest(wanted), SOLID, st.session_state[quantity].capitalize())
    live.ticking(partial(_picture, work, quantity), cached.at_work(work.address), QUICK)
    address = against.address() | {
        shell.RUN: about.run,
        "beside": ",".join(runs[1:]),
        "quantity": st.session_state[quantity],
    }
    link.write(address | {key: text for key, text in flatten(wanted).items() if key != "runs"})


def _picture(work: Work, quantity: str) -> bool:
    """The two views and their numbers; whether they are still being refined."""
    at_work = analysis.bar(work.address, work.kind.unit)
    version, surface = cached.version(work.address), cached.record(work.address, growing=at_work)
    if not isinstance(surface, JointSurface):
        waiting = "The ends' sharpness and the first, coarse level are on their way."
        shell.empty(waiting if at_work else "Nothing has been drawn yet: press Draw.")
        return at_work
    shell.strip(_numbers(surface))
    drawing = joint.draw(surface, st.session_state[quantity])
    scene.views(work.address, version, drawing)
    with st.expander("Are the paths on their surface? True loss beside projected loss"):
        figures.chart(f"joint.faithful@{work.address}", version, Tall.HALF, partial(joint.faithful, surface))
    return at_work


def _numbers(surface: JointSurface) -> list[tuple[str, str, str]]:
    """Each end's sharpness and loss, and how far the picture can be trusted."""
    number = words.number
    ends = [
        (name, f"λ₁ {number(float(surface.end_sharpness[r]))}", f"loss {number(float(surface.end_loss[r]))}")
        for r, name in enumerate(joint.names(surface))
    ]
    return [*ends, ("Self-check", *maps.verdict(surface))]


def _drawings(surface: JointSurface) -> dict[str, download.Draw]:
    """Every figure of the page by its title."""
    made: dict[str, download.Draw] = {q.capitalize(): partial(joint.draw, surface, q) for q in maps.QUANTITIES}
    return made | {"Faithfulness": partial(joint.faithful, surface)}
