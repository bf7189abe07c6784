"""Specs: JSON both ways, digests that name them, and one clear line for whatever a stranger sends."""

import json
import math
import random
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Any

import pytest

from engine.analyses.planes import PLANES
from engine.data import DATASETS, Digits, Moons
from engine.models import CNN, MLP, MODELS
from engine.problems import PROBLEMS, Beale, Classification, Product, Quadratic
from engine.rules import RULES, SAM
from engine.spec import (
    Choice,
    Flag,
    Integer,
    Number,
    Pick,
    Series,
    Several,
    SpecError,
    Word,
    complete,
    decode,
    digest,
    dumps,
    encode,
    knob,
    knobs,
    parse,
    word,
)
from engine.training.runs import RUNS, RunSpec
from engine.training.schedules import SCHEDULES
from engine.training.updates import UPDATES, AdamW
from engine.work.kinds import KINDS as WORK

TABLES = [
    DATASETS,
    MODELS,
    PROBLEMS,
    RULES,
    UPDATES,
    SCHEDULES,
    PLANES,
    RUNS,
    *(kind.specs for kind in WORK.values() if kind.name not in ("train", "experiment")),
]
CLASSES = [(table, cls) for table in TABLES for cls in table.values()]
FIELDS = [(table, cls, name) for table, cls in CLASSES for name in knobs(cls)]


def names(value):
    return getattr(value, "__name__", value if isinstance(value, str) else "")


def extremes_of(cls: type, name: str) -> list:
    """The ends of a field's range, or all its options; whatever a field accepts must survive."""
    k = knobs(cls)[name]
    ends: dict[type, Callable[[Any], list]] = {
        Number: lambda k: [float(k.low), float(k.high)],
        Integer: lambda k: [k.low, k.high],
        Flag: lambda k: [True, False],
        Choice: lambda k: list(k.options),
        Word: lambda k: [text for text in ("", "0" * k.longest) if re.fullmatch(k.pattern, text)],
        Series: lambda k: [(k.low,), (k.high,) * k.longest],
        Pick: lambda k: [option() for option in k.table().values()],
        Several: lambda k: [(), *((option(),) for option in k.table().values())],
    }
    return ends[type(k)](k)


@pytest.mark.parametrize("table, cls", CLASSES, ids=names)
def test_round_trip(table, cls):
    """Of the defaults and of every field at the ends of its range; the JSON is plain, and decodes to an equal spec
    of the same digest."""
    specs = [cls()]
    for name in knobs(cls):
        for value in extremes_of(cls, name):
            try:
                specs.append(replace(cls(), **{name: value}))
            except SpecError as error:  # a combination that the class refuses, which it must name
                assert re.match(r"[\w.\[\]]+: ", str(error))
    for spec in specs:
        again = parse(table, dumps(spec))
        assert again == spec and type(again) is cls and digest(again) == digest(spec)
        assert json.loads(json.dumps(encode(spec), allow_nan=False)) == encode(spec)
        assert re.fullmatch("[0-9a-f]{16}", digest(spec))


@pytest.mark.parametrize("table, cls", CLASSES, ids=names)
def test_defaults_are_within_their_ranges_and_named(table, cls):
    assert decode(table, {"name": cls.__name__}) == cls()
    assert cls.__doc__ and all(f.metadata["knob"].label for f in fields(cls))


def test_digest_is_stable():
    """The digest of a fixed canonical text, so that kept runs are found again by later versions and on other
    machines."""
    import hashlib

    text = '{"eigenvalues":[10.0,1.0],"begin":[1.0,1.0],"name":"Quadratic"}'
    canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert digest(Quadratic()) == hashlib.sha256(canonical.encode()).hexdigest()[:16] == digest(Quadratic())


def test_digests_are_distinct():
    specs = [spec() for _, spec in CLASSES]
    specs += (
        [RunSpec(rule=rule()) for rule in RULES.values()]
        + [RunSpec(problem=p(), batch=0) for p in PROBLEMS.values()]
        + [RunSpec(seed=i) for i in range(200)]
    )
    specs += [
        RunSpec(lr=0.1 + 1e-12),
        RunSpec(Classification(model=MLP(depth=3))),
        RunSpec(Classification(model=CNN())),
        RunSpec(update=AdamW()),
    ]
    assert len({digest(spec) for spec in specs}) == len({(type(s).__name__, repr(s)) for s in specs})


@pytest.mark.parametrize(
    "text", ['{"lr": 1}', '{"lr": 1.0}', '{"lr": 1e0, "steps": 1000.0}', '{"name": "RunSpec", "lr": 10E-1}']
)
def test_one_number_one_digest(text):
    assert digest(parse(RUNS, text)) == digest(RunSpec(lr=1.0)) == digest(RunSpec(lr=1))


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


def check_refusal(table, data, field: str | None = None) -> bool:
    """Either a spec within its ranges comes out, or a SpecError of one short line that names the field."""
    try:
        spec = decode(table, data)
    except SpecError as error:
        line = str(error)
        assert "\n" not in line and line.isprintable() and len(line) < 600, line
        assert field is None or line.startswith((f"{field}: ", f"{field}[", f"{field}.")), (field, line)
        return True
    assert decode(table, encode(spec)) == spec
    return False


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


def test_a_spec_cannot_be_changed():
    for _, cls in CLASSES:
        for name in knobs(cls):
            with pytest.raises(AttributeError):
                setattr(cls(), name, 0)


def test_digits_and_product_are_equal_to_themselves_only():
    assert (
        Digits() == Digits()
        and Digits(train=20) != Digits()
        and Product() != Beale()
        and hash(Digits()) == hash(Digits())
    )


@dataclass(frozen=True)
class Kind:
    """What several specs share."""

    own: int
    _: KW_ONLY
    shared: float = knob(0.5, 0, 1, "Shared")


@dataclass(frozen=True)
class Named(Kind):
    """A spec with a text, and with a field that its kind has."""

    own: int = knob(3, 1, 9, "Own")
    code: str = word("ab", "[a-c]{2,}", 4, "Code")


def test_a_text_is_what_its_pattern_matches():
    table = {"Named": Named}
    for text in ("ab", "abca", "cc"):
        assert decode(table, {"code": text}) == Named(code=text) and parse(table, dumps(Named(code=text))) == Named(
            code=text
        )
    for text in ("", "a", "abcab", "abd", "AB", "ab\n", " ab", 12, None, ["ab"], True, "é\ud800"):
        assert check_refusal(table, {"code": text}, "code")
    assert len({digest(Named(code=text)) for text in ("ab", "ba", "abc")}) == 3


def test_own_fields_come_before_those_of_the_kind():
    assert list(knobs(Named)) == ["own", "code", "shared"]
    assert list(complete(Named())) == ["name", "own", "code", "shared"]
    assert Named(4, "abc") == Named(own=4, code="abc", shared=0.5)
