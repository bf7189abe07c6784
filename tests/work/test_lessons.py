"""Lessons: what ships can be shown, and what is wrong with a stranger's file or link is said in one line."""

from __future__ import annotations

import base64
import json
import zlib
from itertools import count

import pytest

from engine.experiments import EXPERIMENTS
from engine.spec import SpecError, decode
from engine.work import lessons
from engine.work.lessons import Checks, Claim, Figure, Lesson, Text


def one(**slide: object) -> dict[str, object]:
    """The file of a lesson of one slide."""
    return {"title": "T", "slides": [slide]}


def test_two_ship_of_20_and_45_minutes():
    """Finds a shipped lesson that cannot be read, is longer than it says, is too long for its link, or has no notes;
    and one whose file is not as Download would write it."""
    assert [lesson.minutes for lesson in lessons.shipped().values()] == [20, 45]
    for name, lesson in lessons.shipped().items():
        assert (lessons.SHIPPED / f"{name}.json").read_text(encoding="utf-8") == lessons.dumps(lesson)
        assert lessons.find(name) == lesson == lessons.find(lessons.pack(lesson))
        assert len(lessons.pack(lesson)) < lessons.LINKED and all(slide.notes for slide in lesson.slides)


def test_an_experiment_is_a_lesson():
    drift = decode(EXPERIMENTS, {"name": "Drift", "rho": 0.2})
    shown = Claim(drift), Figure(drift, 1), Figure(drift, 2), Figure(drift, 3), Checks(drift)
    assert lessons.of(drift).slides == shown


@pytest.mark.parametrize("name", lessons.PICTURES[1:])
def test_a_picture_is_one(name):
    """Finds a name that the gallery no longer has."""
    assert lessons.picture(name).title


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"title": "T"}, "slides: expected one at least"),
        ({"slides": {}}, "slides: expected a list of at most 100 objects"),
        ({"slides": [{"name": "Text"}] * 101}, "slides: expected a list of at most 100 objects"),
        (one(name="Video"), "slides[0].name: expected one of Claim, Figure, Checks, Text, got 'Video'"),
        (one(name="Claim", experiment={"name": "Flat"}), "slides[0].experiment.name: expected one of Stability, "),
        (one(name="Claim", experiment={"name": "Drift", "rho": "x"}), "slides[0].experiment.rho: expected a finite"),
        (one(name="Figure", figure=4), "slides[0].figure: expected a number from 1 to 3, which Drift has, got 4"),
        (one(name="Text", picture="../x"), "slides[0].picture: expected one of"),
        (one(name="Text", page="http://e.co"), "slides[0].page: expected one of"),
        (one(name="Text", query="x/../../y"), "slides[0].query: expected a text that matches"),
        (one(name="Text", minutes=-1), "slides[0].minutes: expected a number from 0 to 60"),
        (one(name="Text", notes="n" * 2001), "slides[0].notes: expected a text that matches"),
        (one(name="Text", script="1"), "slides[0].script: unknown field"),
        ("T" * 100_000, "lesson: expected at most 100 kB, got 100"),
        ([], 'spec: expected an object with a "name", got []'),
    ],
    ids=count(),
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(data, told):
    with pytest.raises(SpecError) as error:
        lessons.parse(json.dumps(data).encode())
    assert str(error.value).startswith(told) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("../../etc/passwd", "lesson: expected one of sam-in-20-minutes, five-questions-in-45-minutes, or a whole"),
        ("z.!", "lesson: the link is incomplete"),
        (lessons.pack(Lesson("T", slides=(Text(),)))[:-9], "spec: not JSON"),
        ("z." + base64.urlsafe_b64encode(zlib.compress(b" " * 10**7)).decode().rstrip("="), "lesson: expected at most"),
    ],
    ids=count(),
)
def test_what_is_wrong_with_a_link_is_told_in_one_line(address, told):
    """Finds a traceback, a way to other files, and a link that unfolds to megabytes."""
    with pytest.raises(SpecError) as error:
        lessons.find(address)
    assert str(error.value).startswith(told)
    with pytest.raises(SpecError):
        lessons.parse(b"\xff\xfe")
