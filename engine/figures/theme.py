"""The look of every figure: colours (Okabe & Ito 2008, safe for colour-blind readers), marks, and the widths that
journals print."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np


class Theme(NamedTuple):
    """What lies around the data."""

    text: str
    grid: str
    axis: str
    paper: str  # behind a label that must stay readable on a picture


LIGHT = Theme("#111111", "#E4E6EA", "#5F6672", "#FFFFFF")
DARK = Theme("#F2F4F8", "#30353F", "#9AA3B2", "#0E1117")

COLOURS = {
    "ink": ("#111111", "#F2F4F8"),
    "grey": ("#6B6B6B", "#ABABAB"),
    "blue": ("#0072B2", "#3D9FE0"),
    "vermilion": ("#D55E00", "#F4803A"),
    "green": ("#009E73", "#23BE92"),
    "orange": ("#E69F00", "#F2B632"),
    "sky": ("#56B4E9", "#8CCDF3"),
    "purple": ("#CC79A7", "#DE97BE"),
    "maroon": ("#8B0000", "#E2504C"),
    "teal": ("#01665E", "#3F9D94"),
    "olive": ("#7A7A00", "#B9B93C"),
    "wine": ("#882255", "#C4508A"),
    "indigo": ("#332288", "#8577E8"),
    "brown": ("#8C510A", "#B98144"),
    "magenta": ("#AA4499", "#C968BA"),
    "forest": ("#117733", "#57AE6C"),
    "navy": ("#003C66", "#6A93C9"),
    "rose": ("#CC6677", "#EE99A6"),
    "violet": ("#7A3FF2", "#A98BFF"),
}
"""By name: on white, and on a dark page. The first eight are Okabe and Ito's; the others need a marker beside them
to be told apart."""

MARKERS = ("circle", "square", "triangle", "diamond", "cross")


class Look(NamedTuple):
    """How a rule is drawn."""

    colour: str
    marker: str


LOOKS = {
    "SGD": Look("grey", "circle"),
    "SAM": Look("blue", "square"),
    "USAM": Look("vermilion", "triangle"),
    "SSAM": Look("green", "diamond"),
    "UnifiedSAM": Look("maroon", "cross"),
    "ASAM": Look("orange", "diamond"),
    "MSAM": Look("sky", "cross"),
    "GSAM": Look("purple", "triangle"),
    "FriendlySAM": Look("teal", "cross"),
    "RandomDirection": Look("olive", "cross"),
    "ESAM": Look("wine", "triangle"),
    "LookSAM": Look("indigo", "cross"),
    "MomentumSAM": Look("brown", "diamond"),
    "SAMPa": Look("magenta", "diamond"),
    "GraphSAM": Look("forest", "square"),
    "LookaheadSAM": Look("navy", "circle"),
    "PGD": Look("violet", "triangle"),
}
"""One colour per rule everywhere; rules that share a marker have colours that the colour-blind can tell apart too."""
OTHER = Look("rose", "square")
"""Of a rule without an entry."""

DASHES = {"solid": [], "dash": [6, 4], "dot": [1.5, 2.5]}
"""On and off, in pixels."""

VIRIDIS = (
    "#440154",
    "#482475",
    "#414487",
    "#355F8D",
    "#2A788E",
    "#21918C",
    "#22A884",
    "#44BF70",
    "#7AD151",
    "#BDDF26",
    "#FDE725",
)
"""The colour scale of maps, and of things that have an order."""
SIDES = (
    "#05264D",
    "#0B4A87",
    "#0072B2",
    "#4FA3D1",
    "#A9D3EA",
    "#F7F5F2",
    "#F9CDB8",
    "#EE8F6B",
    "#CF4A35",
    "#971B23",
    "#560A17",
)
"""The colour scale of what has two sides: blue, and red beyond the edge in the middle."""

STATIONS = {"start": ("#E69F00", "circle", 11), "end": ("#56B4E9", "square", 10), "centre": ("#FFFFFF", "star", 15)}
"""Colour, symbol and size in pixels of the named points of a path."""
LANDMARKS = {"minimum": ("#FFFFFF", "down", 11), "saddle": ("#FFFFFF", "cross", 10)}
"""The same of what is known to lie on a map."""


class Paper(NamedTuple):
    """A printed figure's width in inches, and the size of its text in points."""

    width: float
    text: float


PAPERS = {
    "NeurIPS, ICLR": Paper(5.5, 8),
    "ICML, one column": Paper(3.25, 7),
    "ICML, both columns": Paper(6.75, 8),
    "JMLR": Paper(6.0, 8),
    "TMLR": Paper(6.5, 8),
    "Nature, one column": Paper(89 / 25.4, 6.5),
    "Nature, both columns": Paper(183 / 25.4, 7),
}


def theme(dark: bool) -> Theme:
    """The colours of a light or of a dark page."""
    return DARK if dark else LIGHT


def text_size(width: float) -> float:
    """Points of text for a figure `width` inches wide: as in the paper of the nearest width."""
    return min(PAPERS.values(), key=lambda paper: abs(paper.width - width)).text


def colour(name: str, dark: bool = False) -> str:
    """The hex colour of a name in COLOURS, of "#rrggbb" itself, or of `ordinal`'s names."""
    if name.startswith("#"):
        return name
    if name.startswith("ordinal "):
        t = float(name.split()[1])
        return _viridis(0.4 + 0.6 * t if dark else 0.85 * t)
    return COLOURS[name][dark]


def ordinal(i: int, count: int) -> str:
    """The name of the colour of number i among `count` things in order."""
    return f"ordinal {i / max(count - 1, 1):.4f}"


def rule_look(rule: str) -> Look:
    """How the rule of this name is drawn."""
    return LOOKS.get(rule, OTHER)


def rule_colour(rule: str) -> str:
    """The name of the colour of the rule of this name."""
    return rule_look(rule).colour


def _viridis(t: float) -> str:
    stops = np.array([[int(pair, 16) for pair in re.findall("..", c[1:])] for c in VIRIDIS])
    rgb = [np.interp(t, np.linspace(0, 1, len(stops)), channel) for channel in stops.T]
    return "#" + "".join(f"{round(c):02X}" for c in rgb)
