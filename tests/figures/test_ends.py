"""Ends: lines are named beside their right ends, apart and in the order of the ends, where they have room; else a
legend names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.figures.drawing import Chart, Line
from engine.figures.ends import apart, ends
from engine.figures.render import composed, motion, paper, vega
from engine.figures.render.named import found

X = np.linspace(0, 100, 50)


def chart(*last: float, labels: Sequence[str] = "abcdefgh", **more) -> Chart:
    """Lines from 1 to these values."""
    lines = tuple(Line(name, X, np.linspace(1, y, 50), "blue") for name, y in zip(labels, last, strict=False))
    return Chart("ends", "Ends", "step", "loss", lines, "Caption.", **more)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_names_are_apart_in_the_order_of_their_ends_and_inside(log: bool, seed: int):
    last = np.random.default_rng(seed).uniform(0.01, 10, 6)
    placed = ends(chart(*last, log_y=log), 0.005, 12, 8)
    assert [end.y for end in placed] == sorted(last, reverse=True)
    low, high, names = (np.log10(v) if log else np.asarray(v) for v in (0.005, 12, [end.beside for end in placed]))
    shares = (high - names) / (high - low)
    assert (np.diff(shares) >= 1 / 8 - 1e-9).all() and shares.min() > -0.01 and shares.max() < 1.01


def test_a_name_stands_at_its_end_where_no_other_is_near():
    assert [(end.line.label, end.beside) for end in ends(chart(2, 8), 0, 10, 10)] == [("b", 8), ("a", 2)]
    assert apart([0.1, 0.1, 0.9], 0.2, 1.0) == pytest.approx([0.1, 0.3, 0.9])
    assert apart([0.9, 0.9], 0.2, 1.0) == pytest.approx([0.8, 1.0])


STOPS = Line("b", X[:30], np.ones(30), "green")
CASES = {
    "ends early": replace(chart(2, 3), lines=(*chart(2).lines, STOPS)),
    "ends without a value": replace(
        chart(2, 3), lines=(*chart(2).lines, Line("b", X, np.where(X < 99, X, np.nan), "sky"))
    ),
    "points": replace(chart(2, 3), lines=(*chart(2).lines, replace(STOPS, x=X, y=np.full(50, 5.0), dash="none"))),
    "a path": replace(chart(2, 3), lines=(*chart(2).lines, Line("b", np.abs(X - 50) * 2, np.full(50, 5.0), "sky"))),
    "beyond the picture": chart(2, 30, y_range=(0, 10)),
    "more than there is room for": chart(*range(1, 9)),
    "a rug": chart(2, 3, rug=np.array([1.0]), rug_label="values"),
    "alone": chart(2),
}


@pytest.mark.parametrize("case", CASES)
def test_a_legend_names_what_has_no_end_beside_the_plot(case: str):
    assert ends(CASES[case], 0, 10, 6) == ()


def test_all_renderers_name_lines_at_their_ends_or_in_a_legend():
    near, long = chart(2, 8), chart(2, 8, labels=["one of the lines " * 4, "the other of the lines " * 4])
    for one, at_ends in ((near, True), (long, False)):
        figure = paper.figure(one)
        names = {line.label for line in one.lines}
        assert (figure.axes[0].get_legend() is None) == at_ends
        assert (names <= {text.get_text() for text in figure.axes[0].texts}) == at_ends
        screen = motion.figure(one)
        assert screen.layout.showlegend != at_ends
        assert (names == {note.text for note in screen.layout.annotations}) == at_ends
    figure = composed.composed([near], composed.Sheet())
    assert figure.axes[0].get_legend() is None and {"a", "b"} <= {text.get_text() for text in figure.axes[0].texts}


def test_the_browser_knows_where_names_have_room():
    """Each line's last row has its name's place, and so the table's last row says that there are some."""
    table, spec = vega.vega(chart(2, 8))
    rows = table.to_pandas()
    assert rows["beside"].dropna().tolist() == [2, 8] and np.isfinite(rows["beside"].iloc[-1])
    assert [parameter["name"] for parameter in spec["params"]] == ["steps", "shows", "ends"]
    assert found(chart(2, 8), 70) == {}
    early = replace(chart(2, 8), lines=(chart(2).lines[0], replace(STOPS, colour="blue")))
    table, same = vega.vega(early)
    assert "beside" not in table.column_names
    assert same == spec, "one that grows is not put up anew"
