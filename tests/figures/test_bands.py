"""Bands: a check's accepted band lies where its bounds are, a dot lies where its value is, and words say the same."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from engine.figures.render import bands


def drawn(values: list[float], low: float, high: float) -> tuple[list[float], list[float], str]:
    """(left and right end of the band, places of the dots, words), in parts of a hundred of the width."""
    picture = ElementTree.fromstring(bands.picture(values, low, high))
    (bar,) = picture.findall("b")
    left, wide = (float(part) for part in re.findall(r"([-\d.]+)%", bar.attrib["style"]))
    dots = [float(dot.attrib["style"].removeprefix("left:").removesuffix("%")) for dot in picture.findall("i")]
    return [left, left + wide], dots, picture.attrib["aria-label"]


def test_a_dot_is_in_the_band_where_its_value_is_accepted():
    band, dots, words = drawn([0.9, 1.0, 1.4], 0.8, 1.2)
    assert [band[0] <= dot <= band[1] for dot in dots] == [True, True, False]
    assert dots[1] - dots[0] == pytest.approx((dots[2] - dots[1]) / 4, abs=0.2)
    assert words == "Accepted from 0.8 to 1.2; 2 of 3 values within"


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0.5, math.inf, (None, 100)), (-math.inf, 0.5, (0, None)), (0.5, 0.5, (None, None))],
)
def test_a_band_without_a_bound_reaches_to_the_side_and_one_of_a_point_is_seen(low, high, ends):
    band, dots, _ = drawn([0.0, 1.0], low, high)
    assert all(end is None or end == found for end, found in zip(ends, band, strict=True))
    assert band[1] - band[0] >= 2 and all(0 < dot < 100 for dot in dots)


def test_what_is_not_measured_has_no_dot():
    band, dots, words = drawn([math.nan], 1, 2)
    assert dots == [] and band[1] > band[0] and words.endswith("nothing measured yet")
    assert bands.picture([math.nan], -math.inf, math.inf) == ""
