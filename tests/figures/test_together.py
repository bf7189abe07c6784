"""Runs of several rules side by side: whose edge is dashed in which colour, what is far above, and tags that leave each
other room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.figures import together
from engine.figures.comparison import compare
from engine.figures.drawing import Map
from engine.figures.onmap import Route
from engine.figures.render import plotly, vega
from engine.figures.tags import APART, tags
from engine.figures.theme import colour
from engine.spec import digest
from engine.work.presets import FOUR, SHIPPED, joint
from engine.work.sketch import sketch
from engine.work.store import Store
from tests.states import SPEC, T, columns

SGD = SPEC | {"rule": {"name": "SGD"}}


def sharpness(edge: float, limit: float) -> tuple[dict[str, tuple[str, str]], str]:
    """Each line's colour and dash, by its name, of SGD beside SAM whose λ₁ is 10 at most; and the caption."""
    data = columns()
    data |= {"sharpness": 10 * data["sharpness"] / data["sharpness"].max(), "limit": np.full(T, limit)}
    plain = data | {"edge": data["limit"]}
    chart = together.sharpness([("SGD", SGD, plain), ("SAM", SPEC, data | {"edge": np.full(T, edge)})])
    return {line.label: (line.colour, line.dash) for line in chart.lines}, chart.words


def test_each_edge_is_dashed_in_its_colour_and_descents_own_once():
    lines, words = sharpness(edge=5.0, limit=20.0)
    curves = {"SGD": ("grey", "solid"), "SAM": ("blue", "solid")}
    assert lines == curves | {"SAM’s edge": ("blue", "dash"), "gradient descent’s edge": ("grey", "dash")}
    lines, words = sharpness(edge=5.0, limit=31.0)
    assert "gradient descent’s edge" not in lines and "Gradient descent’s edge is far above: 31 at its lowest." in words
    lines, words = sharpness(edge=1e-6, limit=20.0)
    assert "SAM’s edge" not in lines and "SAM’s edge falls far below: to 10⁻⁶." in words


def test_small_charts_leave_the_names_to_those_above_them():
    runs = [("SGD", SGD, columns()), ("SAM", SPEC, columns())]
    for chart, named in ((together.losses(runs), True), (together.small(runs, "cos_u"), False)):
        layers = vega.vega(chart)[1]["layer"]
        assert any(layer["encoding"].get("stroke", {}).get("legend") for layer in layers) == named
    bare = [(name, spec, run | {"cos_u": np.full(T, np.nan)}) for name, spec, run in runs]
    assert together.measures(runs) == list(together.SMALL) and "cos_u" not in together.measures(bare)


@pytest.mark.parametrize("by_steps", [True, False])
def test_values_are_told_by_the_crosshair_over_steps_and_by_a_tooltip_elsewhere(by_steps):
    """Finds a chart that the crosshair passes over, such as a small one, whose axis has no words; and one where
    nothing answers the pointer."""
    runs = [("SGD", SGD, columns()), ("SAM", SPEC, columns())]
    over_steps = [together.sharpness(runs), together.losses(runs), *(together.small(runs, m) for m in together.SMALL)]
    for chart in over_steps if by_steps else [compare(runs, "train_loss", "gradients")]:
        _, spec = vega.vega(chart)
        told = any("tooltip" in layer["encoding"] for layer in spec["layer"])
        assert (spec["params"][0], told) == ({"name": "steps", "value": by_steps}, not by_steps), chart.name


def ends(*at: tuple[float, float]) -> Map:
    """A map without cells, of a side of 2, with a route to each of these ends."""
    shipped = together.ground(_sketch(), provisional=True)
    axis, zero = np.linspace(-1, 1, 5), np.zeros(2)
    routes = [
        Route(f"r{i}", "blue", np.array([0, a]), np.array([0, b]), zero, np.arange(2), tag=f"{i}")
        for i, (a, b) in enumerate(at)
    ]
    return replace(shipped, a=axis, b=axis, z=np.full((5, 5), np.nan), routes=tuple(routes))


def _sketch():
    made = sketch([Store(SHIPPED).run(digest(spec)) for spec in FOUR[:3]])
    assert made is not None
    return made


@pytest.mark.parametrize("at", [0.0, 0.99, -0.99])
def test_tags_of_ends_that_meet_leave_each_other_room(at):
    found = tags(ends((0.5, at), (0.5, at), (-0.5, at), (0.5, -at)))
    places = sorted(tag.b for tag in found)
    assert np.diff(places).min() >= 2 * APART - 1e-9 and max(map(abs, places)) <= 1
    assert {tag.route.label: tag.left for tag in found} == {"r0": True, "r1": True, "r2": False, "r3": True}


def test_paths_are_drawn_on_a_plane_without_a_surface_and_it_says_so():
    drawn = together.ground(_sketch(), provisional=True)
    assert drawn.empty and drawn.bare and drawn.caption.startswith("Provisional") and "No loss is" in drawn.caption
    figure = plotly.contour(drawn)
    assert {trace.line.color for trace in figure.data} >= {colour(name) for name in ("grey", "blue", "green")}
    assert figure.layout.xaxis.visible and not any(trace.showlegend for trace in figure.data)
    whole = Store(SHIPPED).get(f"joint/{digest(joint())}")
    kept = together.ground(whole, provisional=False)  # type: ignore[arg-type]  # a joint surface
    assert not kept.bare and "Provisional" not in kept.caption and kept.routes[1].tag == "SAM  λ₁ 1.66"


def test_a_run_against_another_of_its_rule_has_ink_and_an_edge_of_its_own():
    """Finds two runs that cannot be told apart, and one run's edge drawn as if it were the other's."""
    slow = SPEC | {"lr": 0.01}
    assert together.of_rules([SPEC, SGD]) and not together.of_rules([SPEC, slow])
    assert together.colours([SPEC, SGD, slow]) == ["blue", "grey", "ink"]
    data = columns()
    data |= {"sharpness": 10 * data["sharpness"] / data["sharpness"].max(), "edge": np.full(T, 8.0)}
    runs = [("lr 0.1", SPEC, data), ("lr 0.01", slow, data | {"edge": np.full(T, 9.0)})]
    drawn = together.sharpness(runs)
    edges = {line.label: (line.colour, line.y[0]) for line in drawn.lines if line.theory}
    assert edges == {"lr 0.1’s edge": ("blue", 8.0), "lr 0.01’s edge": ("ink", 9.0)}
    assert "differ in their rule alone" not in drawn.caption and "learning rate 0.01" in drawn.caption
    assert [line.colour for line in together.small(runs, "cos_u").lines] == ["blue", "ink"]
