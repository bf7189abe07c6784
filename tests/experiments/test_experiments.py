"""Experiments: what every one of them, and every paper, must be before it is performed."""

import dataclasses
import math

import pytest

from engine.experiments import EXPERIMENTS, PAPERS, SIZES, current, reproduced
from engine.figures.drawing import Chart
from engine.spec import Choice, Series, decode, encode, knobs
from engine.training import ensemble
from engine.training.loop import train
from engine.training.runs import RunSpec
from tests.trials import outcome

ALL = [cls(size=size) for cls in EXPERIMENTS.values() for size in SIZES]


@pytest.mark.parametrize("paper", PAPERS.values(), ids=lambda paper: paper.key)
def test_every_paper_says_what_it_must(paper):
    assert (
        all((paper.name, paper.title, paper.by, paper.arxiv, paper.claim, paper.formula, *paper.mechanism))
        and len(paper.mechanism) == 3
    )
    assert all(sentence.endswith(".") for sentence in (paper.claim, *paper.mechanism)) and paper.claim.count(". ") == 0
    assert paper.experiments and isinstance(paper.speaks(RunSpec()), bool)
    own = [spec for cls in paper.experiments for specs in cls().ensembles().values() for spec in specs]
    assert any(paper.speaks(spec) for spec in own), "a paper speaks of some of its own runs"


@pytest.mark.parametrize("experiment", ALL, ids=lambda e: f"{type(e).__name__}-{e.size}")
def test_every_experiment_before_it_is_performed(experiment):
    """Text, settings, runs that can be ensembles, checks that wait, and figures that can be drawn without a single
    number."""
    cls = type(experiment)
    assert all((cls.title, cls.claim, cls.setup, cls.source, cls.__doc__)) and 1 <= len(knobs(cls)) <= 7
    assert decode(EXPERIMENTS, encode(experiment)) == experiment and [
        paper for paper in PAPERS.values() if cls in paper.experiments
    ]
    begun = set()
    for specs in experiment.ensembles().values():
        for together in [(spec,) for spec in specs] if experiment.separately else [specs]:
            ensemble.check(together)
            ends = tuple(dict.fromkeys(dataclasses.replace(spec, seed=0) for spec in (together[0], together[-1])))
            if ends not in begun:  # of ensembles that differ in their seeds one begins
                begun.add(ends)
                next(iter(train(ends)))
    empty = outcome(encode(experiment))
    checks, drawings = experiment.checks(empty), experiment.pictures(empty)
    assert any(check.claimed and not check.void for check in checks) and drawings and isinstance(drawings[0], Chart)
    assert {check.verdict(False) for check in checks} <= {"pending", "not applicable"}
    assert all(check.predicted and check.claim for check in checks) and all(
        check.note or check.claimed for check in checks
    )
    assert all(
        math.isfinite(bound) or bound in (-math.inf, math.inf) for check in checks for bound in (check.low, check.high)
    )
    assert all(check.low > -math.inf or check.high < math.inf for check in checks), "a check that cannot fail is none"
    assert cls.question is None or (0 <= cls.question.check < len(checks) and cls.question.low < cls.question.high)
    assert (
        not reproduced(experiment, empty)
        and len({d.name for d in drawings}) == len(drawings)
        and all(d.words for d in drawings)
    )


@pytest.mark.parametrize("cls", EXPERIMENTS.values(), ids=lambda cls: cls.__name__)
def test_the_ends_of_every_knob(cls):
    """Each setting at both of its ends, the others as usual: there are runs, checks and figures, and no traceback."""
    for name, k in knobs(cls).items():
        ends = k.options if isinstance(k, Choice) else (k.low, k.high)
        for value in [*([end] for end in ends), [*ends]] if isinstance(k, Series) else ends:
            experiment = decode(EXPERIMENTS, {"name": cls.__name__, name: value})
            empty = current(experiment, None)
            assert (
                empty.runs
                and {check.verdict(False) for check in experiment.checks(empty)} <= {"pending", "not applicable"}
                and experiment.pictures(empty)
            )


def test_every_experiment_is_of_one_paper():
    assert len(EXPERIMENTS) == sum(len(paper.experiments) for paper in PAPERS.values()) and all(
        name == cls.__name__ for name, cls in EXPERIMENTS.items()
    )
    assert sum(not paper.extra for paper in PAPERS.values()) == 5
