"""The boundary of trainability on a page: its dimension with an interval, what that is, and the boxes behind it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine.figures import boundary as figure
from engine.figures import sweeps
from engine.figures.words import Spec
from engine.records import Sweep
from engine.spec import fingerprint
from engine.sweeps.boundary import boundaries
from engine.sweeps.measures import MEASURES
from pages.ui import cached, figures, shell
from pages.ui.estimates import explained, said
from pages.ui.tall import Tall


def show(address: str, version: tuple[int, ...], record: Sweep, described: Spec) -> None:
    """The dimension of every rule's boundary, or why there is none, and the counts of boxes; nothing before the sweep
    is complete."""
    if (record.outcomes["state"] == 0).any():
        return
    found = cached.drawn(f"boundary@{address}", version, False, partial(boundaries, record))
    measure = MEASURES["dimension"]
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        rows = [
            shell.entry(title, said(one.boxes.dimension) if one.boxes else one.why)
            for title, one in zip(sweeps.titles(described), found, strict=True)
        ]
        shell.write(shell.table(("Rule", measure.title), rows))
        explained(("dimension",))
    if any(one.boxes for one in found):
        with right:
            draw = partial(figure.counts, found, described, fingerprint(record.spec))
            figures.chart(f"boxes@{address}", version, Tall.HALF, draw)
