"""How high figures are: a share of the window, so that they fill a large one, but never so little that a plot has less
than 140 pixels."""

from __future__ import annotations

from enum import Enum

WINDOW = 720
"""Pixels of the window for which a chart's words are laid out: in a larger one they have more room."""


class Tall(Enum):
    """How high a figure is: percent of the window's height, and pixels at least."""

    SMALL = 20, 190
    LOW = 24, 215
    HALF = 28, 200
    MIXED = 28, 240  # for many lines, whose names may stand above the plot
    MIDDLE = 33, 230
    HERO = 36, 270
    LARGE = 50, 320
    WHOLE = 65, 320

    @property
    def share(self) -> int:
        """Percent of the window's height."""
        return self.value[0]

    @property
    def least(self) -> int:
        """Pixels at least."""
        return self.value[1]

    @property
    def pixels(self) -> int:
        """Pixels in the smallest window."""
        return max(self.least, WINDOW * self.share // 100)

    @property
    def mark(self) -> str:
        """What the keys of places for such figures end with, by which the page's style knows them."""
        return f"-tall-{self.name.lower()}"


RULES = ":root { --above: 0px; } @media (max-width: 1100px) { :root { --above: 55px; } }\n" + "".join(
    f'[class*="{tall.mark}"] > :first-child {{ height: calc(max({tall.least}px, {tall.share}vh) + var(--above)) '
    "!important; flex: none !important; }\n"
    for tall in Tall
)
"""The style of charts in such places; in a narrow window there are more lines of names above them."""
