"""Handouts: a paper on one printed page, with its claim, its formula, the figures and checks of its experiments, and the exact specs."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from matplotlib.figure import Figure

from engine.figures import paper
from engine.figures.drawing import Chart, Drawing
from engine.figures.theme import LIGHT

WIDTH, HEIGHT, RIM = 8.27, 11.69, 0.6
"""A4, and its margin, in inches."""
MOST = 4
"""Experiments that there is room for."""


class About(Protocol):
    """What is said of a paper."""

    name: str
    title: str
    by: str
    arxiv: str
    claim: str
    mechanism: Sequence[str]
    formula: str


class Part(NamedTuple):
    """An experiment of the paper: its title, its table of checks as `engine.verdicts.table` makes it, and its figures."""

    title: str
    table: Mapping[str, Any]
    drawings: Sequence[Drawing]


def pdf(about: Any, parts: Sequence[Part | tuple[str, Mapping[str, Any], Sequence[Drawing]]]) -> bytes:
    """The page as PDF; the same input gives the same bytes."""
    shown = [Part(*part) for part in parts[:MOST]]
    buffer = io.BytesIO()
    with paper.TOP:
        made = _page(about, shown)
        words = {"Title": f"{about.name} {about.title}", "Subject": about.claim, "Creator": "Ravine", "CreationDate": None}
        made.savefig(buffer, format="pdf", metadata=words)
    return buffer.getvalue()


def _page(about: About, parts: Sequence[Part]) -> Figure:
    made = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    y = _text(made, HEIGHT - RIM, about.name, 18, bold=True)
    y = _text(made, y, f"{about.title}. {about.by}, arXiv {about.arxiv}", 8.5, grey=True)
    y = _text(made, y - 0.06, about.claim, 11, bold=True)
    for nth, sentence in enumerate(about.mechanism):
        y = _text(made, y, f"{nth + 1}. {sentence}", 9.5)
    for line in about.formula.split("  "):
        y = _text(made, y - 0.03, line, 11, family="DejaVu Serif")
    y = _figures(made, y - 0.15, parts)
    for part in parts:
        y = _checks(made, y - 0.08, part, 8.5 if len(parts) < 3 else 7)
    _foot(made, parts)
    return made


def _figures(made: Figure, y: float, parts: Sequence[Part]) -> float:
    """The first chart of each experiment, in one row or two; returns where the next thing may begin, in inches from the foot."""
    charts = [(part.title, next((d for d in part.drawings if isinstance(d, Chart)), None)) for part in parts]
    columns = 1 if len(charts) == 1 else 2
    width = (WIDTH - 2 * RIM) / columns
    tall = 3.3 if len(charts) == 1 else 2.35
    for nth, (title, chart) in enumerate(charts):
        left, top = RIM + width * (nth % columns), y - (tall + 0.35) * (nth // columns)
        axes = made.add_axes(((left + 0.55) / WIDTH, (top - tall + 0.42) / HEIGHT, (width - 0.75) / WIDTH, (tall - 1.0) / HEIGHT))
        made.text(left / WIDTH, top / HEIGHT, title, fontsize=9, weight="bold", va="top", color=LIGHT.text)
        if chart:
            paper.draw(axes, chart, width - 0.6, 7 if columns == 2 else 8)
    return y - (tall + 0.35) * -(-len(charts) // columns)


def _checks(made: Figure, y: float, part: Part, size: float) -> float:
    y = _text(made, y, f"{part.title} ({part.table['spec']['size']}, {part.table['seconds']:g} s)", size, bold=True)
    for check in part.table["checks"]:
        values = check["values"]
        measured = "not measured" if check["measured"] != check["measured"] else f"{check['measured']:.4g}"
        spread = f" ({min(values):.3g} to {max(values):.3g} over {len(values)} runs)" if len(values) > 1 else ""
        verdict = check["verdict"] if check["claimed"] or check["verdict"] != "fails" else "does not hold here"
        y = _text(made, y, f"{verdict.upper()}  {check['claim']}: predicted {check['predicted']}; measured {measured}{spread}", size)
    return y


def _foot(made: Figure, parts: Sequence[Part]) -> None:
    """The exact specs, and the command that makes each table again."""
    lines = []
    for part in parts:
        spec = json.dumps(part.table["spec"], separators=(", ", ": "))
        lines += textwrap.wrap(f"{part.table['digest']}: python -m engine experiment {part.table['experiment']} --{part.table['spec']['size']}; {spec}", 150)
    made.text(RIM / WIDTH, 0.4 / HEIGHT, "\n".join(lines), fontsize=6, va="bottom", family="DejaVu Sans Mono", color=LIGHT.axis)


def _text(made: Figure, y: float, words: str, size: float, bold: bool = False, grey: bool = False, family: str = "DejaVu Sans") -> float:
    """Words from the left margin, wrapped, their top `y` inches above the foot; returns where the next may begin."""
    wide = int((WIDTH - 2 * RIM) * 72 / (size * (0.585 if bold else 0.535)))
    lines = textwrap.wrap(words, wide) or [""]
    hue = LIGHT.axis if grey else LIGHT.text
    weight = "bold" if bold else "normal"
    made.text(RIM / WIDTH, y / HEIGHT, "\n".join(lines), fontsize=size, va="top", weight=weight, color=hue, family=family, linespacing=1.25)
    return y - len(lines) * 1.32 * size / 72 - 0.03
