"""Ticks: round numbers on an axis or a colour bar."""

from __future__ import annotations

import itertools

import numpy as np

from engine.figures.words import number


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two bounds: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda m: abs(m * power - rough))
    return [
        round(float(i * step), 12 - int(np.log10(power))) + 0.0
        for i in range(int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9)) + 1)
    ]


def log_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers for a logarithmic scale between the powers of ten `low` and `high`, two at least."""
    spread = high - low
    if spread < 0.5:
        return _between(10**low, 10**high, count // 2)  # they crowd towards the upper end
    every = max(1, int(np.ceil(spread / count)))
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1, every)
    choices = ((1, 2, 5), (1, 3), (1,)) if every == 1 else ((1,),)
    grids = [
        [m * 10.0**p for p in powers for m in steps if low - 1e-9 <= np.log10(m) + p <= high + 1e-9]
        for steps in choices
    ]
    found = next((grid for grid in grids if len(grid) <= count + 1), grids[-1])
    return found if len(found) > 1 else _between(10**low, 10**high, count // 2)


def _between(low: float, high: float, count: int) -> list[float]:
    """About as many round numbers above 0, and two at least."""
    tries = ([v for v in ticks(low, high, more) if v > 0] for more in itertools.count(max(count, 1)))
    return next(found for found in tries if len(found) > 1)


def named(low: float, high: float, log: bool) -> tuple[list[float], list[str]]:
    """Where a scale of colours from low to high, given as powers of ten where `log`, is ticked, and the words there."""
    values = log_ticks(low, high) if log else ticks(low, high)
    return [float(np.log10(v)) if log else v for v in values], [number(v) for v in values]
