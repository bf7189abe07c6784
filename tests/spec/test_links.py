"""Links: specs survive their addresses, which say only what differs; a stranger's address costs what is wrong in it,
and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from engine.models import MLP
from engine.problems import Classification, DiagonalNet, Quadratic
from engine.rules import ASAM, MASKS, RULES, SAM, SGD, SSAM, USAM, RandomSubset
from engine.spec import digest, dumps, flatten, floats, parse, read_address, with_floats
from engine.sweeps.design import DesignSpec
from engine.sweeps.spec import SWEEPS, SweepSpec
from engine.training.runs import RUNS, RunSpec, Switch
from engine.training.updates import UPDATES, AdamW, Momentum
from engine.work.presets import PRESETS

NORMED = Classification(model=MLP(norm="layer"))


def altered(spec):
    """A spec with its numbers changed a little, so that none is the default."""
    return with_floats(spec, {name: value * 0.9 + 0.01 for name, value in floats(spec).items()})


WRAPPED = [SSAM(rule()) for name, rule in RULES.items() if name != "SSAM"]
SPECS = [
    RunSpec(),
    *(RunSpec(rule=one) for rule in (*(cls() for cls in RULES.values()), *WRAPPED) for one in (rule, altered(rule))),
    *(RunSpec(update=one) for cls in UPDATES.values() for one in (cls(), altered(cls()))),
    *(RunSpec(NORMED, wrap(SAM(mask=cls()))) for cls in MASKS.values() for wrap in (lambda rule: rule, SSAM)),
    *(
        RunSpec(rule=SGD(), then=(Switch(rule, 300), Switch(SAM(), 21, "epochs", False))[:count])
        for rule in WRAPPED
        for count in (1, 2)
    ),
    RunSpec(
        rule=SGD(),
        then=tuple(
            Switch(SSAM(ASAM(scale="layerwise", mask=RandomSubset(0.3)), True), 100 * (i + 1)) for i in range(8)
        ),
    ),
    RunSpec(warmup=100, radius="with the rate", clip=0.5, update=Momentum(0.9, 1e-4, True, True)),
    RunSpec(Classification(smoothing=0.1)),
    RunSpec(Quadratic((3.0, 1.0, 0.1), (1.0, 2.0, 3.0)), USAM(0.5), AdamW(), lr=0.25),
    RunSpec(DiagonalNet(train=12), batch=0),
    RunSpec(rule=SGD(), curvature=False),
    *(preset.spec for preset in PRESETS.values()),
]


@pytest.mark.parametrize("spec", SPECS, ids=digest)
def test_a_spec_survives_its_address_and_its_json(spec):
    assert read_address(RUNS, flatten(spec)) == (spec, [], flatten(spec))
    assert parse(RUNS, dumps(spec)) == spec


def test_an_address_is_readable_and_says_what_differs():
    assert flatten(RunSpec()) == {}
    assert flatten(
        RunSpec(rule=SGD(), then=(Switch(SSAM(ASAM(scale="layerwise")), 300), Switch(at=700, restart=False)))
    ) == {
        "rule": "SGD",
        "then": "2",
        "then.0.rule": "SSAM",
        "then.0.rule.rule": "ASAM",
        "then.0.rule.rule.scale": "layerwise",
        "then.0.at": "300",
        "then.1.at": "700",
        "then.1.restart": "false",
    }
    assert flatten(RunSpec(NORMED, SAM(mask=RandomSubset(0.5)))) == {
        "problem": "Classification",
        "problem.model": "MLP",
        "problem.model.norm": "layer",
        "rule": "SAM",
        "rule.mask": "RandomSubset",
        "rule.mask.share": "0.5",
    }


BAD = [
    ("then=9", ["then"], {}),
    ("then=-1", ["then"], {}),
    ("then=x&rule=SGD", ["then"], {"rule": SGD()}),
    ("then.0.at=300", ["then"], {}),
    ("then=1&then.3.at=3", ["'then.3.at'"], {"then": (Switch(),)}),
    (
        "then=1&then.0.nope=1&then.4.at=3&then.at=2",
        ["'then.0.nope'", "'then.4.at'", "'then.at'"],
        {"then": (Switch(),)},
    ),
    ("then=1&then.0.at=x", ["then[0].at"], {"then": (Switch(),)}),
    ("then=1&then.0.at=300&then.0.nope=1", ["'then.0.nope'"], {"then": (Switch(at=300),)}),
    ("then=1&then.0.at=300&then.0.rule=NOPE&then.0.rule.rho=1", ["then[0].rule.name"], {"then": (Switch(at=300),)}),
    (
        "then=1&then.0.at=300&then.0.rule=SSAM&then.0.rule.rule=SSAM",
        ["then[0].rule.rule.name"],
        {"then": (Switch(SSAM(), 300),)},
    ),
    ("then=2&then.0.at=300&then.1.at=200", ["then[1].at"], {"then": (Switch(at=300), Switch())}),
    (
        "then=2&then.0.at=300&then.1.at=300&then.1.rule=SGD&steps=400",
        ["then[1].at", "then[1].at"],
        {"then": (Switch(at=300),), "steps": 400},
    ),
    ("then=1&steps=400&lr=0.2", ["then[0].at"], {"steps": 400, "lr": 0.2}),
    ("rule.mask=NormalizationOnly&steps=77", ["rule.mask"], {"steps": 77}),
    ("rule=SSAM&rule.rule.mask=NormalizationOnly&rule.shrink=true", ["rule.rule.mask"], {"rule": SSAM(shrink=True)}),
    ("rule=SSAM&rule.rho=0.1", ["'rule.rho'"], {"rule": SSAM()}),
    (
        "problem=Quadratic&problem.eigenvalues=1,x&problem.begin=1,2",
        ["problem.eigenvalues"],
        {"problem": Quadratic(begin=(1.0, 2.0))},
    ),
    ("problem=Quadratic&problem.begin=1,1000", ["problem.begin[1]"], {"problem": Quadratic()}),
    ("problem.data=Digits&problem.data.train=40&lr=0.2", ["batch"], {"lr": 0.2}),
    ("name=Nope&steps=7", ["name"], {"steps": 7}),
    ("nope=1&lr=9e9&steps=7", ["'nope'", "lr"], {"steps": 7}),
    ("=1&.=2&..=3&then.=0&steps=7", ["''", "'.'"], {"steps": 7}),
]


@pytest.mark.parametrize(("address", "told", "kept"), BAD, ids=[row[0] for row in BAD])
def test_what_is_wrong_is_told_and_the_rest_is_kept(address, told, kept):
    spec, faults, _ = read_address(RUNS, dict(pair.split("=", 1) for pair in address.split("&")))
    assert spec == replace(RunSpec(), **kept)
    assert [fault.partition(":")[0] for fault in faults] == told
    assert all(fault.isprintable() and len(fault) < 500 for fault in faults)
    # where the field at fault was not given
    assert [fault for fault in faults if "left out" in fault] == faults[: address.startswith("problem.data=Digits")]


@pytest.mark.parametrize("kind", [SweepSpec, DesignSpec])
def test_what_is_left_out_is_as_the_spec_around_it_has_it(kind):
    """A map's runs have fewer steps than a run alone: finds one that takes the run's own, and so five times as long."""
    assert kind().run.steps != RunSpec().steps
    spec, faults, kept = read_address({kind.__name__: kind}, {"run.steps": "-1", "run.lr": "0.3"})
    assert spec == replace(kind(), run=replace(kind().run, lr=0.3)) and kept == {"run.lr": "0.3"}
    assert [fault.partition(":")[0] for fault in faults] == ["run.steps"]


@pytest.mark.parametrize("wrong", [0, 1])
def test_what_is_kept_of_a_series_is_what_the_map_has_of_it(wrong):
    """One rule of two has a wrong name: finds a map that keeps the other while what is kept of the address lacks it."""
    texts = {"rules": "2", "rules.0": "SAM", "rules.0.rho": "0.25", "rules.1": "SAM", "rules.1.rho": "0.25"}
    texts |= {"seeds": "3", f"rules.{wrong}": "S"}
    spec, _, kept = read_address({"SweepSpec": SweepSpec}, texts)
    assert kept == {"rules": "1", "rules.0": "SAM", "rules.0.rho": "0.25", "seeds": "3"} == flatten(spec)


def test_two_values_that_do_not_go_together_are_one_fault():
    """Finds a line on each, the second about a value that nobody gave; and items whose number is not said."""
    fault = "x.high: expected more than 10, where the knob begins, got 1 (left out, too: x.low)"
    assert read_address(SWEEPS, {"x.low": "10", "x.high": "1"})[1:] == ([fault], {})
    assert read_address(SWEEPS, {"rules.0": "SAM"}).faults == [
        "rules: expected how many there are, at most 6, as in rules=1"
    ]


def test_a_length_that_cannot_be_is_not_tried():
    fault = "then: expected a list of at most 8 objects, got '9999'"
    assert read_address(RUNS, {"then": "9999"}) == (RunSpec(), [fault], {})


@pytest.mark.parametrize("seed", range(10))
def test_random_addresses(seed):
    """Parameters of true addresses, mixed, spoilt and renamed: there is always a spec, and a printable line for each
    thing that was left out."""
    rng = random.Random(seed)
    pool = [pair for spec in SPECS for pair in flatten(spec).items()]
    pieces = ["then", "rule", "0", "7", "99", "at", "mask", "", "name", "[0]", ":", "é\n", "share", "model", "x" * 300]
    for _ in range(40):
        texts = dict(rng.sample(pool, rng.randint(0, 12)))
        texts |= {
            key: rng.choice(["", "nan", "-1", "1e99", "SSAM", "true", "x" * 300, "1,,2", "\x00", "9" * 5000])
            for key in texts
            if rng.random() < 0.2
        }
        texts |= {
            ".".join(rng.choices(pieces, k=rng.randint(1, 4))): rng.choice(["1", "2", "SAM", ""])
            for _ in range(rng.randint(0, 3))
        }
        spec, faults, kept = read_address(RUNS, texts)
        assert (
            kept.items() <= texts.items() | flatten(spec).items()
            and read_address(RUNS, kept).spec == spec
            and isinstance(spec, RunSpec)
            and all(fault.isprintable() and len(fault) < 600 for fault in faults)
        )
        assert read_address(RUNS, flatten(spec))[:2] == (spec, [])
