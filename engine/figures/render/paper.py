"""Print: a drawing as a Matplotlib figure of exact width, as PDF, SVG or PNG; the same drawing gives the
same bytes."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from threading import Lock
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from engine.figures import escape
from engine.figures.drawing import Chart, Drawing, Map, Tiles
from engine.figures.parallel import Parallel
from engine.figures.render import pgf
from engine.figures.render.axes import draw, name
from engine.figures.render.frame import Frame
from engine.figures.render.plane import map_in_print
from engine.figures.render.rails import lines_in_print
from engine.figures.render.tiles import side_by_side
from engine.figures.theme import DARK, LIGHT, text_size

for _font in sorted((Path(__file__).resolve().parents[3] / "assets" / "fonts").glob("*.ttf")):
    fontManager.addfont(_font)  # the page's own face; what it has no letters for is DejaVu's
matplotlib.rcParams.update(
    {
        "font.family": ["Ravine Sans", "DejaVu Sans"],
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "ravine",
        "text.parse_math": False,
    }
)
FORMATS = ("pdf", "svg", "png", "pgf")
ENDINGS = {"pgf": "pgf.zip"}
"""Of files that do not end as their form is called."""
SCREEN = 150
"""Dots per inch of a PNG at single size; double, 300, is what journals ask for."""
TOP = Lock()
"""Matplotlib's font code is not safe to run in two threads at once."""


def figure(drawing: Drawing | Parallel, width: float = 5.5, caption: bool = False) -> Figure:
    """The drawing `width` inches wide, its text sized as in the paper of that width; with `caption`, its words stand
    below it."""
    size = text_size(width)
    words = textwrap.wrap(drawing.words, int(width * 72 / (0.5 * size))) if caption else []
    foot = (1.35 * len(words) + 0.8) * size / 72 if words else 0.0
    if isinstance(drawing, Map) and not drawing.empty:
        result = map_in_print(drawing, width, foot, size)
    elif isinstance(drawing, Tiles) and not drawing.empty:
        result = side_by_side(drawing, width, foot, size)
    elif isinstance(drawing, Parallel) and not drawing.empty:
        result = lines_in_print(drawing, width, foot, size)
    else:
        result = Figure(figsize=(width, 0.6 * width + foot), layout="constrained", facecolor="white")
        axes = result.add_subplot()
        rows = draw(axes, drawing, width, size)
        if isinstance(drawing, Chart) and not drawing.empty:
            name(axes, drawing, Frame(result, 0, foot, width, 0.6 * width), size, rows)
    if words:
        result.supxlabel("\n".join(words), x=0.01, ha="left", fontsize=size, linespacing=1.15, color=LIGHT.text)
    return result


def export(
    drawing: Drawing | Parallel,
    form: str,
    width: float = 5.5,
    caption: bool = False,
    dark: bool = False,
    outlines: bool = False,
    clear: bool = False,
    times: int = 2,
) -> bytes:
    """The bytes of a "pdf", "svg" or "png" file `width` inches wide, a PNG `times` SCREEN dots to the inch, or of a ZIP
    with a "pgf" and its rasters. It carries title, caption and the specs' digests, and no date.

    `dark` is for a dark page to show: light text on no background. With `outlines` an SVG's letters are shapes, which
    look the same where the font is not installed, instead of text, which can be edited and found. With `clear` there
    is no background either.
    """
    with TOP:
        made = figure(drawing, width, caption)
        see(made)
        if dark:
            _darken(made)
        if clear:
            without_ground(made)
        with matplotlib.rc_context({"svg.fonttype": "path" if outlines else "none"}):
            return write(made, form, times, drawing.title, drawing.words, drawing.source)


def write(made: Figure, form: str, times: int, title: str, words: str, source: str) -> bytes:
    """The bytes of a figure in one of FORMATS, with what the file says of itself."""
    if form == "pgf":
        return pgf.export(made, title, source, SCREEN * times)
    buffer = io.BytesIO()
    made.savefig(buffer, format=form, dpi=SCREEN * times, metadata=about(title, words, source, form))
    return buffer.getvalue()


def about(title: str, words: str, source: str, form: str) -> dict[str, Any]:
    """What a file of a form says of itself, as Matplotlib takes it."""
    title, words, source = map(escape.line, (title, words, source))
    own: dict[str, dict[str, Any]] = {
        "pdf": {"Subject": words, "Keywords": source, "Creator": "Ravine", "CreationDate": None},
        "svg": {"Description": words, "Keywords": [source], "Creator": "Ravine", "Date": None},
        "png": {"Description": words, "Source": source, "Software": "Ravine"},
    }
    return {"Title": title} | own[form]


def see(made: Figure) -> None:
    """Leaves no character in a text that XML cannot hold, or that turns those after it around."""
    for text in made.findobj(Text):
        assert isinstance(text, Text)
        text.set_text("\n".join(map(escape.line, text.get_text().split("\n"))))


def without_ground(made: Figure) -> None:
    """Takes the background away."""
    made.patch.set_alpha(0)
    for axes in made.axes:
        axes.patch.set_alpha(0)


def _darken(made: Figure) -> None:
    made.patch.set_alpha(0)
    for text in made.findobj(Text):
        assert isinstance(text, Text)
        text.set_color(DARK.text)
        if (ground := text.get_bbox_patch()) is not None:  # words that stand on paper of their own
            ground.set_facecolor(DARK.paper)
    for axes in made.findobj(Axes):
        assert isinstance(axes, Axes)
        axes.tick_params(color=DARK.axis, labelcolor=DARK.text)
        for spine in axes.spines.values():
            spine.set_edgecolor(DARK.axis)
