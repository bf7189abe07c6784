"""What lies on a map: routes, landmarks, and the named points of a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Route:
    """One of several paths on a map, in a colour of its own; its last point is its end."""

    label: str
    colour: str  # see theme.colour
    a: np.ndarray  # [T]
    b: np.ndarray  # [T]
    z: np.ndarray  # [T] the quantity on the path
    steps: np.ndarray  # [T]
    dash: str = "solid"
    marker: str = "circle"  # of its end; one of theme.MARKERS
    tag: str = ""  # written beside its end
    held: np.ndarray | None = None  # [T] how near the plane each point is, as `fading.held` says
    explained: float = 1.0  # the share of the path's squared distance from the origin that the plane holds


@dataclass(frozen=True)
class Landmark:
    """What is known to lie on a map: a point, or a valley from its first point to its last."""

    role: str  # minimum or saddle
    a: np.ndarray  # [m]
    b: np.ndarray  # [m]

    @property
    def valley(self) -> bool:
        """Whether it is more than a point."""
        return len(self.a) > 1


class Station(NamedTuple):
    """A point of a map's path that has a name."""

    role: str  # start, end or centre
    point: int  # its row
    label: str
