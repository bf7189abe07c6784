"""Beside it: the rules that are trained along with the one of the controls, as chips in their colours and in the
address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from engine.figures import escape, words
from engine.figures.theme import colour, rule_colour
from engine.rules import RULES
from engine.rules.wrapped import LEADING
from engine.training.runs import RunSpec
from engine.work.beside import MOST, together
from engine.work.presets import TRIO
from pages.ui import link, shell

NAME = "beside"
"""The address's parameter: names of rules."""
FIRST, OTHERS = "train:beside", "train:beside:others"
"""Where a session keeps which of the leading rules are chosen, and which of the others."""
LEAD = [cls.__name__ for cls in LEADING]
HELP = (
    "Each is trained from the same start on the same batches. It has its usual settings, but its radius is as many "
    "times the usual one as that of the rule above. Switches stay with the rule above."
)


def adopt() -> list[str]:
    """Takes over the rules that came with the address, one without any says that there are none; a line on those that
    are not known."""
    if not link.outside():
        return []
    names = list(filter(None, st.query_params.get(NAME, "").split(",")))
    fill(names)
    unknown = next((name for name in names if name not in RULES), None)
    return [f"{NAME}: there is no rule {unknown[:40]!r}"] if unknown else []


def undecided() -> bool:
    """Whether the session has never said which rules it wants."""
    return FIRST not in st.session_state and NAME not in st.query_params


def usual(spec: RunSpec) -> None:
    """Chooses what is beside a preset: the rules of TRIO beside the run that ships, with which a newcomer begins, and
    none beside any other, for its sentence is of that run alone."""
    fill([type(one.rule).__name__ for one in TRIO] if spec == RunSpec() else [])


def fill(names: Sequence[str]) -> None:
    """Chooses rules; to be called before the chips are drawn."""
    st.session_state[FIRST] = [name for name in LEAD if name in names]
    st.session_state[OTHERS] = [name for name in RULES if name in names and name not in LEAD]


def chosen(own: str) -> list[str]:
    """The rules beside one, as many as there may be."""
    names = [*(st.session_state.get(FIRST) or []), *(st.session_state.get(OTHERS) or [])]
    return [name for name in names if name != own][: MOST - 1]


def chips(own: str, spec: RunSpec | None) -> None:
    """The choice of the rules beside the one that is chosen already; those that cannot be are told."""
    fill(chosen(own))
    lead = [name for name in LEAD if name != own]
    others = [name for name in RULES if name not in LEAD and name != own]
    _pills("Beside it, from the same start", lead, FIRST, HELP)
    picked = ", ".join(map(words.title, st.session_state[OTHERS]))
    label = f"Other rules: {picked}" if picked else f"{len(others)} other rules"
    with st.popover(escape.markdown(label), width="stretch", wrap=True, key=f"{OTHERS}:open"):
        _pills(f"At most {MOST} rules in all", others, OTHERS)
    for fault in together(spec, chosen(own))[1] if spec else []:
        st.caption(escape.markdown(fault))


def _pills(label: str, names: list[str], key: str, about: str | None = None) -> None:
    shell.write(escape.html("<style>{}</style>", escape.join("{}", _hues(key, names))))
    st.pills(
        label,
        names,
        selection_mode="multi",
        format_func=words.title,
        key=key,
        help=about,
        wrap=True,
        width="stretch",
        persist_state="session",
    )


def _hues(key: str, names: list[str]) -> Iterator[escape.Html]:
    """The style of each chip: a mark in its rule's colour, all around where it is chosen."""
    place = key.replace(":", "-")
    for nth, name in enumerate(names, start=1):
        hue = colour(rule_colour(name), shell.dark())
        yield escape.html(
            ".st-key-{} button[kind^=pills]:nth-of-type({}) {{ border: 1px solid {}; box-shadow: inset 5px 0 0 {}; }}",
            *(place, nth, hue, hue),
        )
        yield escape.html(
            ".st-key-{} button[kind=pillsActive]:nth-of-type({}) {{ box-shadow: inset 0 0 0 3px {}; }}",
            *(place, nth, hue),
        )


def runs(spec: RunSpec) -> list[RunSpec]:
    """A run and those beside it, in the order of the rules; itself alone where none is chosen."""
    return together(spec, chosen(type(spec.rule).__name__))[0]


def address(own: str) -> dict[str, str]:
    """What the address says of it."""
    names = chosen(own)
    return {NAME: ",".join(names)} if names else {}


def called(specs: Sequence[RunSpec]) -> str:
    """What the button says that trains these runs."""
    return {0: "Train", 1: "Train", 2: "Train both"}.get(len(specs), f"Train all {len(specs)}")
