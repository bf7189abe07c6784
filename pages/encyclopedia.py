"""Which rule is which? Every rule of the table: what it says of itself, what it costs, and what it does on a
quadratic, alone or beside another."""

import inspect
import linecache
import re
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from engine.encyclopedia import cost, quadratic
from engine.encyclopedia.quadratic import Trace, Trial
from engine.figures import encyclopedia as drawn
from engine.figures import escape, formulas, words
from engine.figures.theme import colour, rule_colour
from engine.rules import RULES, Rule
from engine.spec import SpecError, decode, defaults, digest, encode, flatten, knobs, number_fields
from engine.training.runs import RunSpec
from pages.ui import cached, download, figures, front, link, preview, scene, shell
from pages.ui.tall import Tall

AT = "encyclopedia"
RULE, OTHER, TIMES = f"{AT}:rule", f"{AT}:other", f"{AT}:times"
TRIALS = {"Trial": Trial}
PATIENCE = 1.5  # seconds of measuring, for each rule
SAYS = {"true": "yes", "false": "no", "true or false": "yes or no"}


def choose() -> list[str]:
    """The names of the rule, and of the one beside it if there is one."""
    names, usual = list(RULES), type(RunSpec().rule).__name__
    if st.session_state.get(RULE) not in names:
        st.session_state[RULE] = usual if usual in names else names[0]
    rule = st.radio("Rule", names, format_func=words.title, key=RULE, persist_state="session")
    others = [name for name in names if name != rule]
    if st.session_state.get(OTHER) not in others:
        st.session_state[OTHER] = None
    other = st.selectbox(
        "Compare with",
        others,
        index=None,
        format_func=words.title,
        placeholder="No other rule",
        key=OTHER,
        persist_state="session",
    )
    return [name for name in (rule, other) if name]


def slide(rules: list[Rule]) -> Trial:
    """The quadratic's sliders."""
    reason = "" if any(map(quadratic.radii, rules)) else "Does not apply: the rule has no radius."
    values = {}
    for name, k in number_fields(Trial).items():
        key, why = f"{AT}.{name}", reason if name == "rho" else ""
        st.session_state.setdefault(key, getattr(Trial(), name))
        values[name] = st.slider(
            k.label, k.low, k.high, step=0.01, key=key, help=why or k.help, disabled=bool(why), persist_state="session"
        )
    if reason:
        st.caption(escape.markdown(reason))
    return decode(TRIALS, values)


def entry(name: str, run: Trace | None, alone: bool) -> None:
    """What a rule says of itself: its words, formula and paper; where it is alone there is room for its settings."""
    cls = RULES[name]
    known = cls.theory or (drawn.theory(run) if run else "It cannot be run on one.")
    about = escape.html(
        "<div><h2>{}</h2><p>{}</p><div class='formula'>{}</div><p><small>{}</small></p>"
        "<p><b>On a quadratic:</b> {}</p></div>",
        *(words.title(name), inspect.cleandoc(cls.__doc__ or ""), formulas.lines(cls.formula), cls.paper, known),
    )
    rule = "<section class='rule' style='border-color:{}'>{}{}</section>"
    hue = colour(rule_colour(name), shell.dark())
    shell.write(escape.html(rule, hue, about, table(cls) if alone else ""))


def table(cls: type[Rule]) -> escape.Html:
    """A rule's settings."""
    rows = [shell.entry(k.label, *setting(cls, name)) for name, k in knobs(cls).items()]
    head = "Setting", "Default", "Range", "What it does"
    return shell.table(head, rows) if rows else escape.html("<p>It has no settings.</p>")


def setting(cls: type[Rule], name: str) -> tuple[str, str, str]:
    """A setting's default, its range, and its help."""
    k = knobs(cls)[name]
    usual = k.flatten(defaults(cls)[name], None)[""]
    options = [words.title(option) if k.nested else option for option in k.range]
    among = ", ".join(options) if len(options) < 5 else f"one of {len(options)}"
    return words.title(usual) if k.nested else SAYS.get(usual, usual), SAYS.get(among, among), k.help


def numbers(name: str, run: Trace | None, alone: bool) -> list[tuple[str, str, str]]:
    """The strip of a rule: what it costs, and where its run on the quadratic has ended."""
    number, asked, took = words.number, counted(name), st.session_state.get(TIMES, {}).get(name)
    spread = f"from {asked.least} to {asked.most}" if asked.least != asked.most else "each"
    ratio = (
        (f"{number(took.ratio)} × SGD", f"{number(took.low)} to {number(took.high)}, {number(1e3 * took.seconds)} ms")
        if took
        else ("–", "not measured yet")
    )
    cells = [] if alone else [("Rule", words.title(name), "")]
    cells += [
        ("Gradients a step", number(asked.calls), spread),
        ("Cost a step", number(asked.batches), "whole batches"),
        ("Time a step", *ratio),
    ]
    if run is None:
        return cells
    stable = f"in theory below {number(run.threshold)}" if np.isfinite(run.threshold) else "no theory"
    end = f"in theory {number(run.cycle)}" if run.cycle > 0 else "in theory to 0" if run.cycle == 0 else ""
    return [
        *cells,
        ("Learning rate η", number(run.spec["lr"]), stable),
        (f"Distance at step {run.spec['steps']}", number(drawn.last(run)), end),
    ]


def counted(name: str) -> cost.Count:
    """What a rule asks for, counted once for all who look."""
    rule = RULES[name]()
    return cached.drawn(f"count@{digest(rule)}", 0, False, partial(cost.count, rule))


@st.fragment
def costs(names: list[str], runs: dict[str, Trace]) -> None:
    """The strips, and a button that measures the time on this machine."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key=f"{AT}:costs{len(names)}"):
        with st.container():
            for name in names:
                shell.strip(numbers(name, runs.get(name), len(names) == 1))
        with st.container(width=130, key=f"{AT}:clock"):
            slot = st.empty()
    told = (
        f"Times {' and '.join(map(words.title, names))} in turn with SGD, on the machine that serves this page: "
        "digits, the default MLP, batches of 64."
    )
    if slot.button("Measure here", key=f"{AT}:measure", width="stretch", help=told):
        for lap in cost.race([RULES[name]() for name in names], seconds=PATIENCE * len(names)):
            slot.progress(lap.share, "Measuring")
        st.session_state[TIMES] = st.session_state.get(TIMES, {}) | dict(zip(names, cost.timings(lap), strict=True))
        st.rerun()


def pictures(runs: list[Trace], trial: Trial) -> None:
    """The path of each run, and their distances in common charts."""
    key, version = "-".join(run.spec["rule"]["name"] for run in runs), (trial.eta, trial.rho)
    alone = len(runs) == 1
    columns = st.columns([1.3, 1, 1] if alone else [1.1, 1.1, 1], gap="medium")
    for i, (run, column) in enumerate(zip(runs, columns, strict=False)):
        with column:
            drawing = drawn.plane(run, runs)
            scene.plot(f"path{i}", f"{key}/{drawing.name}", version, Tall.LARGE, drawing, solid=False)
            figures.caption(drawing)
    for column, chart in zip(columns[-2:] if alone else columns[-1:] * 2, (drawn.distances, drawn.ends), strict=True):
        with column:
            tall = Tall.LARGE if alone else Tall.MIXED
            figures.chart(f"{chart.__name__}@{key}/{version}", 0, tall, partial(chart, runs), 280)


def exports(runs: list[Trace]) -> dict[str, download.Draw]:
    """Every figure of the page by its title."""
    made: dict[str, download.Draw] = {
        f"Path of {run.spec['rule']['name']}": partial(drawn.plane, run, runs) for run in runs
    }
    both: dict[str, download.Draw] = {
        "Distance": partial(drawn.distances, runs),
        "End by learning rate": partial(drawn.ends, runs),
    }
    return made | both if runs else {}


def source(name: str) -> None:
    """A rule's own lines."""
    try:
        (lines, first), file = lines_of(RULES[name]), Path(inspect.getsourcefile(RULES[name]) or "")
    except (OSError, TypeError, StopIteration):
        st.caption(f"{escape.markdown(name)}: its source cannot be read here.")
        return
    at = file.relative_to(front.ROOT) if file.is_relative_to(front.ROOT) else file.name
    st.caption(escape.markdown(f"{at}, from line {first}"))
    st.code("".join(lines), language="python", wrap_lines=True)


def lines_of(cls: type) -> tuple[list[str], int]:
    """A class's lines, and the number of their first. Not `inspect.getsourcelines`, which builds the module's syntax
    tree: in Python 3.11 that fails at times where another thread builds one, and every page is compiled in a thread."""
    module = linecache.getlines(inspect.getsourcefile(cls) or "")
    first = next(nth for nth, line in enumerate(module) if re.match(rf"class {cls.__name__}\b", line))
    while first and module[first - 1].startswith("@"):
        first -= 1
    return inspect.getblock(module[first:]), first + 1


def traced(name: str, trial: Trial) -> Trace | str:
    """A rule's run on the quadratic, or in one line why there is none."""
    rule = RULES[name]()
    try:
        return cached.drawn(f"trace@{digest(trial.spec(rule))}", 0, False, partial(quadratic.trace, rule, trial))
    except SpecError as error:
        return f"{words.title(name)} cannot be run on a quadratic: {str(error).removeprefix('rule: ')}"


def glance() -> None:
    """All rules in a table."""
    with st.spinner("Counting each rule’s gradients in a short run"):
        counts = {name: counted(name) for name in RULES}
    rows = [
        shell.entry(
            *(words.title(name), words.number(counts[name].calls), inspect.cleandoc(cls.__doc__ or "")),
            formulas.lines(cls.formula),
        )
        for name, cls in RULES.items()
    ]
    shell.write(shell.table(("Rule", "Gradients a step", "What it is", "Formula"), rows))


shell.receive(TRIALS, AT, {"rule": list(RULES), "other": list(RULES)})
with st.sidebar:
    names = choose()
    trial = slide([RULES[name]() for name in names])
    if st.button(
        "Open on the Train page",
        width="stretch",
        help=f"{words.title(names[0])} on this quadratic, with its settings, to train and to look at.",
    ):
        st.session_state[shell.TAKE] = encode(trial.spec(RULES[names[0]]()))
        st.switch_page("pages/train.py")
alone, found = len(names) == 1, {name: traced(name, trial) for name in names}
runs = {name: run for name, run in found.items() if isinstance(run, Trace)}
menus = shell.heading("Which rule is which?", " beside ".join(map(words.title, names)) + f", of {len(RULES)} rules")
shell.faults()
with menus:
    if names[0] in runs:
        shell.spec_menu(trial.spec(RULES[names[0]]()), f"{names[0]}-quadratic")
    download.menu(exports(list(runs.values())), AT, "-".join(digest(trial.spec(RULES[name]())) for name in runs))
for column, name in zip(st.columns(len(names), gap="medium"), names, strict=True):
    with column:
        entry(name, runs.get(name), alone)
st.caption(
    "$w$: the weights; $g = \\nabla L(w)$, of the batch's loss; $u$: the gradient where the rule has gone up to; $d$: "
    "what the update descends; $\\rho$: the radius. Other letters are the rule's settings, or told beside it."
)
costs(names, runs)
for fault in (said for said in found.values() if isinstance(said, str)):
    st.info(escape.markdown(fault))
if runs:
    pictures(traces := list(runs.values()), trial)
    preview.trial({f"path{i}": RULES[name]() for i, name in enumerate(runs)}, trial, traces[0].rates.tolist(), AT)
with st.expander("Source" if alone else "Settings and source"), st.container(key=f"{AT}:source"):
    for column, name in zip(st.columns(len(names)), names, strict=True):
        with column:
            if not alone:
                shell.write(table(RULES[name]))
            source(name)
overview = st.expander(f"All {len(RULES)} rules", on_change="rerun", key=f"{AT}:all")
if overview.open:
    with overview:
        glance()
link.write({"rule": names[0]} | ({} if alone else {"other": names[1]}) | flatten(trial))
