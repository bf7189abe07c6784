"""Why does SAM work? A card for each paper, and its claims as experiments that anybody can perform, change, and see
fail."""

from functools import partial

import streamlit as st

from engine.experiments import EXPERIMENTS, Experiment, Paper, plan
from engine.experiments.verdicts import table
from engine.figures import escape, words
from engine.figures.drawing import Drawing
from engine.figures.render import handout
from engine.spec import SpecError, decode, digest, encode, flatten
from engine.work.kinds import Work
from engine.work.lessons import of
from pages.ui import (
    cached,
    citations,
    controls,
    download,
    gallery,
    lessons,
    link,
    live,
    person,
    present,
    price,
    shell,
    trial,
    zoom,
)

AT = citations.AT
HEIGHT = 470  # pixels of the first figure


def show(name: str) -> None:
    """Opens an experiment, or with "" the cards."""
    st.session_state[citations.OPEN] = name


def cards() -> None:
    """All papers."""
    shell.heading("Why does SAM work?", "Five papers, five answers; every claim is an experiment that can fail.")
    shell.faults()
    gallery.show(show)
    lessons.show()
    link.write({})


def settings(name: str) -> Experiment | None:
    """The controls of an experiment; None where they describe none."""
    paper, cls = citations.paper_of(name), EXPERIMENTS[name]
    st.button("All papers", on_click=show, args=("",), key=f"{AT}:all", icon=":material/arrow_back:", width="stretch")
    st.session_state[f"{AT}:menu"] = name
    known = [one.__name__ for one in paper.experiments]
    st.radio(
        paper.name,
        known,
        format_func=lambda one: EXPERIMENTS[one].title,
        key=f"{AT}:menu",
        on_change=lambda: show(st.session_state[f"{AT}:menu"]),
    )
    values = controls.grid(cls, f"{AT}.{name}")
    if cls.question:
        st.toggle("Predict before you look", key=trial.PREDICT, persist_state="session")
    try:
        wanted = decode({name: cls}, {"name": name} | values)
        plan(wanted)  # settings that are right one by one may still describe no runs
        return wanted
    except SpecError as error:
        st.error(escape.markdown(error))
        return None


def opening(experiment: Experiment) -> None:
    """What if? Any of the experiment's runs on the Train page."""
    runs = {
        f"{name} {i + 1}" if len(specs) > 1 else name: spec
        for name, specs in experiment.ensembles().items()
        for i, spec in enumerate(specs)
    }
    with st.popover("Open a run in Train", width="stretch"):
        chosen = st.selectbox(
            "Run",
            list(runs),
            key=f"{AT}:run@{type(experiment).__name__}",
            help="Its settings are copied; change them there as you like.",
        )
        st.caption(escape.markdown(words.brief(runs[chosen])))
        if st.button("Open", key=f"{AT}:take", width="stretch"):
            st.session_state[shell.TAKE] = encode(runs[chosen])
            st.switch_page("pages/train.py")


def as_map(experiment: Experiment, device: str | None) -> None:
    """The experiment's runs as cells of a robustness map, where they are one."""
    if experiment.map is not None:
        about = "On the Robustness page: the same runs, as cells of a map that can be extended."
        if st.button("Open as a map", key=f"{AT}:map", width="stretch", help=about):
            zoom.open_map(experiment.map)
            work = Work(experiment.map)
            if trial.watch(experiment).performed and cached.record(work.address) is None:
                person.start(work, device)  # all of its cells are there
            st.switch_page("pages/robustness.py")


def body(experiment: Experiment) -> bool:
    """The live part: progress, figures, checks; whether it is at work."""
    view = trial.watch(experiment)
    sealed = trial.sealed(view)
    about(view, sealed)
    trial.bar(view)
    trial.quiz(view)
    count = len(trial.pictures(view, sealed))
    first, second = st.columns([1.5, 1] if count > 1 else [1, 0.001], gap="medium")
    with first:
        trial.figure(view, 0, HEIGHT, sealed)
    with second:
        for nth in range(1, min(count, 3)):
            trial.figure(view, nth, HEIGHT if count == 2 else HEIGHT // 2 - 16, sealed)
    trial.checks(view, sealed)
    for column, nth in zip(st.columns(2, gap="medium") * count, range(3, count), strict=False):
        with column:
            trial.figure(view, nth, HEIGHT * 3 // 4, sealed)
    return view.active or trial.behind(view) is not None


def about(view: trial.View, sealed: bool) -> None:
    """The claim in large, unless the reader is still to predict, and what is done about it."""
    one, void = view.experiment, any(check.void for check in trial.judged(view))
    usual = escape.html("<small>Stated for the usual settings.</small>") if void else ""
    claim = "" if sealed else escape.html("<p class='claim'>{} {}</p>", one.claim, usual)
    about = "<section class='about-trial'>{}<p>{} <small>{}</small></p></section>"
    shell.write(escape.html(about, claim, one.setup, one.source))


def drawings(view: trial.View) -> dict[str, download.Draw]:
    """Every figure by its title."""

    def one(nth: int) -> Drawing:
        return trial.pictures(trial.watch(view.experiment))[nth]

    return {drawing.title: partial(one, nth) for nth, drawing in enumerate(trial.pictures(view))}


def sheet(experiment: Experiment) -> bytes:
    """The paper's handout: this experiment, and the others of the paper as far as they have been performed with the
    usual settings."""
    paper = citations.paper_of(type(experiment).__name__)
    others = [cls() for cls in paper.experiments if cls is not type(experiment)]
    views = [trial.watch(one) for one in (experiment, *others)]
    kept = [view for view in views if view.performed] or views[:1]
    return handout.pdf(
        paper,
        [
            (trial.title(view), view.experiment.setup, table(view.shown, view.result), trial.pictures(view))
            for view in kept
        ],
    )


def sidebar(name: str) -> Experiment | None:
    """The controls of an experiment and the button that performs it; None where they describe none."""
    wanted = settings(name)
    device = shell.device("Where it is performed.")
    if wanted:
        opening(wanted)
        as_map(wanted, device)
    if st.button("Run", type="primary", width="stretch", disabled=wanted is None, key="train") and wanted:
        trial.start(wanted, device)
    if wanted:
        price.tell(Work(wanted), device)
    return wanted


def experiment(name: str) -> None:
    """One experiment."""
    with st.sidebar:
        wanted = sidebar(name)
    paper = citations.paper_of(name)
    menus = shell.heading(EXPERIMENTS[name].title, f"{words.sentence(paper.title)} {paper.by}")
    shell.faults()
    if wanted is None:
        return
    view = trial.watch(wanted)
    with menus:
        offer(view, paper)
    live.ticking(partial(body, wanted), view.active or trial.behind(view) is not None)
    link.write({"experiment": name} | flatten(wanted))


def offer(view: trial.View, paper: Paper) -> None:
    """What can be made of an experiment: a presentation, a handout, its spec and its figures to take away."""
    st.button(
        "Present",
        on_click=present.begin,
        key=f"{AT}:present",
        help="Large type, one figure at a time; arrow keys or a clicker turn the page, B blackens it, Escape ends it.",
    )
    st.download_button(
        "Handout",
        partial(sheet, view.experiment),
        f"{paper.key}.pdf",
        "application/pdf",
        on_click="ignore",
        key=f"{AT}:handout",
        help="One page, to print.",
    )
    shell.spec_menu(view.experiment, type(view.experiment).__name__)
    download.menu(drawings(view), AT, digest(view.experiment))


def adopt() -> None:
    """Takes over what came with the address."""
    asked, faults = st.query_params.get("experiment", ""), present.adopt()
    if link.by_history() and not asked:
        show("")
    cls = EXPERIMENTS.get(asked, next(iter(EXPERIMENTS.values())))
    if (
        shell.receive({cls.__name__: cls}, f"{AT}.{cls.__name__}", {"experiment": list(EXPERIMENTS)}, present.OWN)
        is not None
        and asked in EXPERIMENTS
    ):
        show(asked)
    shell.wrong(faults)


def presented(name: str) -> None:
    """The experiment that is open, one thing at a time."""
    cls = EXPERIMENTS[name]
    try:
        wanted = decode(EXPERIMENTS, {"name": name} | controls.read(cls, f"{AT}.{name}"))
    except SpecError:
        wanted = cls()
    present.show(of(wanted), {"experiment": name} | flatten(wanted))


adopt()
trial.back()
opened = st.session_state.get(citations.OPEN, "")
if present.lesson():
    present.show_lesson(present.lesson())
elif not opened:
    cards()
elif present.on():
    presented(opened)
else:
    experiment(opened)
