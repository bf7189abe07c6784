"""What has been run? Every run kept, its end and its numbers; open, compare, delete, take away and bring back."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from engine.analyses.weights import FORMATS, weights_file
from engine.figures import charts, comparison, escape, outcomes, words
from engine.figures.drawing import Chart
from engine.spec import SpecError, describe, dumps, encode, fingerprint, parse
from engine.training.runs import RUNS, RunSpec
from engine.work import notes
from engine.work.store import Summary
from pages.ui import against, cached, download, figures, joint, link, listing, person, shell
from pages.ui.tall import Tall

AT, LARGEST = "runs", 100_000
MEASURE, OVER, ACROSS, SEEDS = (f"{AT}:{name}" for name in ("measure", "over", "across", "seeds"))
"""Where a session keeps what runs are compared by and over, over which outcome, and whether seeds go together."""
NEWEST = 4
"""Runs whose curves are shown while none is chosen."""
OUTCOME = "outcome"
"""Of OVER: runs are compared over another measure's last value, a mark for each, not by their curves."""


def actions(chosen: list[Summary]) -> None:
    """What can be done with the chosen runs; a button that cannot act says why."""
    one = chosen[0].digest if len(chosen) == 1 and chosen[0].status != "unreadable" else None
    spec = cached.spec(one) if one else None
    with st.container(horizontal=True, gap="small"):
        if (
            st.button(
                "Open",
                type="primary",
                disabled=spec is None,
                help=None if spec else "Choose one readable run in the list.",
            )
            and one
        ):
            st.session_state[shell.RUN] = st.session_state[shell.TAKE] = one
            st.switch_page("pages/train.py")
        st.download_button(
            "Download spec",
            dumps(spec) if spec else "",
            f"{one}.json",
            "application/json",
            disabled=spec is None,
            on_click="ignore",
        )
        weights(one, spec)
        compare(chosen)
        runs = [summary.digest for summary in chosen]
        fits = 2 <= len(runs) <= joint.MOST and all(joint.fits(runs[0], other) for other in runs[1:])
        why = None if fits else "Choose two to six runs of one problem in the list."
        if st.button("One landscape", disabled=not fits, help=why):
            joint.show_together(runs)
            st.switch_page("pages/landscape.py")
        keep(chosen)
        note(one)
        ours = all(person.may_delete(summary.digest) for summary in chosen)
        why = None if chosen and ours else person.THEIRS if chosen else "Choose runs in the list first."
        if st.button("Delete", disabled=bool(why), help=why, key=f"{AT}:delete"):
            confirm(chosen)


def compare(chosen: list[Summary]) -> None:
    """A button that compares all runs against the one that is chosen, or, of two, the first with the second."""
    runs = [summary.digest for summary in chosen if summary.status != "unreadable"]
    fits, two = len(runs) == len(chosen) in (1, 2), len(chosen) == 2
    about = "Train, Landscape, Spectrum and Alignment then show every run together with this one, on equal axes."
    about = "These two together, on Train, Landscape, Spectrum and Alignment, on equal axes." if two else about
    why = about if fits else "Choose one or two readable runs in the list."
    if st.button("Compare both" if two else "Compare against", disabled=not fits, help=why) and fits:
        against.choose(runs[-1])
        if two:
            st.session_state[shell.RUN] = st.session_state[shell.TAKE] = runs[0]
            st.switch_page("pages/train.py")
        st.rerun()


def note(run: str | None) -> None:
    """A menu in which tags and a note are written about a run, by whoever may delete it."""
    why = "Choose one readable run in the list." if run is None else "" if person.may_delete(run) else person.THEIRS
    if run is None or why:
        st.button("Note", disabled=True, help=why, key=f"{AT}:note")
        return
    with st.popover("Note", help="Tags and words that a run is found by"):
        kept = listing.noted(run)
        tags = st.text_input("Tags", ", ".join(kept.tags), key=f"{AT}:tags@{run}", placeholder="baseline, figure 2")
        about = f"At most {notes.LETTERS} characters; {notes.TAGS} tags of {notes.LENGTH}, parted by commas."
        text = st.text_area("Note", kept.text, max_chars=notes.LETTERS, key=f"{AT}:text@{run}", help=about)
        if st.button("Save", key=f"{AT}:save"):
            try:
                person.note(run, notes.typed(text, tags))
            except SpecError as error:
                st.error(escape.markdown(error))
            else:
                st.rerun()


def keep(chosen: list[Summary]) -> None:
    """A button that keeps runs however full the store is, or no longer; for a server's owner alone."""
    if person.public():
        return
    stay = not chosen or not all(cached.store().pinned(summary.digest) for summary in chosen)
    about = "Kept runs stay when a public server's store is full."
    if st.button("Keep" if stay else "Keep no longer", disabled=not chosen, help=about):
        try:
            for summary in chosen:
                cached.store().pin(summary.digest, stay)
        except SpecError as error:
            st.session_state[person.REFUSED] = str(error)
        st.rerun()


def weights(digest: str | None, spec: RunSpec | None) -> None:
    """A menu that takes away a checkpoint's tensors, by name."""
    run = cached.run(digest) if digest and spec else None
    if digest is None or run is None or spec is None or not len(run.path):
        st.button("Download weights", disabled=True, help="Choose one run that has been measured.")
        return
    with st.popover("Download weights", help="A checkpoint's tensors with their names and shapes"):
        checkpoint = st.number_input(
            "Checkpoint",
            -1,
            len(run.path) - 1,
            key=f"{AT}:checkpoint@{digest}",
            help="Which measured point of the path, counted from 0; -1 is the last.",
        )
        for form in FORMATS:
            data = partial(content, spec, digest, checkpoint, form)
            st.download_button(form, data, f"{digest}.{form}", key=f"{AT}:{form}", on_click="ignore")


def content(spec: RunSpec, digest: str, checkpoint: int, form: str) -> bytes:
    """A file of weights, for which the run's path is read when somebody asks for it."""
    return weights_file(spec, cached.store().run(digest, growing=cached.at_work(digest)), checkpoint, form)


@st.dialog("Delete for good?")
def confirm(chosen: list[Summary]) -> None:
    """Asks once more."""
    st.write(f"{len(chosen):,} run{'s' if len(chosen) != 1 else ''} with all surfaces, spectra and alignments:")
    for summary in chosen[:8]:
        st.caption(escape.markdown(listing.row(summary)["Run"]))
    with st.container(horizontal=True, gap="small"):
        if st.button("Delete"):
            for summary in chosen:
                person.delete(summary.digest)
            st.rerun()
        if st.button("Cancel"):
            st.rerun()


def upload() -> None:
    """Takes a spec's JSON file into the train page's controls."""
    file = st.file_uploader(
        "A run's spec",
        type="json",
        max_upload_size=1,
        help="JSON as this page downloads it; its settings open on the Train page.",
    )
    if file is None:
        return
    try:
        if file.size > LARGEST:
            raise SpecError(f"file: expected at most {LARGEST:,} bytes, got {file.size:,}")
        spec = parse(RUNS, file.getvalue().decode())
    except (SpecError, UnicodeDecodeError) as error:
        st.error(escape.markdown(error) if isinstance(error, SpecError) else "file: not text that can be read")
        return
    st.success(f"This is {escape.markdown(words.brief(spec))}.")
    if st.button("Open on the Train page", width="stretch"):
        st.session_state[shell.TAKE] = encode(spec)
        st.switch_page("pages/train.py")


def chart(chosen: list[Summary], measure: str, over: str, seeds: bool) -> Chart:
    """One measure of the chosen runs over one of `comparison.OVER`, where `seeds` go together as their median; reads
    nothing of the session, which a download is made without."""
    kept = [
        (spec, run)
        for s in chosen
        if (spec := cached.spec(s.digest)) and (run := cached.run(s.digest)) and run.measures
    ]
    alike, labels = (comparison.seeds_together if seeds else comparison.named)([spec for spec, _ in kept])
    curves = [(label, describe(spec), charts.columns(run)) for label, (spec, run) in zip(labels, kept, strict=True)]
    return comparison.compare(curves, measure, over, alike)


def scattered(runs: list[Summary], across: str, up: str) -> Chart:
    """One outcome of runs over another; reads nothing of the session."""
    return outcomes.scatter([(describe(spec), s.last) for s in runs if (spec := cached.spec(s.digest))], across, up)


def compared() -> None:
    """The choice of what runs are compared by, and over."""
    named: dict[str, Any] = {"format_func": lambda m: charts.MEASURES[m][0], "persist_state": "session"}
    st.selectbox("Compare by", list(charts.MEASURES), key=MEASURE, **named)
    st.radio(
        "Over",
        [*comparison.OVER, OUTCOME],
        format_func=lambda o: comparison.OVER[o][0].capitalize() if o in comparison.OVER else "Another outcome",
        key=OVER,
        persist_state="session",
        help=comparison.OVER["step"][1],
    )
    if st.session_state[OVER] == OUTCOME:
        st.selectbox("Outcome", list(charts.MEASURES), key=ACROSS, help="As each run was last measured.", **named)
        return
    st.toggle(
        "Seeds together",
        key=SEEDS,
        persist_state="session",
        help="Runs that differ in their seed alone as one line: their median within their range.",
    )


def pictured(shown: list[Summary], chosen: list[Summary]) -> tuple[list[Summary], Callable[[], Chart]]:
    """The runs that the picture is of: where none is chosen the newest of one problem, whose names are short, or all
    that are listed where outcomes are compared; and how it is drawn."""
    measure, over = st.session_state[MEASURE], st.session_state[OVER]
    if over == OUTCOME:
        return chosen or shown, partial(scattered, chosen or shown, st.session_state[ACROSS], measure)
    measured = [summary for summary in shown if summary.last]
    alike = [s for s in measured if cached.problem(s.digest) == cached.problem(measured[0].digest)]
    runs = chosen or alike[:NEWEST]
    return runs, partial(chart, runs, measure, over, bool(st.session_state.get(SEEDS)))


def address(chosen: list[Summary]) -> dict[str, str]:
    """What the address says."""
    measure, over, across = (st.session_state[key] for key in (MEASURE, OVER, ACROSS))
    more = {"across": across} if over == OUTCOME else {"seeds": "together"} if st.session_state.get(SEEDS) else {}
    runs = {"runs": ",".join(s.digest for s in chosen)} if chosen else {}
    return {"measure": measure, "over": over} | more | runs


came = link.arrived() or {}
for key, name, allowed, usual in (
    (MEASURE, "measure", charts.MEASURES, "train_loss"),
    (OVER, "over", (*comparison.OVER, OUTCOME), "step"),
    (ACROSS, "across", charts.MEASURES, "sharpness"),
):
    if came.get(name) in allowed:
        st.session_state[key] = came[name]
    st.session_state.setdefault(key, usual)
if came:
    st.session_state[SEEDS] = came.get("seeds") == "together"
if "runs" in came:
    st.session_state[listing.CHOSEN] = st.session_state[f"{AT}:first"] = came["runs"].split(",")
kept = cached.summaries()
with st.sidebar:
    compared()
    with st.popover("Load a spec", width="stretch", help="A JSON file that this page or a Spec menu wrote"):
        upload()
menus = shell.heading("What has been run?", f"{len(kept)} runs kept" if len(kept) != 1 else "1 run kept")
shell.faults()
if not kept:
    st.info("Nothing has been run here yet.")
    if st.button("Train a run", type="primary"):
        st.switch_page("pages/train.py")
else:
    first = st.session_state.get(f"{AT}:first", [])
    shown = listing.leaf(sorted(kept, key=lambda summary: summary.digest not in first))
    above = st.container()  # the list's own toolbar covers what stands over its right end
    chosen = listing.table(shown) if shown else []
    with above:
        actions(chosen)
    runs, draw = pictured(shown, chosen)
    said = address(chosen)
    with menus:
        against.chip()
        name = runs[0].digest if len(runs) == 1 else fingerprint({"runs": [s.digest for s in runs]})
        download.menu({f"Comparison by {charts.MEASURES[said['measure']][0]}": draw} if runs else {}, AT, name)
    if runs:
        version = (*said.items(), tuple(s.step for s in runs))
        figures.chart(f"compare@{name}", version, Tall.HERO, draw, width=1000)
        if not chosen:
            st.caption("No run is chosen: the first of one problem." if said["over"] != OUTCOME else "All runs listed.")
    else:
        shell.empty("Nothing was measured in these runs.")
    link.write(said)
