"""Figures on a page: drawings made once for all who look at the same version, each with its caption below."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from engine.figures import escape
from engine.figures.drawing import Chart, Drawing, Map
from engine.figures.parallel import Parallel
from engine.figures.render import paper, rails, vega
from pages.ui import cached, shell
from pages.ui.tall import Tall


def chart(key: str, version: Any, tall: Tall, draw: Callable[[], Chart | Parallel], width: int = 360) -> None:
    """A chart, or lines over parallel axes, that is updated in place; `key` and `version` say what it shows, and how
    far; it is as `tall` as that is of the window, and the labels of its marks count on `width` pixels."""
    dark = shell.dark()

    def show() -> None:
        drawing, rows, spec = _vega(draw(), dark, tall.pixels, width)
        # by its name: a table without one comes after a first drawing without it, of whose scales Vega complains
        named = {"data": {"name": "rows"}, "datasets": {"rows": rows}}
        name = key.partition("@")[0]
        with st.container(key=name + tall.mark):
            st.vega_lite_chart(None, spec | named, theme=None, key=name, alt=drawing.title, height="stretch")
            caption(drawing)

    cached.shown(key, version, dark, show)


def portrait(key: str, version: Any, draw: Callable[[], Map]) -> None:
    """A map as a still picture, without any script."""
    dark = shell.dark()
    drawing, picture = cached.drawn(key, version, dark, lambda: _still(draw(), dark))
    st.image(picture, width="stretch", alt=f"{drawing.title}. {drawing.words}")
    caption(drawing)


def caption(drawing: Drawing | Parallel) -> None:
    """A figure's caption: its first sentence, and the rest at a click."""
    first, *rest = re.split(r"(?<!et al)\. ", drawing.words, maxsplit=1)
    more = [escape.html("<details><summary>{}.</summary>{}</details>", first, others) for others in rest]
    shell.write(escape.html("<div class='caption'>{}</div>", *(more or [first])))


def _vega(drawing: Chart | Parallel, dark: bool, height: int, width: int) -> tuple[Chart | Parallel, Any, Any]:
    if isinstance(drawing, Parallel):
        rows, spec = rails.lines_on_screen(drawing, dark, height, width)
    else:
        rows, spec = vega.vega(drawing, dark, height, width)
    return drawing, rows, spec


def _still(drawing: Map, dark: bool) -> tuple[Map, bytes]:
    return drawing, paper.export(drawing, "png", 4.6, dark=dark)
