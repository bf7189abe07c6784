"""Frames: a rectangle of a printed figure, in inches, in which one drawing is laid out."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Frame(NamedTuple):
    """Where on a figure a drawing stands, in inches from its lower left corner."""

    figure: Figure
    left: float
    foot: float
    width: float
    height: float

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """New axes in it, in inches from the frame's lower left corner."""
        across, up = self.figure.get_size_inches()
        least = 0.05  # a frame that is too small shows that, where Matplotlib would raise
        place = (self.left + x) / across, (self.foot + y) / up, max(width, least) / across, max(height, least) / up
        return self.figure.add_axes(place)


def sheet(width: float, height: float, foot: float) -> Frame:
    """A new figure of `width` by `height` inches, and all of it above its `foot` as a frame."""
    return Frame(Figure(figsize=(width, height), facecolor="white"), 0, foot, width, height - foot)
