"""Tags: the words beside the ends of a map's routes, placed so that none covers another."""

from __future__ import annotations

from typing import NamedTuple

from engine.figures.drawing import Map
from engine.figures.onmap import Route

APART = 0.07
"""Of a map's height, from one tag to the next: a line of text on a phone."""
RIGHT = 0.62
"""Of a map's width, from where on a tag stands at the left of its end."""


class Tag(NamedTuple):
    """Where a route's tag stands."""

    route: Route
    a: float  # of the route's end
    b: float  # of the tag itself
    left: bool


def tags(drawing: Map) -> list[Tag]:
    """The tags of a map's routes from the lowest up; those that would overlap are pushed apart, within the map."""
    ended = [route for route in drawing.routes if route.tag and len(route.b)]
    if not ended:
        return []
    ended.sort(key=lambda route: float(route.b[-1]))
    (start, end), up = drawing.ends
    right = start + RIGHT * (end - start)
    places = _apart([float(route.b[-1]) for route in ended], *up)
    return [
        Tag(route, float(route.a[-1]), b, float(route.a[-1]) > right) for route, b in zip(ended, places, strict=True)
    ]


def _apart(places: list[float], low: float, high: float) -> list[float]:
    """Places in ascending order, pushed up and then down from the edges to be a line apart."""
    line = APART * (high - low)
    for i, place in enumerate(places):
        places[i] = max(place, places[i - 1] + line if i else low + line / 2)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], places[i + 1] - line if i + 1 < len(places) else high - line / 2)
    return places
