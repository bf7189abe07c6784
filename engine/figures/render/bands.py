"""The band of values that a check accepts, as a bar with a dot for each value that was measured: a small picture for a
table, of HTML alone, for pages keep no SVG in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.figures import escape
from engine.figures.words import number

RIM, LEAST = 7.0, 3.0
"""Parts of a hundred of the width that are free at either side for what lies beyond, and of the narrowest band."""


def picture(values: Sequence[float] | np.ndarray, low: float, high: float) -> escape.Html:
    """The band from `low` to `high`, which reaches to the picture's side where that is infinite, and a dot for each
    finite value, on one linear scale; nothing where there is neither. The class `band` says how large it is, and in
    which colours."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    places = np.array([*known, *(bound for bound in (low, high) if np.isfinite(bound))])
    if not len(places):
        return escape.html("")
    first, span = float(places.min()), float(np.ptp(places)) or 1.0

    def across(value: float) -> float:
        share = (value - first) / span
        return RIM + (100 - 2 * RIM) * share if np.isfinite(share) else 0.0 if share < 0 else 100.0

    left, right = across(low), across(high)
    wide, words = max(right - left, LEAST), _words(known, low, high)
    bar = (f"{(left + right - wide) / 2:.1f}", f"{wide:.1f}")
    dots = escape.join("<i style='left:{}%'></i>", (f"{across(float(value)):.1f}" for value in known))
    template = "<span class='band' role='img' aria-label='{}' title='{}'><b style='left:{}%;width:{}%'></b>{}</span>"
    return escape.html(template, words, words, *bar, dots)


def _words(known: np.ndarray, low: float, high: float) -> str:
    """What the picture shows."""
    within = int(((known >= low) & (known <= high)).sum())
    ends = [f"from {number(low)}" * bool(np.isfinite(low)), f"to {number(high)}" * bool(np.isfinite(high))]
    measured = f"{within} of {len(known)} values within" if len(known) else "nothing measured yet"
    return f"Accepted {' '.join(filter(None, ends)) or 'always'}; {measured}"
