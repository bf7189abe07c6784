"""Words: a run in one line, on pages and in captions, with its masks, wrapped rules, switches, warm-up and clipping,
and numbers, as people say them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import pytest

from engine.data import Moons
from engine.figures import charts, words
from engine.models import CNN, MLP
from engine.problems import Classification, DiagonalNet, Quadratic
from engine.problems.toys import Toy
from engine.rules import ASAM, MASKS, MSAM, RULES, SAM, SGD, SSAM, GraphSAM, NormalizationOnly, RandomSubset, Rule
from engine.spec import describe, digest, encode, knob, series
from engine.training.runs import RunSpec, Switch
from engine.training.schedules import Cosine, StepDecay
from engine.training.updates import UPDATES, Adam, Momentum
from tests.states import SPEC

NORMED = Classification(model=MLP(norm="layer"))
SAID = [
    (
        RunSpec(),
        "Digits · MLP · SAM (ρ 0.05) · lr 0.1",
        "MLP trained with SAM (ρ 0.05), no momentum, learning rate 0.1, batch 64, seed 0",
    ),
    (
        RunSpec(rule=SGD(), then=(Switch(at=500),)),
        "Digits · MLP · SGD, then SAM (ρ 0.05) from step 500 · lr 0.1",
        "MLP trained with SGD, then SAM (ρ 0.05) from step 500, no momentum, learning rate 0.1, batch 64, seed 0",
    ),
    (
        RunSpec(
            NORMED,
            SAM(0.0, NormalizationOnly()),
            Momentum(0.9, nesterov=True),
            then=(Switch(MSAM(), 2, "epochs", False),),
        ),
        (
            "Digits · MLP · SAM (ρ 0) on normalization only, then m-SAM (ρ 0.05) from epoch 2 with the momentum "
            "kept · lr 0.1 · norm layer · momentum 0.9 · nesterov"
        ),
        (
            "MLP trained with SAM on normalization only, then m-SAM (ρ 0.05, m 16) from epoch 2 with the momentum "
            "kept, Momentum (momentum 0.9, nesterov), learning rate 0.1, batch 64, seed 0"
        ),
    ),
    (
        RunSpec(
            rule=SSAM(ASAM(scale="layerwise", mask=RandomSubset(0.1)), True),
            update=Adam(),
            schedule=StepDecay(),
            warmup=100,
            radius="with the rate",
            clip=1.0,
        ),
        (
            "Digits · MLP · SSAM (shrink) around ASAM (ρ 0.5, scale layerwise) on random subset (share 0.1) · lr 0.1 "
            "· Adam · step decay · warm-up 100 · radius with the rate · clip 1"
        ),
        (
            "MLP trained with SSAM (shrink) around ASAM (ρ 0.5, eta 0.01, scale layerwise) on random subset (share "
            "0.1), Adam (beta1 0.9, beta2 0.999, eps 10⁻⁸), learning rate 0.1, schedule step decay (drops 2, by 0.1), "
            "warm-up of 100 steps, radius with the rate, clip norm 1, batch 64, seed 0"
        ),
    ),
    (
        RunSpec(
            Classification(Moons(50), MLP(4), smoothing=0.1), GraphSAM(), schedule=Cosine(), batch=0, curvature=False
        ),
        (
            "Moons · MLP · GraphSAM (ρ 0.05) · lr 0.1 · smoothing 0.1 · train 50 · width 4 · cosine · full batch · "
            "no curvature"
        ),
        (
            "MLP trained with GraphSAM (ρ 0.05, beta 0.99, gamma 0.5, period 10), no momentum, learning rate 0.1, "
            "schedule cosine, label smoothing 0.1, full batch, seed 0"
        ),
    ),
    (
        RunSpec(Quadratic((3.0, 1.5), (1.0, 2.0))),
        "Quadratic · SAM (ρ 0.05) · lr 0.1 · eigenvalues 3, 1.5 · begin 1, 2",
        "Point trained with SAM (ρ 0.05), no momentum, learning rate 0.1",
    ),
    (
        RunSpec(DiagonalNet(train=12), batch=0),
        "Diagonal net · SAM (ρ 0.05) · lr 0.1 · train 12 · full batch",
        "Diagonal net trained with SAM (ρ 0.05), no momentum, learning rate 0.1, full batch, seed 0",
    ),
]


@pytest.mark.parametrize(("spec", "line", "caption"), SAID, ids=[row[1] for row in SAID])
def test_a_run_is_said_in_one_line(spec, line, caption):
    assert words.brief(spec) == line
    assert words.run(encode(spec)) == caption


@pytest.mark.parametrize(
    "rule",
    [*(cls() for cls in RULES.values()), *(SSAM(cls()) for name, cls in RULES.items() if name != "SSAM")],
    ids=repr,
)
def test_every_rule_has_words(rule):
    """The class's name is never left in one piece where it is several words, and a rule's settings are all told in a
    caption."""
    spec = RunSpec(rule=rule, then=(Switch(rule, 300),))
    for line in (words.brief(spec), words.run(encode(spec))):
        assert "\n" not in line and "{" not in line and "True" not in line and "False" not in line
        assert not re.findall(r"\b(Friendly|Random|Unified|Momentum|Lookahead)[A-Z]", line)
    assert words.rules(encode(spec)).count(words.title(type(rule).__name__)) == 2


def test_every_part_has_words():
    for spec in [*(cls() for cls in UPDATES.values()), *(SAM(mask=cls()) for cls in MASKS.values())]:
        assert words.part(encode(spec)).startswith(words.title(type(spec).__name__))


def test_what_a_first_version_kept_is_said_too():
    assert words.run(SPEC) == "MLP trained with SAM (ρ 0.05), no momentum, learning rate 0.1, batch 64, seed 0"
    assert words.data(SPEC) == "on all 1,437 training examples of Digits"


@dataclass(frozen=True)
class Bowl(Toy):
    """A toy landscape that came after the first records."""

    begin: tuple[float, ...] = series((3.0, 10.0), -100, 100, 2, "Start")

    def value(self, theta):
        return (theta**2).sum()


@dataclass(frozen=True)
class Later(Rule):
    """A rule that came after them too."""

    rho: float = knob(0.07, 0, 1, "Radius rho")

    def direction(self, step, memory):
        return step.g, memory


def test_what_came_later_is_said_with_its_defaults():
    """Though a record does not name them, a caption does, and the figure's source is the digest of the run."""
    spec = RunSpec(Bowl(), Later(), batch=0, steps=10)
    assert words.run(describe(spec)) == "Point trained with Later (ρ 0.07), no momentum, learning rate 0.1"
    assert words.data(describe(spec)) == "on Bowl, a function of 2 coordinates"
    assert words.digest(describe(spec)) == words.digest(encode(spec)) == digest(spec)
    assert words.brief(spec) == "Bowl · Later (ρ 0.07) · lr 0.1 · full batch · steps 10"
    drawn = charts.LIVE["losses"](charts.columns([]), describe(spec))
    assert drawn.source == digest(spec) and "value of the function" in drawn.y_label


def test_runs_are_told_apart_by_what_they_do_not_share():
    runs = [RunSpec(rule=SGD(), lr=0.2), RunSpec(lr=0.2), RunSpec(lr=0.2, steps=100)]
    assert words.contrast(runs) == ("Digits · MLP · lr 0.2", ["SGD", "SAM (ρ 0.05)", "SAM (ρ 0.05) · steps 100"])
    assert words.contrast(runs[:1]) == ("", [words.brief(runs[0])])
    assert words.contrast([]) == ("", [])
    nested = [RunSpec(), RunSpec(steps=100)]  # the first has nothing of its own
    assert words.contrast(nested) == ("", [words.brief(one) for one in nested])
    assert words.contrast([RunSpec(), RunSpec(Classification(model=CNN()))]) == (
        "Digits · SAM (ρ 0.05) · lr 0.1",
        ["MLP", "CNN"],
    )


def test_whose_colour_a_run_has():
    def rule(*rules) -> str:
        first, *rest = rules
        return words.rule(
            encode(RunSpec(rule=first, then=tuple(Switch(one, 100 * (i + 1)) for i, one in enumerate(rest))))
        )

    assert rule(SGD()) == rule(SGD(), SGD()) == "SGD"
    assert rule(SGD(), SAM()) == rule(SAM(), SGD()) == rule(ASAM(), SAM()) == "SAM"
    assert rule(SSAM(ASAM())) == rule(SGD(), SSAM(SGD())) == "SSAM"


def test_a_loss_has_its_unit():
    """Natural logarithms give nats; squares and functions have none."""
    said = [words.loss(encode(RunSpec(Classification(objective=o)))) for o in ("cross-entropy", "squared error")]
    assert said == ["cross-entropy loss (nats)", "mean squared error"]
    assert words.loss(encode(RunSpec(Quadratic()))) == "value of the function"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.1, "0.1"),
        (0, "0"),
        (1000, "1,000"),
        (12.5, "12.5"),
        (200.0, "200"),
        (-0.5, "−0.5"),
        (-1e-5, "−10⁻⁵"),
        (1e-7, "10⁻⁷"),
        (2e-5, "2×10⁻⁵"),
        (3e6, "3×10⁶"),
        (0.05, "0.05"),
    ],
)
def test_numbers_are_written_as_people_say_them(value: float, said: str):
    assert words.number(value) == said


def test_numbers_of_fewer_digits_and_none():
    """Significant digits, not those after the point, and no "nan" in a caption or on a page."""
    assert [words.number(1234.5678, digits) for digits in (1, 2, 5)] == ["1,235", "1,235", "1,234.6"]
    assert [words.number(0.012345, digits) for digits in (1, 3)] == ["0.01", "0.0123"]
    assert words.number(1.26e-7, 2) == "1.3×10⁻⁷"
    assert {words.number(value) for value in (math.nan, math.inf, -math.inf)} == {"–"}
