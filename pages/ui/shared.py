"""What the runs of a sweep or of a design share: the rules side by side and the run's other settings; and the way to
one of the runs."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import streamlit as st

from engine.figures import escape, words
from engine.rules import RULES
from engine.spec import SpecError, complete, decode, digest
from engine.training.runs import RUNS, RunSpec
from pages.ui import cached, controls, person, shell
from pages.ui.cells import cell

MOST = 6
"""Rules side by side."""
FIELDS = ("problem", "update", "schedule", "batch", "steps", "seed", "every", "curvature", "radius", "clip", "warmup")
"""Fields of the run that are common to all, in the order of their controls."""


def fill(at: str, spec: Any) -> None:
    """Sets the controls below a prefix to a sweep or a design."""
    controls.fill(at, spec)
    rules = [complete(rule) for rule in spec.compared]
    st.session_state[f"{at}:given"] = {words.part(rule): rule for rule in rules}
    st.session_state[f"{at}:rules"] = [words.part(rule) for rule in rules]


def rules(at: str, turned: Container[str]) -> list[Any]:
    """A choice of the rules that are compared, in JSON form: the usual ones of all classes, and those of a link. They
    are called without the knobs that are `turned`, whose values are the map's."""
    known = {words.part(complete(cls())): complete(cls()) for cls in RULES.values()}
    known |= st.session_state.get(f"{at}:given", {})
    st.multiselect(
        "Rules",
        list(known),
        format_func=lambda name: words.part(_without(known[name], turned)),
        key=f"{at}:rules",
        max_selections=MOST,
        persist_state="session",
    )
    return [known[name] for name in st.session_state[f"{at}:rules"]]


def _without(rule: dict[str, Any], turned: Container[str]) -> dict[str, Any]:
    """A rule without the settings that are turned."""
    return {
        key: _without(value, turned) if isinstance(value, dict) else value
        for key, value in rule.items()
        if f"rule.{key}" not in turned
    }


def run(cls: type, at: str) -> tuple[RunSpec | None, bool]:
    """The controls of what all runs share, in a popover that says the main of it; the run that they describe. Where
    they describe none, the reason stands on the page: the run before, if there was one, and False."""
    place = cell(cls, at, "run")
    values = place.read()
    try:
        found, told = decode(RUNS, values), _told(values)
    except SpecError as error:
        found, told = None, "The runs"
        st.error(escape.markdown(f"run.{error}"))
    with st.popover(escape.markdown(told), width="stretch", wrap=True, key=f"{at}:run"):
        controls.grid(RunSpec, f"{place.key}.RunSpec", FIELDS)
    if found is not None:
        st.session_state[f"{at}:last"] = found
    return st.session_state.get(f"{at}:last"), found is not None


def _told(run: dict[str, Any]) -> str:
    problem = run["problem"]
    names = [words.title(part["name"]) for part in (problem.get("data"), problem.get("model")) if part]
    return f"{', '.join(names) or words.title(problem['name'])}: {run['steps']:,} steps"


def called(name: str, names: dict[str, str]) -> str:
    """A knob's label, and what it belongs to where that is not the run itself."""
    rooms = {"problem.data": "data", "problem.model": "model", "update": "update", "rule": "rule"}
    where = next((word for start, word in rooms.items() if name.startswith(f"{start}.")), "")
    return f"{names[name]} ({where})" if where else names[name]


def open_run(at: str, run: RunSpec, loss: float, seed: int) -> None:
    """A button that trains one of the runs by itself, or opens it where that was done, with both losses."""
    alone = cached.run(digest(run))
    if alone is not None and alone.complete:
        end = float(alone.measures["train_loss"][-1])
        label = f"Open seed {run.seed}: {words.number(end, 4)} alone, {words.number(loss, 4)} here"
        help_ = "Here it was trained together with others, which gives the same run up to rounding."
    else:
        label = f"Train seed {run.seed} by itself and open it"
        help_ = "The same run with its path, bit for bit as alone."
    st.button(label, key=f"{at}:open{seed}", on_click=_take, args=(at, run), help=help_)


def _take(at: str, run: RunSpec) -> None:
    """Trains a run by itself unless it was, and opens it."""
    kept = cached.run(digest(run))
    name = digest(run) if kept is not None and kept.complete else person.train(run, None, fresh=False)
    if name:
        st.session_state[shell.RUN] = name
        st.session_state[f"{at}:opened"] = True
