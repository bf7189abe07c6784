"""Marks: every chart over time says where a run's rule was switched, on screen, in print, in its table and in its
caption."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from engine.analyses.alignment import AlignmentSpec
from engine.data import Moons
from engine.figures import alignments, charts, comparison, words
from engine.figures.drawing import Chart, Line, Mark
from engine.figures.marks import placed
from engine.figures.render import numbers, paper, vega
from engine.models import MLP
from engine.problems import Classification
from engine.rules import SGD, SSAM, LookSAM
from engine.spec import encode
from engine.training.runs import RunSpec, Switch
from tests.drawn import DRAWINGS
from tests.drive import computed, frames, record
from tests.states import ALIGNMENTS, COLUMNS, SPEC, SWITCHED, T, columns, first_checkpoints

SHOWN = [name for name in DRAWINGS if name.endswith("/switched")]
SPAN = RunSpec(
    Classification(Moons(40), MLP(4, 1)),
    SGD(),
    batch=10,
    steps=23,
    every=10,
    then=(Switch(at=7), Switch(SSAM(LookSAM()), 3, "epochs")),
)


def chart(name: str) -> Chart:
    drawing = DRAWINGS[name]()
    assert isinstance(drawing, Chart)
    return drawing


def marked(one: Chart) -> list[tuple[float, str]]:
    return [(mark.x, mark.label) for mark in one.marks if mark.label != "centre of the map"]


def test_the_charts_over_time_are_all_here():
    assert {name.partition("/")[0] for name in SHOWN} == {
        *charts.LIVE,
        *alignments.ALIGNMENT,
        *(f"compare by {over}" for over in comparison.OVER),
        "faithful",
    }


@pytest.mark.parametrize("name", SHOWN)
def test_a_switch_is_marked(name: str):
    one = chart(name)
    places = {"compare by gradients": (500, 550), "compare by seconds": (5, 5.5)}.get(
        name.partition("/")[0], (250, 275)
    )
    unit = "step " if places[0] != 250 else ""
    assert marked(one) == [(places[0], f"SAM from {unit}250"), (places[1], f"SSAM from {unit}275")]
    assert f"another rule takes over: SAM from {unit}250, SSAM from {unit}275." in one.words
    _, spec = vega.vega(one)
    drawn = [(layer["data"]["values"], layer["mark"]) for layer in spec["layer"] if layer.get("data")]
    assert sorted(v["x"] for values, mark in drawn if mark["type"] == "rule" for v in values) == sorted(
        m.x for m in one.marks
    )
    assert [(v["x"], mark["text"]) for values, mark in drawn if mark["type"] == "text" for v in values] == [
        (m.x, m.label) for m in sorted(one.marks, key=x_of)
    ]
    axes = paper.figure(one).axes[0]
    along = [np.asarray(line.get_xdata(), float).tolist() for line in axes.lines]
    assert {x[0] for x in along if len(x) == 2 and x[0] == x[1]} == {m.x for m in one.marks}
    assert {m.label for m in one.marks} <= {text.get_text() for text in axes.texts}
    rows = [line.split(",")[:2] for line in numbers.csv(one).splitlines()]
    assert all([f'"{label}"', str(float(x))] in rows for x, label in marked(one))


def x_of(mark: Mark) -> float:
    return mark.x


@pytest.mark.parametrize(
    "name",
    [*(f"{name}/full" for name in (*charts.LIVE, *alignments.ALIGNMENT, "compare")), "losses/of the first version"],
)
def test_no_switch_no_mark(name: str):
    assert chart(name).marks == ()
    assert "takes over:" not in chart(name).words


def test_a_switch_that_is_still_to_come_is_not_marked():
    assert marked(chart("losses/switched just now")) == [(250, "SAM from 250")]
    short = first_checkpoints(ALIGNMENTS["switched"], 11)
    assert marked(alignments.cosines_g(short, SWITCHED)) == [(250, "SAM from 250")]


def test_a_live_chart_keeps_its_spec_while_its_curves_grow_past_a_switch():
    for draw in charts.LIVE.values():
        (_, before), (_, after) = (
            vega.vega(draw({name: v[:n] for name, v in COLUMNS["switched"].items()}, SWITCHED)) for n in (19, 21)
        )
        assert before == after


def test_a_run_is_marked_where_training_switched_its_rule():
    rows = [
        {"step": frame.step, "seconds": 0.0} | {name: float(value[0]) for name, value in frame.measures.items()}
        for frame in frames(SPAN)
    ]
    found = charts.losses(charts.columns(rows), encode(SPAN))
    assert marked(found) == [(7, "SAM from 7"), (12, "SSAM from 12")]
    assert "SGD, then SAM (ρ 0.05) from step 7, then SSAM around LookSAM" in found.words


def test_an_alignment_knows_the_switches_and_what_no_checkpoint_keeps():
    run = record(SPAN, np.stack([frame.theta[0].numpy() for frame in frames(SPAN)]))
    run = replace(run, steps=np.array([frame.step for frame in frames(SPAN)]))
    found = computed(AlignmentSpec(2), run)
    assert found.switches.tolist() == [7, 12]
    assert marked(alignments.shares(found, encode(SPAN))) == [(7, "SAM from 7"), (12, "SSAM from 12")]
    lost = int((found.steps >= 12).sum())
    assert np.isnan(found.cos_u).any(axis=1).tolist() == (found.steps >= 12).tolist()
    for draw in (alignments.cosines_u, alignments.shares):
        assert draw(found, encode(SPAN)).words.startswith(
            f"At {lost} checkpoints u is missing: {alignments.FORGOTTEN}. "
        )


def test_a_direction_that_is_nowhere_known_is_no_empty_picture():
    assert DRAWINGS["cosines_u/forgotten"]().note == alignments.FORGOTTEN
    assert chart("cosines_u/forgotten").words.startswith("At every checkpoint u is missing")
    assert [line.label for line in chart("shares/forgotten").lines] == ["g gradient"]
    for name in ("cosines_g/forgotten", "cosines_u/full", "shares/full", "overlap/forgotten"):
        assert "missing" not in chart(name).words


@pytest.mark.parametrize("room", [20, 46, 200])
@pytest.mark.parametrize("seed", range(8))
def test_labels_are_whole_and_apart(seed: int, room: float):
    random = np.random.default_rng(seed)
    marks = tuple(
        Mark(float(x), f"{'m-SAM' if x % 2 else 'Random direction'} from {x}"[: int(room) - 2])
        for x in random.integers(0, 1000, 8)
    )
    places = placed(
        Chart("", "", "", "", (Line("", np.array([0.0, 1000.0]), np.zeros(2), "ink"),), "", marks=marks), room
    )
    assert sorted(place.mark.x for place in places) == sorted(mark.x for mark in marks)
    for row in range(8):
        spans = [
            (at, at + len(p.mark.label)) if p.right else (at - len(p.mark.label), at)
            for p in places
            if p.row == row
            for at in [p.mark.x / 1000 * room]
        ]
        assert room == 20 or all(low >= -8 and high <= room + 3 for low, high in spans)  # left of the plot is its axis
        assert all(one[1] < two[0] for one, two in pairwise(spans))
    assert len({place.row for place in places}) == max(place.row for place in places) + 1


@pytest.mark.parametrize("over", comparison.OVER)
def test_runs_are_compared_over_what_is_asked(over: str):
    data = columns()
    one = comparison.compare([("a", SPEC, data), ("b", SWITCHED, data)], "train_loss", over)
    assert one.x_label == comparison.OVER[over][0] and comparison.OVER[over][1] in one.words
    for line in one.lines:
        np.testing.assert_array_equal(line.x, data[over])
        np.testing.assert_array_equal(line.y, data["train_loss"])
    table = pd.read_csv(io.StringIO(numbers.csv(one)), comment="#")
    np.testing.assert_array_equal(table[table.series == "a"].x, data[over])


@pytest.mark.parametrize("measure", charts.MEASURES)
@pytest.mark.parametrize("over", comparison.OVER)
def test_older_runs_are_left_out_where_they_cannot_be_compared_and_the_caption_says_so(over: str, measure: str):
    old = COLUMNS["of the first version"]
    one = comparison.compare([("old", SPEC, old), ("new", SPEC, columns())], measure, over)
    lacks = over not in old or measure not in old
    assert [line.label for line in one.lines] == (["new"] if lacks else ["old", "new"])
    assert ("1 older run not shown" in one.words) == lacks
    alone = comparison.compare([("old", SPEC, old)], measure, over)
    assert ("not shown" in alone.note) == lacks == alone.empty


def test_runs_of_one_rule_come_first_in_its_looks():
    plain = SPEC | {"rule": {"name": "SGD"}}
    later = plain | {"then": SWITCHED["then"][:1]}
    switched, sgd, sam = comparison.compare(
        [(words.rules(spec), spec, columns()) for spec in (later, plain, SPEC)], "lr"
    ).lines
    assert (sam.colour, sam.dash, switched.colour, switched.dash, sgd.colour) == (
        "blue",
        "solid",
        "blue",
        "dot",
        "grey",
    )
    assert sam.marker != switched.marker and words.rule(later) == "SAM" and words.rule(SWITCHED) == "SSAM"


def test_the_edge_of_a_switched_run_is_nobodys_alone():
    labels = [line.label for line in charts.sharpness(columns() | {"phase": np.arange(T) >= 10}, SWITCHED).lines]
    assert labels == ["λ₁ measured", "the rule's edge", "2/η, above"]
