"""Experiments: what every one of them must be, the lab that performs them, and the verdicts."""

import dataclasses
import math

import numpy as np
import pytest

from engine.experiments import EXPERIMENTS, PAPERS, SIZES, Check, current, perform, reproduced
from engine.figures.drawing import Chart
from engine.records import Result
from engine.spec import decode, encode, knobs
from engine.training.loop import train
from engine.training.runs import RunSpec
from tests.halving import Halving, result_of

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
    for specs in experiment.ensembles().values():
        for together in [(spec,) for spec in specs] if experiment.separately else [specs]:
            next(iter(train(together)))
    empty = Result(encode(experiment))
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
        ends = k.options or (k.low, k.high)
        for value in [(end,) for end in ends] + [ends] if k.kind == "series" else ends:
            experiment = decode(
                EXPERIMENTS, {"name": cls.__name__, name: [*value] if isinstance(value, tuple) else value}
            )
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


def test_the_lab_measures_what_training_measures():
    """Rows are the measured steps, columns the members; the probe's numbers beside training's own; the path of few
    parameters is kept."""
    experiment = Halving(steps=25)
    result = result_of(experiment)
    assert (
        result.complete
        and result.over("three", "step").tolist() == [0, 10, 20, 25]
        and result.over("one", "train_loss").shape == (4, 1)
    )
    assert result.over("three", "theta").shape == (4, 3, 1)
    for member, spec in enumerate(experiment.ensembles()["three"]):
        frames = [tick.frame for tick in train([spec]) if tick.frame]
        np.testing.assert_allclose(
            result.over("three", "train_loss")[:, member], [f.measures["train_loss"][0] for f in frames], rtol=1e-12
        )
        np.testing.assert_allclose(
            result.over("three", "theta")[:, member, 0], [float(f.theta[0, 0]) for f in frames], rtol=1e-12
        )
    np.testing.assert_allclose(result.last("three", "ratio"), (1 - np.array([0.5, 0.25, 0.05])) ** 25, rtol=1e-12)
    assert np.isnan(result.over("three", "end")[:-1]).all() and result.last("three", "end").tolist() == [1, 2, 3]
    assert result.over("three", "nothing").shape == (4, 1) and np.isnan(result.last("nobody", "nothing")).all()


def test_runs_one_by_one_and_numbers_with_axes(monkeypatch):
    """Separately trained members come to the same columns of one ensemble, each told its own number; what a probe
    measures along an axis keeps it."""
    together = result_of(Halving(steps=25))
    monkeypatch.setattr(Halving, "separately", True)
    monkeypatch.setattr(
        Halving, "probe", lambda self, name, member, spec, path: {"line": np.array([member, float(path[-1].theta[0])])}
    )
    apart = result_of(Halving(steps=25))
    assert apart.complete and (apart.done, apart.total) == (together.done, together.total)
    assert apart.over("three", "line").shape == (4, 3, 2)
    assert (apart.over("three", "line")[:, :, 0] == [0, 1, 2]).all()
    for quantity in ("step", "train_loss", "theta"):
        np.testing.assert_allclose(apart.over("three", quantity), together.over("three", quantity), rtol=1e-12)
    np.testing.assert_allclose(
        apart.over("three", "line")[:, :, 1], together.over("three", "theta")[:, :, 0], rtol=1e-6
    )


def test_ensembles_grow_together_and_tell_how_far_they_are():
    known = []
    for lap in perform(Halving(steps=100)):
        if lap.arrays and "three/ratio" in lap.arrays:
            known.append([int(np.isfinite(lap.arrays[f"{name}/ratio"][:, 0]).sum()) for name in ("one", "three")])
    assert len(known) == 21 and max(abs(one - three) for one, three in known) == 1
    done = [lap.done for lap in perform(Halving(steps=100))]
    assert done == sorted(done) and done[-1] == 400


def test_runs_that_diverge_end_and_their_checks_fail():
    experiment = Halving(eta=10.0, steps=2000)
    result = result_of(experiment)
    assert result.complete and np.isnan(result.last("one", "train_loss")).all()
    assert Check("", "", result.last("one", "train_loss"), high=1.0).verdict(result.complete) == "fails"


CASES = [
    (Check("", "", [1.0, 2.0, 9.0], 1.5, 2.5), "holds", "holds"),
    (Check("", "", [1.0, 2.0, 9.0], 2.5), "fails", "fails"),
    (Check("", "", [math.nan], 0, 1), "pending", "fails"),
    (Check("", "", [1.0, math.nan, 1.0], 0, 1), "pending", "fails"),
    (Check("", "", [], 0, 1), "pending", "fails"),
    (Check("", "", [math.inf], 0), "pending", "fails"),
    (Check("", "", [5.0], 0, 1, void="another eta"), "not applicable", "not applicable"),
]


@pytest.mark.parametrize("check, during, after", CASES)
def test_verdicts(check, during, after):
    assert (check.verdict(False), check.verdict(True)) == (during, after)


def test_reproduced_is_all_that_is_claimed():
    experiment = Halving()
    result = result_of(experiment)
    assert [check.verdict() for check in experiment.checks(result)] == ["holds", "fails"] and reproduced(
        experiment, result
    )
    spoilt = dataclasses.replace(result, arrays=result.arrays | {"three/ratio": result.arrays["three/ratio"] * 1.01})
    assert not reproduced(experiment, spoilt) and not reproduced(
        experiment, dataclasses.replace(result, done=result.done - 1)
    )


def test_a_run_that_is_lost_takes_no_other_with_it(monkeypatch):
    """Three members at once of which one leaves the finite numbers: its probe is not asked, theirs are."""
    asked = []
    monkeypatch.setattr(
        Halving,
        "probe",
        lambda self, name, member, spec, path: asked.append(path[-1].theta) or {"ratio": float(path[-1].theta[0])},
    )
    result = result_of(Halving(eta=10.0, steps=2000))
    assert (
        np.isnan(result.last("three", "ratio")[0])
        and np.isfinite(result.last("three", "ratio")[2])
        and all(theta.isfinite().all() for theta in asked)
    )
