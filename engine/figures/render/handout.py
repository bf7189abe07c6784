"""Handouts: a paper on one printed page, with its claim, its formula, the figures and checks of its experiments, and
the exact specs."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from matplotlib.figure import Figure

from engine.figures import escape, formulas
from engine.figures.drawing import Chart, Drawing
from engine.figures.render import paper
from engine.figures.render.axes import draw, name
from engine.figures.render.frame import Frame
from engine.figures.theme import LIGHT
from engine.figures.words import duration, number

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
    """An experiment of the paper: its title, what is done in it, its table of checks as `engine.verdicts.table`
    makes it, and its figures."""

    title: str
    setup: str
    table: Mapping[str, Any]
    drawings: Sequence[Drawing]


def pdf(about: Any, parts: Sequence[Part | tuple[str, str, Mapping[str, Any], Sequence[Drawing]]]) -> bytes:
    """The page as PDF; the same input gives the same bytes."""
    shown = [Part(*part) for part in parts[:MOST]]
    buffer = io.BytesIO()
    with paper.TOP:
        made = _page(about, shown)
        words = {
            "Title": f"{about.name} {about.title}",
            "Subject": about.claim,
            "Creator": "Ravine",
            "CreationDate": None,
        }
        made.savefig(buffer, format="pdf", metadata=words)
    return buffer.getvalue()


def _page(about: About, parts: Sequence[Part]) -> Figure:
    """Words above, words below, and the figures in what is left between."""
    made = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
    above = _head(about)
    size = next((size for size in (8.5, 7.5, 6.5) if _tall(_checks(parts, size)) < 4.2), 5.5)
    table, foot = _checks(parts, size), _foot(parts)
    top, last = RIM + _tall(above), 0.35 + _tall(foot)
    tall = min(max(HEIGHT - top - _tall(table) - last - 0.15, 2.0), 4.4 if len(parts) < 3 else 5.6)
    _write(made, HEIGHT - RIM, above)
    _figures(made, HEIGHT - top, tall, parts)
    _write(made, HEIGHT - top - tall - 0.1, table)
    _write(made, last, foot)
    return made


class Words(NamedTuple):
    """A paragraph, wrapped to the page."""

    lines: Sequence[str]
    size: float  # points
    style: Mapping[str, Any]

    @property
    def height(self) -> float:
        """In inches."""
        return (1.3 * len(self.lines) + 0.35) * self.size / 72


def _words(text: str, size: float, wide: float = 0.54, **style: Any) -> Words:
    """`wide` is a character's mean width in units of its size."""
    wrapped = textwrap.wrap(text, int((WIDTH - 2 * RIM) * 72 / (size * wide))) or [""]
    return Words([*map(escape.mathtext, wrapped)], size, {"color": LIGHT.text} | style)


def _formula(tex: str) -> Words:
    return Words([f"${tex}$"], 12, {"color": LIGHT.text, "math_fontfamily": "stix"})


def _tall(paragraphs: Sequence[Words]) -> float:
    return sum(one.height for one in paragraphs)


def _write(made: Figure, y: float, paragraphs: Sequence[Words]) -> None:
    """Paragraphs from the left margin, the first one's top `y` inches above the foot of the page."""
    for one in paragraphs:
        style: dict[str, Any] = {"fontsize": one.size, "va": "top", "linespacing": 1.25, **one.style}
        made.text(RIM / WIDTH, y / HEIGHT, "\n".join(one.lines), parse_math=True, **style)
        y -= one.height


def _head(about: About) -> list[Words]:
    end = "" if about.title.endswith("?") else "."
    return [
        _words(about.name, 18, weight="bold"),
        _words(f"{about.title}{end} {about.by}, arXiv {about.arxiv}", 8.5, color=LIGHT.axis),
        _words(about.claim, 11, 0.6, weight="bold"),
        *(_words(f"{nth + 1}. {sentence}", 9.5) for nth, sentence in enumerate(about.mechanism)),
        *map(_formula, formulas.pieces(about.formula)),
    ]


def _figures(made: Figure, top: float, tall: float, parts: Sequence[Part]) -> None:
    """The first chart of each experiment, in one row or two, in the `tall` inches below `top`. By hand: Matplotlib's
    layouts differ in their last bits."""
    charts = [(part.title, chart) for part in parts for chart in [d for d in part.drawings if isinstance(d, Chart)][:1]]
    columns, size = {1: (1, 8.0), 3: (3, 6.0)}.get(len(charts), (2, 6.5))
    width, each = (WIDTH - 2 * RIM) / columns, tall / max(1, -(-len(charts) // columns))
    for nth, (title, chart) in enumerate(charts):
        left, high = RIM + width * (nth % columns), top - each * (nth // columns)
        axes = made.add_axes((0, 0, 1, 1))
        rows, right = draw(axes, chart, width - 0.6, size), 0.0
        if not chart.empty:
            rows, right = name(axes, chart, Frame(made, left, high - each, width - 0.6, each - 0.28), size, rows)
        over, under = 0.28 + 1.45 * rows * size / 72, 4.4 * size / 72
        wide = width - 0.65 - right
        place = (left + 0.5) / WIDTH, (high - each + under) / HEIGHT, wide / WIDTH, (each - over - under) / HEIGHT
        axes.set_position(place)
        made.text(
            left / WIDTH,
            high / HEIGHT,
            title,
            fontsize=9 if columns < 3 else 7,
            weight="bold",
            va="top",
            color=LIGHT.text,
        )


def _checks(parts: Sequence[Part], size: float) -> list[Words]:
    found = []
    for part in parts:
        made = f"{part.table['spec']['size']}, {duration(part.table['seconds'])}"
        found.append(_words(f"{part.title} ({made})", size, weight="bold"))
        found.append(_words(part.setup, size, color=LIGHT.axis))
        found += [_words(_check(check), size) for check in part.table["checks"]]
    return found


def _check(check: Mapping[str, Any]) -> str:
    values = [value for value in check["values"] if value is not None]
    measured = "not measured" if check["measured"] is None else number(check["measured"])
    spread = f" ({number(min(values))} to {number(max(values))} over {len(values)} runs)" if len(values) > 1 else ""
    verdict = check["verdict"] if check["claimed"] or check["verdict"] != "fails" else "does not hold here"
    note = f" {check['note']}" if check["note"] else ""
    return (
        f"{verdict.upper()}  {check['claim']}: predicted {check['predicted']}; accepted {check['accepted']}; measured "
        f"{measured}{spread}.{note}"
    )


def _foot(parts: Sequence[Part]) -> list[Words]:
    """The exact specs, and the command that makes each table again."""
    texts = [f"python -m engine experiment '{json.dumps(part.table['spec'], ensure_ascii=False)}'" for part in parts]
    return [
        _words(f"{part.table['digest']}: {text}", 5.5, 0.61, family="DejaVu Sans Mono", color=LIGHT.axis)
        for part, text in zip(parts, texts, strict=True)
    ]
