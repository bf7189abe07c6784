"""Experiments: what every one of them must be, the lab that performs them, the verdicts, and what is kept when they
are cancelled or break."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from engine.__main__ import main
from engine.experiments import EXPERIMENTS, PAPERS, SIZES, Check, Experiment, Paper, current, plan, reproduced, verdicts
from engine.experiments.lab import Lab
from engine.figures.drawing import Chart, Line
from engine.problems import Quadratic
from engine.records import RecordError, Result, Stop
from engine.rules import SGD
from engine.spec import Choice, Series, SpecError, decode, digest, encode, knob, knobs
from engine.training.loop import train
from engine.training.runs import RunSpec
from engine.work.jobs import Jobs
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from engine.work.tables import tables
from tests.trials import outcome
from tests.work.test_jobs import wait

ALL = [cls(size=size) for cls in EXPERIMENTS.values() for size in SIZES]


@dataclass(frozen=True)
class Halving(Experiment):
    """Gradient descent on x²/2, three learning rates at once; a rate above 2 leaves the finite numbers."""

    eta: float = knob(0.5, 0.1, 10.0, "Learning rate")
    steps: int = knob(20, 2, 2000, "Steps")

    title: ClassVar = "Halving"
    claim: ClassVar = "x is multiplied by 1 − η a step."
    setup: ClassVar = "x²/2 from 1."
    source: ClassVar = "made up for this test"

    def ensembles(self):
        spec = RunSpec(
            Quadratic((1.0,), (1.0,)), SGD(), lr=self.eta, batch=0, steps=self.steps, every=10, curvature=False
        )
        return {"one": (spec,), "three": tuple(dataclasses.replace(spec, lr=self.eta * k) for k in (1, 0.5, 0.1))}

    def probe(self, name, member, spec, path):
        return {
            "ratio": float(path[-1].theta[0] / path[0].theta[0]),
            **({"end": 1.0 + member} if path[-1].step == spec.steps else {}),
        }

    def checks(self, result):
        x, expected = result.last("three", "ratio"), (1 - self.eta) ** self.steps
        return (
            Check("x shrinks as it must", f"{expected:.3g}", x[:1], 0.999 * expected, 1.001 * expected),
            Check("x grows", "more than 1", x, low=1.0, claimed=False, note="it does not"),
        )

    def pictures(self, result):
        lines = tuple(
            Line(f"run {i}", result.over("three", "step"), x, "ink")
            for i, x in enumerate(result.over("three", "ratio").T)
        )
        return (Chart("halving", "Halving", "step", "x", lines, "x over the steps."),)


@pytest.fixture
def added(monkeypatch):
    """The experiment in the tables, as a paper's only one."""
    texts = (
        "halving",
        "Halving?",
        "On halves",
        "Nobody 2026",
        "0000.00000",
        "It halves.",
        ("One.", "Two.", "Three."),
        "x/2",
    )
    paper = Paper(*texts, (Halving,), lambda spec: False)
    monkeypatch.setitem(EXPERIMENTS, "Halving", Halving)
    monkeypatch.setitem(PAPERS, "halving", paper)


def result_of(experiment):
    lab = Lab(experiment)
    list(lab.work())
    return Result(spec=encode(experiment), done=lab.done, total=lab.total, arrays=lab.arrays, runs=plan(experiment))


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
            seedless = tuple(dataclasses.replace(spec, seed=0) for spec in together)
            if seedless not in begun:  # of ensembles that differ in their seeds one begins
                begun.add(seedless)
                next(iter(train(together)))
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
    lab, done = Lab(Halving(steps=100)), []
    for new in lab.work():
        done.append(lab.done)
        if new and "three/ratio" in lab.arrays:
            known.append([int(np.isfinite(lab.arrays[f"{name}/ratio"][:, 0]).sum()) for name in ("one", "three")])
    assert len(known) == 21 and max(abs(one - three) for one, three in known) == 1
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
        experiment, dataclasses.replace(result, status="running")
    )


def test_a_result_of_other_runs_is_none(added, store):
    """The same settings may come to mean other runs: what was kept of the former ones is not shown as theirs."""
    experiment = Halving()
    *_, end = perform(store, Work(experiment))
    kept = store.find(Work(experiment).address)
    assert end.status == "finished" and kept and current(experiment, kept) is kept and kept.runs == plan(experiment)
    older = dataclasses.replace(kept, runs=plan(Halving(steps=30)))
    assert (
        not current(experiment, older).arrays
        and not current(experiment, older).complete
        and not current(experiment, None).complete
    )
    assert plan(Halving(steps=30)) != plan(Halving()) == plan(Halving(size="full")), (
        "sizes of the same runs have the same plan"
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


def test_one_that_fails_leaves_the_other_tables(added, store, monkeypatch):
    """Of several experiments each has its table; a failed one says why in its own."""
    monkeypatch.setattr(Halving, "probe", lambda *_: 1 / 0)
    (made,) = tables([Halving()], store.root)
    assert (
        not made["reproduced"]
        and "ZeroDivisionError" in made["failed"]
        and "failed  ZeroDivisionError" in verdicts.lines(made)
    )


def test_kept_cancelled_and_broken(added, store, monkeypatch):
    """A task keeps what there is, says how it ended, and leaves a file that can be read."""
    experiment = Halving(steps=2000)
    task = perform(store, Work(experiment))
    for _ in range(50):
        next(task)
    end = task.throw(Stop())  # type: ignore[attr-defined]  # an Iterator by its type, a generator by its make
    kept = store.find(Work(experiment).address)
    assert (end.status, end.saved) == ("stopped", True) and kept and 0 < kept.done < kept.total and not kept.complete
    *_, end = perform(store, Work(experiment))
    kept = store.find(Work(experiment).address)
    assert (
        end.status == "finished" and kept and kept.complete and kept.made["torch"] and kept.spec == encode(experiment)
    )
    for leave in (lambda task: task.throw(Stop()), lambda task: task.close()):
        task = perform(store, Work(experiment))
        for _ in range(50):
            next(task)
        assert not store.find(Work(experiment).address, growing=True).complete, "what is under way can be shown"
        assert store.find(Work(experiment).address).complete, "and takes no complete one's place"
        leave(task)
        assert store.find(Work(experiment).address).complete, "performing it anew and giving up loses nothing"
    monkeypatch.setattr(Halving, "probe", lambda *_: 1 / 0)
    *_, end = perform(store, Work(experiment))
    assert (
        end.status == "failed" and "ZeroDivisionError" in end.reason and store.find(Work(experiment).address).complete
    )
    assert not store.summaries(), "an experiment is no run"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_result_that_cannot_be_read(added, store, damage):
    address = Work(Halving()).address
    store.keep(address, result_of(Halving()))
    path = store.file(address)
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(RecordError, match=address):
        store.get(address)
    assert store.find(address) is None


def test_a_worker_performs_it(tmp_path):
    """One of the kept experiments through a real worker: live progress, a result that is the same as alone; and
    cancelled."""
    jobs = Jobs(Store(tmp_path / "store"))
    try:
        experiment = dataclasses.replace(EXPERIMENTS["Drift"](), steps=500)
        job = jobs.start(Work(experiment))
        assert job == f"experiments/{digest(experiment)}" == jobs.start(Work(experiment)), "who asks for the same joins"
        end = wait(jobs, job)
        kept, alone = jobs.store.find(Work(experiment).address), result_of(experiment)
        assert end.status == "finished" and end.done == end.total == alone.total and kept and kept.complete
        assert all(np.array_equal(kept.arrays[name], alone.arrays[name], equal_nan=True) for name in alone.arrays)
        job = jobs.start(Work(dataclasses.replace(experiment, steps=50_000)))
        wait(jobs, job, lambda now: now.done > 0)
        jobs.stop(job)
        assert wait(jobs, job).status == "stopped"
    finally:
        jobs.close()


def test_tables_are_plain_json_and_lines_are_for_people(added):
    experiment = Halving()
    made = verdicts.table(experiment, result_of(experiment))
    assert json.loads(json.dumps(made)) == made and made["paper"] == "halving" and made["reproduced"]
    text = verdicts.lines(made)
    assert (
        "holds  x shrinks as it must: predicted 9.54e-07; accepted 9.53×10⁻⁷ to 9.55×10⁻⁷; measured 9.537e-07" in text
    )
    assert "it does not" in text and "(over" not in text
    assert [Check("", "", (), a, b).accepted for a, b in ((1, math.inf), (-math.inf, 0.2), (1, 1))] == [
        "1 or more",
        "0.2 or less",
        "1, to rounding",
    ]
    waiting = verdicts.table(experiment, current(experiment, None))
    assert (
        json.loads(json.dumps(waiting, allow_nan=False)) == waiting
        and waiting["checks"][0]["measured"] is None
        and "nothing yet" in verdicts.lines(waiting)
    )


def test_the_command_prints_the_table(added, store, capsys, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(store.root))
    assert main(["experiment", "Halving", "--quick", "--json"]) == 0
    out, err = capsys.readouterr()
    assert [table["experiment"] for table in json.loads(out)] == ["Halving"] and "x shrinks" in err
    monkeypatch.setattr(Halving, "checks", lambda self, result: (Check("no", "1", [2.0], high=1.0),))
    assert main(["experiment", "halving"]) == 1 and "fails  no" in capsys.readouterr().out


def test_the_command_takes_a_spec(added, store, tmp_path, capsys, monkeypatch):
    """As JSON, which a handout prints, or in a file, at its own size unless one is asked for; what is wrong with it
    is one line."""
    monkeypatch.setenv("RAVINE_STORE", str(store.root))
    spec = json.dumps(encode(Halving(eta=0.25, size="full")))
    (tmp_path / "halving.json").write_text(spec)
    for name in (spec, str(tmp_path / "halving.json")):
        assert main(["experiment", name, "--json"]) == 0
        assert [table["spec"] for table in json.loads(capsys.readouterr().out)] == [json.loads(spec)]
    assert (
        main(["experiment", spec, "--quick", "--json"]) == 0
        and json.loads(capsys.readouterr().out)[0]["spec"].get("size", "quick") == "quick"
    )
    monkeypatch.setattr(
        Halving, "ensembles", lambda self: decode({"RunSpec": RunSpec}, {"name": "RunSpec", "steps": -1})
    )
    for wrong, words in (
        (spec, "steps: "),
        ('{"name": "Halving", "eta": 99}', "eta: "),
        ("{", "not JSON"),
        (str(tmp_path / "no.json"), "cannot be read"),
    ):
        assert main(["experiment", wrong]) == 2
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1, err


def test_names(added):
    assert [type(e).__name__ for e in verdicts.named("halving", "full")] == ["Halving"] and verdicts.named(
        "Halving", "full"
    )[0].size == "full"
    assert {type(e).__name__ for e in verdicts.named("all", "quick")} == set(EXPERIMENTS)
    with pytest.raises(SpecError, match="name: expected all, one of the papers"):
        verdicts.named("nobody", "quick")
