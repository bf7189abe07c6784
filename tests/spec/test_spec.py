"""Specs: JSON both ways, digests that name them, and fields that cannot be changed."""

import json
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Any

import pytest

from engine.data import Digits
from engine.models import CNN, MLP
from engine.problems import PROBLEMS, Beale, Classification, Product, Quadratic
from engine.rules import RULES
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
from engine.training.updates import AdamW
from tests.spec.tables import CLASSES, check_refusal, names


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
