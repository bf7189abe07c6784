"""Experiments performed, kept, cancelled and broken, by a task, by a worker and by the command; and their tables."""

import dataclasses
import json
import math

import numpy as np
import pytest

from engine.__main__ import main
from engine.experiments import EXPERIMENTS, PAPERS, Check, Paper, current, plan
from engine.records import RecordError
from engine.spec import SpecError, decode, digest, encode
from engine.training.runs import RunSpec
from engine.work import verdicts
from engine.work.jobs import EXPERIMENT, Jobs
from engine.work.store import Store
from engine.work.tasks import Stop, performing
from tests.halving import Halving, result_of
from tests.work.test_jobs import wait


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


def test_a_result_of_other_runs_is_none(store):
    """The same settings may come to mean other runs: what was kept of the former ones is not shown as theirs."""
    experiment = Halving()
    *_, end = performing(store, experiment)
    kept = store.result(digest(experiment))
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


def test_one_that_fails_leaves_the_other_tables(added, store, monkeypatch):
    """Of several experiments each has its table; a failed one says why in its own."""
    monkeypatch.setattr(Halving, "probe", lambda *_: 1 / 0)
    (made,) = verdicts.tables([Halving()], store.root)
    assert (
        not made["reproduced"]
        and "ZeroDivisionError" in made["failed"]
        and "failed  ZeroDivisionError" in verdicts.lines(made)
    )


def test_kept_cancelled_and_broken(store, monkeypatch):
    """A task keeps what there is, says how it ended, and leaves a file that can be read."""
    experiment = Halving(steps=2000)
    task = performing(store, experiment)
    for _ in range(50):
        next(task)
    end = task.throw(Stop())  # type: ignore[attr-defined]  # an Iterator by its type, a generator by its make
    kept = store.result(digest(experiment))
    assert (end.status, end.saved) == ("stopped", True) and kept and 0 < kept.done < kept.total and not kept.complete
    *_, end = performing(store, experiment)
    kept = store.result(digest(experiment))
    assert (
        end.status == "finished" and kept and kept.complete and kept.made["torch"] and kept.spec == encode(experiment)
    )
    for leave in (lambda task: task.throw(Stop()), lambda task: task.close()):
        task = performing(store, experiment)
        for _ in range(50):
            next(task)
        assert not store.result(digest(experiment)).complete, "what is under way is shown"
        leave(task)
        assert store.result(digest(experiment)).complete, "performing it anew and giving up loses nothing"
    monkeypatch.setattr(Halving, "probe", lambda *_: 1 / 0)
    *_, end = performing(store, experiment)
    assert end.status == "failed" and "ZeroDivisionError" in end.reason and store.result(digest(experiment)).complete
    assert not store.summaries(), "an experiment is no run"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_result_that_cannot_be_read(store, damage):
    name = store.save_result(result_of(Halving()))
    path = store.root / "experiments" / f"{name}.npz"
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(RecordError, match=name):
        store.result(name)
    for stranger in ("../../etc", "0" * 15, "Z" * 16):
        with pytest.raises(SpecError, match="experiment: expected 16 hex digits"):
            store.result(stranger)
    assert store.result("0" * 16) is None


def test_a_worker_performs_it(tmp_path):
    """One of the kept experiments through a real worker: live progress, a result that is the same as alone; and
    cancelled."""
    jobs = Jobs(Store(tmp_path / "store"))
    try:
        experiment = dataclasses.replace(EXPERIMENTS["Drift"](), steps=500)
        job = jobs.perform(experiment)
        assert job == EXPERIMENT + digest(experiment) and jobs.perform(experiment) == job, (
            "whoever asks for the same joins it"
        )
        end = wait(jobs, job)
        kept, alone = jobs.store.result(digest(experiment)), result_of(experiment)
        assert end.status == "finished" and end.done == end.total == alone.total and kept and kept.complete
        assert all(np.array_equal(kept.arrays[name], alone.arrays[name], equal_nan=True) for name in alone.arrays)
        job = jobs.perform(dataclasses.replace(experiment, steps=50_000))
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
        and json.loads(capsys.readouterr().out)[0]["spec"]["size"] == "quick"
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
