"""Digests: what an earlier version kept is found by its name, whatever fields its classes have been given since."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.analyses.planes import PLANES
from engine.data import DATASETS
from engine.encyclopedia.quadratic import Trial
from engine.experiments import EXPERIMENTS
from engine.models import MODELS
from engine.problems import PROBLEMS
from engine.records import load
from engine.rules import MASKS, RULES, SAM, SGD, SSAM
from engine.spec import complete, decode, describe, digest, dumps, encode, fingerprint, knob, parse, pick
from engine.spec.coding import BASELINE
from engine.training.runs import RUNS, SWITCHES, RunSpec, Switch
from engine.training.schedules import SCHEDULES
from engine.training.updates import UPDATES
from engine.work.kinds import KINDS

KEPT = Path(__file__).parent.parent / "work" / "kept"
"""A store that the version before this promise wrote."""
SPECS = {name: cls for kind in KINDS.values() if kind.of for name, cls in kind.specs.items()}
TABLES = [DATASETS, MODELS, PROBLEMS, RULES, MASKS, UPDATES, SCHEDULES, PLANES, RUNS, SWITCHES, EXPERIMENTS, SPECS]
CLASSES = [*(cls for table in TABLES for cls in table.values()), Trial]
ALL = {cls.__name__: cls for cls in (RunSpec, *SPECS.values(), *EXPERIMENTS.values())}


def grown(cls: type) -> type:
    """The class as a later version may have it: with one more field."""
    body = {"__doc__": cls.__doc__, "__annotations__": {"later": "float"}, "later": knob(0.25, 0, 1, "Later")}
    return dataclass(frozen=True)(type(cls.__name__, (cls,), body))


@pytest.fixture
def later(monkeypatch):
    """All classes of all tables with one more field."""
    for table in [*TABLES, ALL]:
        for name, cls in list(table.items()):
            monkeypatch.setitem(table, name, grown(cls))


def kept() -> list[tuple[str, dict]]:
    """The name and the encoded spec of all that is kept."""
    files = sorted(KEPT.rglob("*.npz"))
    found = [(path.parent.name if path.stem == "run" else path.stem, load(path).spec) for path in files]
    listed = [(path.parent.name, json.loads(path.read_text())["spec"]) for path in KEPT.rglob("summary.json")]
    return [*found, *listed]


def check_kept() -> None:
    assert len(kept()) == 17
    for name, encoded in kept():
        assert digest(decode(ALL, encoded)) == fingerprint(encoded) == name


def test_all_that_was_kept_is_found_by_its_name():
    check_kept()


def test_all_that_was_kept_is_found_once_every_class_has_another_field(later):
    """A run's folder is named by problem, data, model, rule, mask, update and schedule: each could rename it."""
    check_kept()
    assert all(decode(ALL, encoded).later == 0.25 for _, encoded in kept())


def test_a_field_counts_only_where_it_is_used():
    """In every class, whether it is in a record of today or in none."""
    for cls in CLASSES:
        assert digest(grown(cls)()) == digest(cls()), cls
        assert len({digest(grown(cls)(later=value)) for value in (0.25, 0.5, 0.0)}) == 3, cls


WITHIN = RunSpec(rule=SSAM(SAM()), then=(Switch(SSAM(SAM()), 300), Switch(SGD(), 400)))
USES = [("rule",), ("rule", "rule"), ("rule", "rule", "mask"), ("problem", "model"), ("then", 0)]
USES += [("then", 0, "rule"), ("then", 0, "rule", "rule"), ("then", 1, "rule"), ("update",), ()]


def test_a_field_counts_wherever_its_spec_stands(later):
    """In what is picked, in what that picks, and in each of several: no place is forgotten, none is confused with
    another."""
    now = complete(WITHIN)
    names = {digest(decode(RUNS, now))}
    assert names == {digest(WITHIN)}
    for path in USES:
        data = json.loads(json.dumps(now))
        place = data
        for step in path:
            place = place[step]
        place["later"] = 0.5
        spec = decode(RUNS, data)
        names.add(digest(spec))
        assert decode(RUNS, encode(spec)) == spec == parse(RUNS, dumps(spec))
        assert encode(spec) == data, "and what is as usual is not written"
    assert len(names) == 1 + len(USES)


@dataclass(frozen=True)
class Inner:
    """A class that came later."""

    a: float = knob(1.0, 0, 9, "A")


@dataclass(frozen=True)
class Outer:
    """Another, which picks one of the first."""

    b: int = knob(2, 0, 9, "B")
    inner: Inner = pick(Inner(3.0), lambda: {"Inner": Inner}, "Inner")


def test_a_class_that_comes_later_says_what_differs_only():
    """So that it may have fields added, too; people are shown all of it."""
    assert encode(Outer()) == {"name": "Outer"}
    assert encode(Outer(2, Inner())) == {"name": "Outer", "inner": {"name": "Inner"}}
    everything = {"name": "Outer", "b": 2, "inner": {"name": "Inner", "a": 3.0}}
    assert complete(Outer()) == json.loads(dumps(Outer())) == everything
    assert describe(Outer()) == everything | {"digest": digest(Outer())}
    for spec in (Outer(), Outer(2, Inner()), Outer(5, Inner(3.0)), Outer(inner=Inner(4.0))):
        assert decode({"Outer": Outer}, encode(spec)) == spec == parse({"Outer": Outer}, dumps(spec))


def test_the_baseline_is_frozen():
    """A field that is added to it renames what was kept before: the fields of later versions do not belong there."""
    assert {cls.__name__ for cls in CLASSES} >= set(BASELINE)
    assert hashlib.sha256(json.dumps(BASELINE, sort_keys=True).encode()).hexdigest()[:16] == "8a3ad0a85f812ae2"


def test_one_number_has_one_digest_at_a_default_too():
    """An integer where a float is meant, or a negative zero, is the default and no difference."""
    assert encode(replace(Inner(), a=1)) == encode(Inner()) and encode(replace(Inner(), a=-0.0))["a"] == 0.0
