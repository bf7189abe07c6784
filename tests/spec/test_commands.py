"""Command lines: the words of one are read as addresses are, and anything wrong is one line that names the field."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.analyses.planes import Random
from engine.analyses.surface import SurfaceSpec
from engine.experiments import EXPERIMENTS
from engine.problems import Quadratic
from engine.rules import SAM, SGD, SSAM, RandomSubset
from engine.spec import SpecError, complete, decode, flatten, parse, read_address, read_words, split_words
from engine.training.runs import RUNS, RunSpec, Switch
from tests.spec.test_links import SPECS

SURFACES = {"SurfaceSpec": SurfaceSpec}
BASE = RunSpec(rule=SAM(0.2, RandomSubset(0.3)), then=(Switch(SGD(), 300), Switch(SSAM(), 700)), lr=0.5)


def test_every_spec_is_said_in_words():
    """As name=value, as options, and as JSON; on top of another spec too, of which nothing remains then."""
    for spec in SPECS:
        texts = flatten(spec)
        assert read_words(RUNS, [f"{name}={text}" for name, text in texts.items()]) == spec
        assert read_words(RUNS, [word for name, text in texts.items() for word in (f"--{name}", text)]) == spec
        values = {name: json.dumps(value) for name, value in complete(spec).items() if name != "then" or value}
        assert read_words(RUNS, [f"--{name}={text.strip(chr(34))}" for name, text in values.items()]) == spec


@pytest.mark.parametrize(
    ("words", "spec"),
    [
        (["--plane", "Random", "--resolution", "31"], SurfaceSpec(Random(), resolution=31)),
        (["plane=Random", "plane.draw=3"], SurfaceSpec(Random(3))),
        (["--plane.draw", "3", "--plane=Random"], SurfaceSpec(Random(3))),
        (["--plane", '{"name": "Random", "draw": 4}', "plane.draw=3"], SurfaceSpec(Random(3))),
        (["--checkpoint", "-1", "--span", "1e0", "split=test", "span=.5"], SurfaceSpec(span=0.5, split="test")),
        ([], SurfaceSpec()),
    ],
)
def test_words_of_an_analysis(words, spec):
    assert read_words(SURFACES, words) == spec


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ([], {}),
        (["rule.rho=0.1"], {"rule": SAM(0.1, RandomSubset(0.3))}),
        (["rule=SAM"], {}),
        (["rule=SSAM"], {"rule": SSAM()}),
        (["rule.mask.share=0.1", "steps=900"], {"rule": SAM(0.2, RandomSubset(0.1)), "steps": 900}),
        (["then=0"], {"then": ()}),
        (["then=1"], {"then": BASE.then[:1]}),
        (["then.1.at=800"], {"then": (BASE.then[0], Switch(SSAM(), 800))}),
        (["then=3", "then.2.at=900"], {"then": (*BASE.then, Switch(at=900))}),
        (["lr=0.1"], {"lr": 0.1}),
        (["problem=Quadratic", "problem.begin=[2, 3]"], {"problem": Quadratic(begin=(2.0, 3.0))}),
    ],
)
def test_words_change_what_they_name_and_nothing_else(words, changed):
    assert read_words(RUNS, words, BASE) == replace(BASE, **changed)


NO_NUMBERS = ["1_0", "٣", " 1", "1 ", "nan", "inf", "-inf", "0x10", "1e", "1e999", "1,2", "", "true", "９", "1\n", "½"]


@pytest.mark.parametrize("text", [*NO_NUMBERS, "9" * 5000], ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("name", ["lr", "steps", "rule.rho", "then.0.at", "problem.eigenvalues"])
def test_what_python_takes_for_a_number_is_none(name, text):
    """Neither on the command line nor in an address, of no kind of number, however deep."""
    if (name, text) == ("problem.eigenvalues", "1,2"):
        return
    words = {"problem": "Quadratic", "problem.begin": "1,1", "then": "1"} | {name: text}
    path = name.replace("then.0", "then[0]")
    with pytest.raises(SpecError, match=f"^{path.replace('[', '.').replace(']', '.')}(.[0-9].)?: expected a") as told:
        read_words(RUNS, [f"{key}={value}" for key, value in words.items()])
    assert str(told.value).isprintable() and len(str(told.value)) < 200
    reading = read_address(RUNS, words)
    assert str(told.value) in reading.faults and name not in reading.kept


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rule.rh=1"], "rule.rh: unknown field; SAM has rho, mask"),
        (["rle=SAM"], "rle: unknown field; RunSpec has problem, rule"),
        (["rule=Nope", "rule.rho=1"], "rule.name: expected one of SGD, SAM"),
        (["name=Nope"], "name: expected one of RunSpec, got 'Nope'"),
        (["lr.x=1"], "lr.x: there is nothing below this field"),
        (["then=1", "then.2.at=5"], "then.2.at: there are 1, counted from 0"),
        (["then=1", "then.0.rule.nope=5"], "then.0.rule.nope: unknown field; SAM has"),
        (["then=9"], "then: expected a list of at most 8 objects, got '9'"),
        (["curvature=yes"], "curvature: expected true or false, got 'yes'"),
        (["steps=1.5"], "steps: expected a whole number, got 1.5"),
        (["lr"], "lr: expected name=value or --name value"),
        (["=3"], "=3: expected name=value or --name value"),
        (["-lr=3"], "-lr=3: expected name=value or --name value"),
        (["\x00\n=3"], "\\x00\\n=3: expected name=value or --name value"),
        (["--lr"], "lr: expected a value after it"),
        (["rule={"], "rule: not JSON that can be read (JSONDecodeError)"),
        (["rule=" + "[" * 100_000], "rule: not JSON that can be read (RecursionError)"),
        (['rule={"name": "SAM", "rho": "x"}'], "rule.rho: expected a finite number, got 'x'"),
        (['rule={"name": "SAM", "rho": NaN}'], "rule.rho: expected a finite number, got 'NaN'"),
    ],
)
def test_what_is_wrong_is_one_line(words, told):
    with pytest.raises(SpecError) as refused:
        read_words(RUNS, words)
    assert str(refused.value).startswith(told) and str(refused.value).isprintable()


def test_words_are_told_from_other_arguments():
    line = ["surface", "RUN", "--plane", "Random", "plane.draw=3", "--plane.draw", "-4", "--store", "x", "--device=cpu"]
    assert split_words(line, ["plane"]) == (
        ["--plane", "Random", "plane.draw=3", "--plane.draw", "-4"],
        ["surface", "RUN", "--store", "x", "--device=cpu"],
    )
    assert split_words(["a/b=c.json", '{"name": 1}', "x y=1", "--rule.rho"]) == (
        ["--rule.rho"],
        ["a/b=c.json", '{"name": 1}', "x y=1"],
    )


def test_a_table_of_many_classes():
    assert read_words(EXPERIMENTS, ["name=Drift", "eta=0.1"]) == decode(EXPERIMENTS, {"name": "Drift", "eta": 0.1})


def test_a_byte_order_mark_is_no_fault():
    """As an editor under Windows writes one before JSON; within the text it stays one."""
    text = json.dumps(complete(BASE))
    assert parse(RUNS, "\ufeff" + text) == parse(RUNS, text) == BASE
    for wrong in ("\ufeff\ufeff" + text, text + "\ufeff", "\ufeff"):
        with pytest.raises(SpecError, match=r"^spec: not JSON"):
            parse(RUNS, wrong)
