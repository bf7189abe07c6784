"""Refusals: one clear line, which names the field, for whatever a stranger sends."""

import math
import random

import pytest

from engine.data import Moons
from engine.models import MLP
from engine.problems import Beale, Classification, Quadratic
from engine.rules import SAM
from engine.spec import Integer, Number, Series, SpecError, encode, knobs, parse
from engine.training.runs import RUNS, RunSpec
from engine.training.updates import AdamW
from tests.spec.tables import CLASSES, check_refusal, names

FIELDS = [(table, cls, name) for table, cls in CLASSES for name in knobs(cls)]
GARBAGE = [
    None,
    True,
    "",
    "x",
    "1",
    [],
    {},
    [1],
    [None],
    {"name": "x"},
    {"name": None},
    {"name": ["MLP"]},
    math.nan,
    math.inf,
    -math.inf,
    10**400,
    -(10**400),
    10**5000,
    1e308,
    -1e308,
    1.5,
    -1,
    [[1, 2]],
    [math.nan, 1.0],
    [True, 1.0],
    [10**400, 1],
    [1.0] * 10_000,
    "é\n\x00\ud800",
    2**63,
    {"a": {"b": {}}},
]


def nested(depth: int):
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


DEEP = nested(100_000)


@pytest.mark.parametrize("table, cls, field", FIELDS, ids=names)
def test_garbage_in_a_field(table, cls, field):
    named = field if field != "eigenvalues" else None  # a list of another length is refused in the name of `begin`
    refused = sum(
        check_refusal(table, {"name": cls.__name__, field: value}, named) for value in [*GARBAGE, nested(50), DEEP]
    )
    k = knobs(cls)[field]
    assert refused >= len(GARBAGE) - (6 if isinstance(k, Number | Integer | Series) else 2)
    if isinstance(k, Integer | Number):
        assert check_refusal(table, {"name": cls.__name__, field: True}, field), "a truth value is not a number"
        for value in (k.low - 1, k.high + 1, math.nextafter(k.low, -math.inf), math.nextafter(k.high, math.inf)):
            assert check_refusal(table, {"name": cls.__name__, field: value}, field)
    if isinstance(k, Integer):
        assert check_refusal(table, {"name": cls.__name__, field: k.low + 0.5}, field)


@pytest.mark.parametrize(
    "data",
    [*(v for v in GARBAGE if v != {}), {1: 2}, {"name": "RunSpec", "\n" * 900: 1}, {"lr ": 1}, {"Lr": 1}, DEEP],
    ids=lambda v: type(v).__name__,
)
def test_garbage_as_a_spec(data):
    assert check_refusal(RUNS, data)


@pytest.mark.parametrize("seed", range(20))
def test_random_garbage(seed):
    """Valid specs with random pieces replaced, deleted, renamed and buried: never another exception."""
    rng = random.Random(seed)

    def spoil(value, depth=0):
        if rng.random() < 0.06:
            return rng.choice(
                [
                    *GARBAGE,
                    rng.uniform(-1e9, 1e9),
                    rng.randrange(-(10**30), 10**30),
                    "SAM",
                    {"name": "SAM"},
                    {"name": "Digits", "train": 20},
                ]
            )
        if isinstance(value, dict):
            spoilt = {
                (rng.choice(["", "name", "rho", k + "_", k.upper()]) if rng.random() < 0.03 else k): spoil(v, depth + 1)
                for k, v in value.items()
                if rng.random() > 0.05
            }
            return spoilt
        return [spoil(v) for v in value] if isinstance(value, list) else value

    bases = [
        RunSpec(),
        RunSpec(Classification(Moons(), MLP()), batch=7),
        RunSpec(Beale(), SAM(), AdamW()),
        RunSpec(Quadratic()),
    ]
    outcomes = [check_refusal(RUNS, spoil(encode(rng.choice(bases)))) for _ in range(300)]
    assert 0.3 < sum(outcomes) / 300 < 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        "[" * 100_000,
        '{"lr":' * 990,
        '{"lr": 1' + "0" * 400 + "}",
        '{"lr": 1' + "0" * 5000 + "}",
        '{"lr": NaN}',
        '{"lr": Infinity}',
        '{"lr": 1e999}',
        '{"lr": .1}',
        "\ud800",
        "\x00",
        '{"lr": 0.1,}',
        "'x'",
        "0x10",
        '{"steps": 1e308}',
        '{"name": "RunSpec"',
        "RunSpec()",
        '{"__class__": "os"}',
    ],
)
def test_bad_text(text):
    with pytest.raises(SpecError) as refused:
        parse(RUNS, text)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 600


@pytest.mark.parametrize(
    "data, field",
    [
        ({"batch": 1438}, "batch"),
        ({"batch": 51, "problem": {"name": "Classification", "data": {"name": "Moons", "train": 50}}}, "batch"),
        ({"steps": 1_000_000, "every": 1}, "every"),
        ({"problem": {"name": "Classification", "data": {"name": "Moons"}, "model": {"name": "CNN"}}}, "problem.model"),
        ({"problem": {"name": "Quadratic", "eigenvalues": [1, 2, 3]}}, "problem.begin"),
        ({"problem": {"name": "Quadratic", "eigenvalues": [1, "2"]}}, "problem.eigenvalues[1]"),
        ({"problem": {"name": "Beale", "begin": [1.0]}}, "problem.begin"),
        ({"problem": {"name": "Product", "begin": [1.0, 2.0, 3.0]}}, "problem.begin"),
        ({"rule": {"name": "SAM", "rho": -1}}, "rule.rho"),
        ({"rule": {"rho": 1}}, "rule.name"),
        ({"rule": {"name": "Momentum"}}, "rule.name"),
        ({"problem": {"name": "Classification", "data": {"name": "Digits", "train": 1e9}}}, "problem.data.train"),
        ({"problem": {"name": "Classification", "colour": 3}}, "problem.colour"),
    ],
)
def test_the_error_names_the_field(data, field):
    assert check_refusal(RUNS, data, field)
