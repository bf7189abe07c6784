"""Across problems: the numbers of a sweep's rules over several sweeps of one grid, chosen among those that are kept."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine.figures import summaries as summary
from engine.figures import sweeps, words
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import SpecError, decode, describe, fingerprint
from engine.sweeps.across import THRESHOLDS, Standing, alike, standings
from engine.sweeps.spec import SWEEPS
from pages.ui import cached, figures, shell, sweep
from pages.ui.estimates import explained, said
from pages.ui.tall import Tall

CHOSEN = f"{sweep.AT}:problems"
"""Where a session keeps which other sweeps count."""
MEASURED = ("iqm", "improvement", "phi", "dimensionality", "profile")


def show(address: str, record: Sweep, described: Spec, loss: str, called: str) -> None:
    """The numbers over this sweep's problem and those that are chosen, and a profile."""
    others = siblings(address, described)
    if not isinstance(st.session_state.get(CHOSEN), list) or set(st.session_state[CHOSEN]) - set(others):
        st.session_state[CHOSEN] = list(others)[:4]
    st.multiselect(
        "With the sweeps of", list(others), format_func=others.__getitem__, key=CHOSEN, placeholder="no other sweep"
    )
    taken = {problem(described): record} | {
        others[other]: found for other in st.session_state[CHOSEN] if isinstance(found := cached.record(other), Sweep)
    }
    versions = tuple(cached.version(other) for other in (address, *st.session_state[CHOSEN]))
    key = f"standings@{address}/{loss}/{','.join(st.session_state[CHOSEN])}"
    found = cached.drawn(key, versions, False, partial(standings, taken, loss))
    if not found:
        return shell.empty("Not every rule has a run from every seed's start yet.")
    titles = sweeps.titles(described)
    table(titles, found)
    names = [rule["name"] for rule in sweeps.compared(described)]
    curves = [summary.Curve(title, name, one.profile) for title, name, one in zip(titles, names, found, strict=True)]
    draw = partial(summary.profile, curves, THRESHOLDS, called, list(taken), fingerprint(record.spec))
    figures.chart(f"profile@{key}", versions, Tall.MIDDLE, draw)


def table(titles: list[str], found: list[Standing]) -> None:
    """A row for each rule."""
    head = ("Rule", "Interquartile mean", f"Better than {titles[0]}", "Tuning sensitivity Φ", "Knobs to be tuned")
    rows = [
        shell.entry(title, *map(said, (one.middle, one.better, one.phi, one.knobs)))
        for title, one in zip(titles, found, strict=True)
    ]
    shell.write(shell.table(head, rows))
    explained(MEASURED)


def siblings(address: str, described: Spec) -> dict[str, str]:
    """The kept sweeps of other problems with the same rules, grid, seeds and steps: what each is of, by address, told
    apart by the end of that where it is not enough."""
    found: dict[str, str] = {}
    for other, encoded in cached.store().specs("sweeps").items():
        try:
            spec = describe(decode(SWEEPS, encoded))
        except SpecError:  # of another version
            continue
        if other != address and alike(spec, described):
            taken = {problem(described), *found.values()}
            found[other] = f"{problem(spec)} ({other[-6:]})" if problem(spec) in taken else problem(spec)
    return found


def problem(described: Spec) -> str:
    """What a sweep's runs are trained on: "Digits, MLP"."""
    run = described["run"]
    parts = [words.title(part["name"]) for part in (run["problem"].get("data"), run["problem"].get("model")) if part]
    return ", ".join(parts) or words.title(run["problem"]["name"])
