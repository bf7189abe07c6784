"""Parcels: several figures in one ZIP, with their numbers, their captions and what they were made from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from engine.figures import escape
from engine.figures.drawing import Drawing
from engine.figures.parallel import Parallel
from engine.figures.render import latex, numbers, paper
from engine.figures.render.folder import pack

Drawings = Mapping[str, Drawing | Parallel]


def figures(drawings: Drawings, width: float = 5.5, clear: bool = False) -> bytes:
    """A ZIP of drawings by their files' names, without endings: each as PDF `width` inches wide and as CSV, all
    captions as text and as LaTeX, and a README.txt that names the specs' digests."""
    return pack(_files(drawings, width, clear))


def _files(drawings: Drawings, width: float, clear: bool) -> Iterator[tuple[str, bytes]]:
    yield "README.txt", _readme(drawings).encode()
    yield "captions.txt", "\n\n".join(map(caption, drawings.values())).encode() + b"\n"
    yield "figures.tex", "\n".join(latex.environment(one, name) for name, one in drawings.items()).encode()
    for name, drawing in drawings.items():
        yield f"{name}.pdf", paper.export(drawing, "pdf", width, clear=clear)
        yield f"{name}.csv", numbers.csv(drawing).encode()


def caption(drawing: Drawing | Parallel) -> str:
    """A drawing's title and caption as text."""
    return f"{escape.line(drawing.title)}\n{escape.line(drawing.words)}"


def _readme(drawings: Drawings) -> str:
    about = (
        "Figures made by Ravine: each as PDF, its numbers as CSV. captions.txt has the captions as text, figures.tex "
    )
    about += "as LaTeX figures, which need graphicx. After each title stand the digests of the specs behind it."
    rows = (f"{name}: {escape.line(one.title)}\n    {escape.line(one.source)}" for name, one in drawings.items())
    return "\n".join((*textwrap.wrap(about, 100), "", *rows, ""))
