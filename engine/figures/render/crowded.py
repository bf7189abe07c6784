"""Crowded figures: words that are cut off or lie on each other, as they do where a figure is too small for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

RIM, MOST = 0.01, 0.002
"""Inches that a text may reach beyond the figure, and square inches that two may share."""


def crowded(figure: Figure) -> list[str]:
    """The texts of a figure that leave it or lie on another."""
    found, (width, height) = list(texts(figure)), figure.get_size_inches()
    cut = {
        text for text, box in found if min(box.x0, box.y0) <= -RIM or box.x1 >= width + RIM or box.y1 >= height + RIM
    }
    return sorted(cut | {found[nth][0] for pair in overlapping([box for _, box in found], MOST) for nth in pair})


def texts(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every text that is seen, and its box in inches."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip():
            yield text.get_text(), text.get_window_extent(renderer).transformed(figure.dpi_scale_trans.inverted())


def overlapping(boxes: Sequence[Bbox], most: float) -> list[tuple[int, int]]:
    """Pairs of boxes that share more than so many square inches."""
    sides = np.array([box.extents for box in boxes]).reshape(-1, 4)
    low, high = np.maximum(sides[:, None, :2], sides[None, :, :2]), np.minimum(sides[:, None, 2:], sides[None, :, 2:])
    both = np.triu(np.prod(np.clip(high - low, 0, None), axis=2), 1)
    return [(int(i), int(j)) for i, j in np.argwhere(both > most)]
