"""The list of runs: what is said of each, which of many are shown, and which of them are chosen."""

from __future__ import annotations

from typing import Any

import streamlit as st
from pandas import DataFrame

from engine.figures import listing, words
from engine.spec import describe, fingerprint
from engine.work import glance, notes
from engine.work.store import Summary
from pages.ui import cached, shell

AT = "runs"
CHOSEN = f"{AT}:chosen"
"""Where a session keeps the digests of the runs that are chosen in the list, for when it comes back to it."""
PAGE = 50
"""Runs in the list at once."""
SAYS = {"unreadable": "cannot be read"}


def row(summary: Summary) -> listing.Row:
    """A line of the table."""
    spec = cached.spec(summary.digest) if summary.status != "unreadable" else None
    last, note = summary.last, noted(summary.digest)
    return {
        **(listing.settings(describe(spec)) if spec else {}),
        "Loss": _glance(summary.digest) if spec else [],
        "Status": SAYS.get(summary.status, cached.status(summary)),
        "Training loss": last.get("train_loss"),
        "Held-out accuracy": last.get("test_accuracy"),
        "Sharpness λ₁": last.get("sharpness"),
        "Tags": ", ".join(note.tags),
        "Note": note.text,
        "Step": summary.step,
        "Gradients": last.get("gradients"),
        "When (UTC)": str(summary.made.get("when", ""))[:16],
        "Device": str(summary.made.get("device", "")),
        "Run": cached.title(summary.digest) if spec else summary.reason,
        "Digest": summary.digest,
    }


def _glance(run: str) -> list[float]:
    """The course of a run's loss, read once for all who look at it as it is."""
    return cached.drawn(f"glance@{run}", cached.version(run), False, lambda: glance.losses(cached.store(), run))


def leaf(kept: list[Summary]) -> list[Summary]:
    """What is shown of all runs: a page of those of the chosen rules in which all words of a search occur."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        about = "Words of the run’s line, its status, its tags and note, its digest; all of them must occur."
        sought = st.text_input(
            "Find", key=f"{AT}:find", placeholder="SAM MLP finished", help=about, persist_state="session"
        )
        rules = _rules(kept)
        found = [s for s in kept if occurs(sought.lower().split(), s) and (not rules or _rule(s) in rules)]
        pages = max(1, -(-len(found) // PAGE))
        st.session_state[f"{AT}:page"] = number = min(st.session_state.get(f"{AT}:page", 1), pages)
        if pages > 1:
            number = st.number_input(f"Page of {pages:,}", 1, pages, key=f"{AT}:page", width=140)
    if not found:
        shell.empty("No run is of these rules and has all these words." if rules else "No run has all these words.")
    return found[PAGE * (number - 1) : PAGE * number]


def _rules(kept: list[Summary]) -> list[str]:
    """A choice among the rules that occur; none is all."""
    occurring = sorted({rule for s in kept if (rule := _rule(s))})
    key = f"{AT}:rules"
    st.session_state[key] = [rule for rule in st.session_state.get(key, []) if rule in occurring]
    return st.multiselect(
        "Rules", occurring, key=key, placeholder="All", persist_state="session", disabled=len(occurring) < 2
    )


def _rule(summary: Summary) -> str:
    """The rules of a run; "" where its record cannot be read."""
    return listing.rule_names(summary.spec) if summary.spec else ""


def occurs(sought: list[str], summary: Summary) -> bool:
    """Whether all words occur in what the list says of a run."""
    if not sought:
        return True
    text = f"{cached.title(summary.digest)} {cached.status(summary)} {summary.digest} {summary.reason}"
    text = f"{text} {noted(summary.digest).words}".lower()
    return all(word in text for word in sought)


def noted(run: str) -> notes.Note:
    """What somebody wrote about a run."""
    store = cached.store()
    return cached.drawn(f"note@{run}", notes.stamp(store, run), False, lambda: notes.read(store, run))


def table(kept: list[Summary]) -> list[Summary]:
    """The list; the runs that are chosen in it."""
    key, given = f"{AT}:table@{fingerprint({'runs': [s.digest for s in kept]})}", st.session_state.get(CHOSEN, [])
    fresh = [i for i, s in enumerate(kept) if s.digest in given and key not in st.session_state]
    choice = st.dataframe(
        _written(listing.filled([row(s) for s in kept])),
        column_config=_columns(),
        hide_index=True,
        height=min(330, 36 * len(kept) + 40),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": fresh}} if fresh else None,
        placeholder="–",
        alt="All runs, the newest first",
    )
    chosen = [kept[i] for i in choice["selection"]["rows"] if i < len(kept)]
    st.session_state[CHOSEN] = [s.digest for s in chosen]
    return chosen


def _written(rows: list[listing.Row]) -> Any:
    """The table, as a pandas Styler: sorted by its values, with its numbers written as everywhere."""
    frame = DataFrame(rows)
    said = {name: form for name, form in WRITTEN.items() if name in frame}
    return frame.style.format(said, na_rep=words.NONE)


NUMBERS = "Learning rate", "ρ", "Seed", "Training loss", "Sharpness λ₁", "Step", "Gradients"
WRITTEN = dict.fromkeys(NUMBERS, words.number)
WRITTEN |= {"Batch": lambda size: words.number(size) if size else "all", "Held-out accuracy": words.percent}
"""How numbers are written, by their columns."""


def _columns() -> dict[str, Any]:
    """How the columns are written."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    gradients = "Gradient evaluations of all steps, each by the share of the batch it is taken on."
    return {
        "ρ": number("ρ", help="The radius of the last rule that has one."),
        "Batch": number(help="Examples in a batch."),
        "Loss": st.column_config.LineChartColumn(
            width=90, help="The training loss along the run, on a logarithmic scale, each run on its own."
        ),
        "Gradients": number(help=gradients),
        "Tags": text(width=110),
        "Note": text(width=180),
        "Run": text(width=350),
        "Digest": text(width=130),
    }
