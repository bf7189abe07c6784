"""Regions of a map whose edges have a known dimension, at random places and of random sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SNOWFLAKE = (0, 1 / 3, 0.5 - 1j * 3**0.5 / 6, 2 / 3)
QUADRIC = (0, 0.25, 0.25 + 0.25j, 0.5 + 0.25j, 0.5, 0.5 - 0.25j, 0.75 - 0.25j, 0.75)
"""What takes a side's place in each generation of a Koch curve, from 0 to 1."""


def half(random: np.random.Generator, side: int) -> np.ndarray:
    """[side, side]: what lies on one side of a straight line."""
    y, x = np.mgrid[:side, :side] - side / 2
    angle, at = random.uniform(0, 2 * np.pi), random.uniform(-0.2, 0.2) * side
    return x * np.cos(angle) + y * np.sin(angle) > at


def disc(random: np.random.Generator, side: int) -> np.ndarray:
    """[side, side]: the inside of a circle."""
    y, x = np.mgrid[:side, :side] - side / 2
    return np.hypot(x - random.uniform(-3, 3), y) < random.uniform(0.25, 0.45) * side


def carpet(random: np.random.Generator, side: int) -> np.ndarray:
    """[side, side]: a part of Sierpinski's carpet of five generations."""
    scale, (down, across) = random.uniform(0.8, 1) * 3**5 / side, random.uniform(0, 30, 2)
    y, x = ((np.arange(side) * scale + begin).astype(int) for begin in (down, across))
    holes = [(y[:, None] // 3**k % 3 == 1) & (x // 3**k % 3 == 1) for k in range(5)]
    return ~np.any(holes, axis=0)


def island(corners: int, generator: tuple[complex, ...], generations: int) -> Callable[..., np.ndarray]:
    """What is within a polygon of `corners` sides, each of them a Koch curve."""
    curve = np.array([0, 1], complex)
    for _ in range(generations):
        steps = np.diff(curve)[:, None] * np.array(generator)
        curve = np.append((curve[:-1, None] + steps).ravel(), curve[-1])
    first = np.exp(2j * np.pi * np.arange(corners) / corners)
    begins = np.concatenate([[0], np.cumsum(first)[:-1]])
    whole = (begins[:, None] + first[:, None] * curve[:-1]).ravel()
    whole = (whole - whole.mean()) / abs(whole - whole.mean()).max()

    def region(random: np.random.Generator, side: int) -> np.ndarray:
        turned = whole * random.uniform(0.33, 0.48) * side * np.exp(2j * np.pi * random.random())
        return filled(turned + (side / 2) * (1 + 1j) + complex(*random.uniform(-3, 3, 2)), side)

    return region


def filled(corners: np.ndarray, side: int) -> np.ndarray:
    """[side, side]: whether the place (row, column) is within a polygon of complex corners, by the crossings to its
    left."""
    x, y = np.real(corners), np.imag(corners)
    across, up = np.roll(x, -1) - x, np.roll(y, -1) - y
    inside = np.zeros((side, side), bool)
    for row in range(side):
        crosses = (y > row) != (y + up > row)
        places = np.sort((x + (row - y) / np.where(crosses, up, 1.0) * across)[crosses])
        inside[row] = np.searchsorted(places, np.arange(side)) % 2 == 1
    return inside


SHAPES = {
    "line": (half, 1.0),
    "circle": (disc, 1.0),
    "snowflake": (island(3, SNOWFLAKE, 5), np.log(4) / np.log(3)),
    "quadric": (island(4, QUADRIC, 4), 1.5),
    "carpet": (carpet, np.log(8) / np.log(3)),
}
"""By name: a region, and its edge's dimension."""
