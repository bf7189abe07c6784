"""Pairs on a page: what was computed of a run beside the same of another one, on equal axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from engine.figures import escape
from engine.figures.comparison import named
from engine.records import Run
from engine.spec import describe
from engine.training.runs import RunSpec
from pages.ui import figures, shell
from pages.ui.tall import Tall


class Subject(NamedTuple):
    """The run that is looked at."""

    run: str
    record: Run
    spec: RunSpec


class Shown(NamedTuple):
    """What was computed of a run, as far as it is."""

    about: Subject
    record: Any
    address: str
    version: tuple[int, ...]

    @property
    def described(self) -> dict[str, Any]:
        """The run's spec, as figures are given it."""
        return describe(self.about.spec)


Pair = Callable[..., tuple[Any, Any]]
"""A drawing of each of two runs on equal axes: a function of a record, its run's encoded spec, and of the other two."""


def both(pair: Pair, mine: Shown, theirs: Shown) -> tuple[Any, Any]:
    """A figure of two runs."""
    return pair(mine.record, mine.described, theirs.record, theirs.described)


def one_of(pair: Pair, mine: Shown, theirs: Shown, nth: int) -> Any:
    """The figure of the first run, or that of the second."""
    return both(pair, mine, theirs)[nth]


def called(mine: Shown, theirs: Shown) -> list[str]:
    """What tells two runs apart."""
    return named([mine.about.spec, theirs.about.spec])[1]


def charts(name: str, pair: Pair, mine: Shown, theirs: Shown, tall: Tall, columns: int = 1) -> None:
    """A chart of two runs, the second below the first or beside it, each under what tells its run from the other."""
    of, version = f"{mine.address},{theirs.address}", (mine.version, theirs.version)
    places = st.columns(columns, gap="medium")
    for nth, said in enumerate(called(mine, theirs)):
        with places[nth % columns]:
            label(said)
            figures.chart(f"{name}{nth}@{of}", version, tall, partial(one_of, pair, mine, theirs, nth), width=480)


def label(name: str) -> None:
    """What a figure below is of."""
    shell.write(escape.html("<p class='of'>{}</p>", name))
