"""Designs: a larger one begins with the smaller, whatever is done again trains no cell twice, and what cannot be is
said in a line."""

import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from engine.__main__ import main
from engine.rules import SAM, SGD, SSAM
from engine.spec import SpecError, digest, dumps
from engine.spec.coding import BASELINE
from engine.sweeps.design import BEGIN, DesignSpec, Random, Range, Search, Sobol
from engine.sweeps.importance import importance
from engine.sweeps.naming import names_of_points
from engine.sweeps.search import flattest, ranks
from engine.sweeps.spec import Axis, SweepSpec
from engine.sweeps.tidy import tidy
from engine.work import sweeping
from engine.work.budget import Limits
from engine.work.cells import FILE, Cells
from engine.work.executors import Here
from engine.work.kinds import Work
from engine.work.perform import perform
from tests.drive import last
from tests.sweeps.same import MLPS
from tests.sweeps.sets import counted, trainings

RANGES = (Range("lr", 0.001, 1.0), Range("rule.rho", 0.01, 1.0), Range("batch", 4, 60))
DESIGN = DesignSpec(MLPS, RANGES, (SAM(), SGD()), 2, 4)
SEARCH = DesignSpec(MLPS, (*RANGES[:2], Range("update.momentum", 0.0, 0.9, log=False)), points=28, sampler=Search())


@pytest.fixture(autouse=True)
def small(store, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(store.root))
    monkeypatch.setattr(sweeping, "executor", lambda settings: Here())
    store.root.mkdir()


def performed(store, design):
    assert last(perform(store, Work(design))).status == "finished"
    return store.get(Work(design).address)


@pytest.mark.parametrize("sampler", [Sobol(), Sobol(3), Random(), Random(3)], ids=str)
def test_a_larger_design_begins_with_the_smaller(sampler):
    """Finds points that depend on how many there are, ends that are passed, and knobs that are bound to each other."""
    design = replace(DESIGN, sampler=sampler, points=300)
    for points in (1, 7, 64, 200):
        smaller = replace(design, points=points).values
        np.testing.assert_array_equal(design.values[:, :points], smaller)
    values = design.values[0]
    for k, one in enumerate(RANGES):
        assert one.low <= values[:, k].min() and values[:, k].max() <= one.high and len({*values[:, k]}) > 30
    assert (np.abs(np.corrcoef(values.T) - np.eye(3)) < 0.2).all()
    assert np.isnan(design.values[1, :, 1]).all() and (design.values[1, :, ::2] == values[:, ::2]).all()
    assert (values[:, 2] == values[:, 2].round()).all()


@pytest.mark.parametrize("later", [(), ("warmup",), ("seed",), ("rho", "lr", "rule")], ids=str)
def test_names_are_those_of_the_cells(monkeypatch, later):
    """Finds a value that is encoded otherwise, or not left out where it is a default of a field that came later."""
    for cls, fields in BASELINE.items():
        monkeypatch.setitem(BASELINE, cls, [field for field in fields if field not in later])
    rules = (SAM(), SGD(), SSAM(SAM(0.2)))
    design = replace(DESIGN, rules=rules, ranges=(*RANGES, Range("warmup", 0, 2, log=False)), points=9)
    found = [*names_of_points(design, design.values, range(2, 9))]
    assert [digest(design.cell(place, design.values)) for place, _ in found] == [name for _, name in found]
    assert [place for place, _ in found] == [(r, n, s) for r in range(3) for n in range(2, 9) for s in range(2)]


def test_an_extension_trains_what_is_new(store):
    """Finds cells that are trained again for more points, seeds or rules, and those that a sweep has trained."""
    counted(store.root)
    performed(store, DESIGN)
    assert trainings(store.root) == 16
    performed(store, replace(DESIGN, points=6))
    assert trainings(store.root) == 24
    record = performed(store, replace(DESIGN, points=6, seeds=3, rules=(SAM(),)))
    assert trainings(store.root) == 30
    rate, rho, batch = record.values[0, 0].tolist()
    run = replace(MLPS, batch=int(batch))
    last(perform(store, Work(SweepSpec(run, Axis("lr", rate, rate, 1), Axis("rule.rho", rho, rho, 1)))))
    assert trainings(store.root) == Cells(store.root).count() == 30


def test_a_row_says_what_its_run_is(store):
    """Finds outcomes in another run's row."""
    record = performed(store, DESIGN)
    rows = tidy(DESIGN, record)
    for i, place in enumerate(np.ndindex(DESIGN.shape)):
        run = DESIGN.cell(place, record.values)
        assert rows["digest"][i] == digest(run) and rows["seed"][i] == run.seed and rows["point"][i] == place[1]
        assert (rows["lr"][i], rows["batch"][i]) == (run.lr, run.batch) and rows["state"][i] == "ended"
        assert rows["train_loss"][i] == Cells(store.root).get([digest(run)])[digest(run)].curve("train_loss")[-1]
        assert rows["rule.rho"][i] == run.rule.rho if place[0] == 0 else math.isnan(rows["rule.rho"][i])


def test_a_search_that_is_killed_and_extended(store):
    """Finds a search that takes another way the second time, and cells that are trained twice: with the points of the
    Sobol design it has sixteen in common."""
    counted(store.root)
    work = perform(store, Work(SEARCH))
    next(progress for progress in work if progress.done >= BEGIN + 8)
    work.close()
    before = store.get(Work(SEARCH).address)
    record = performed(store, SEARCH)
    chosen = np.isfinite(before.values).all(axis=(0, 2))
    assert BEGIN < chosen.sum() < 28
    np.testing.assert_array_equal(record.values[:, chosen], before.values[:, chosen])
    assert trainings(store.root) == Cells(store.root).count() == 28
    for name in Cells(store.root).known([name for _, name in names_of_points(SEARCH, record.values, range(20, 28))]):
        Cells(store.root).drop([name])
    store.delete(Work(SEARCH).address)
    longer = performed(store, replace(SEARCH, points=36))
    np.testing.assert_array_equal(longer.values[:, :28], record.values)
    assert trainings(store.root) == 28 + 8 + 8
    performed(store, replace(SEARCH, points=BEGIN, sampler=Sobol()))
    assert trainings(store.root) == 28 + 8 + 8


def test_a_search_finds_better_points(store):
    """Finds a search that goes by nothing, or away from what is good."""
    loss = performed(store, replace(SEARCH, points=56)).outcomes["test_loss"][0, :, 0]
    assert np.median(loss[BEGIN:]) < np.quantile(loss[:BEGIN], 0.25)


def test_ranks():
    """Finds a lost seed that counts as none, a sharpness that counts although the loss is bad, and the band's end."""
    loss = np.array([[1.9, 1.9], [1.0, 3.0], [1.0, np.nan], [1.79, 1.79], [1.63, 1.63]])
    state = np.where(np.isnan(loss), 2, 1)
    sharp = np.array([[0.1, 0.1], [0.1, 0.1], [0.1, 0.1], [5.0, 5.0], [9.0, 9.0]])
    outcomes = {"state": state, "test_loss": loss, "train_loss": loss * 0, "sharpness": sharp}
    assert ranks(outcomes, "best").tolist() == [2, 3, 4, 1, 0]
    assert ranks(outcomes, "flattest").tolist() == [2, 3, 4, 0, 1]
    assert flattest(outcomes) == 3 and flattest(outcomes | {"sharpness": sharp * np.nan}) is None
    assert ranks(outcomes | {"test_loss": loss * np.nan}, "best").tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "function, shares",
    [
        (lambda a, b, c: a, (1.0, 0.0, 0.0)),
        (lambda a, b, c: np.maximum(a, c), (0.5, 0.0, 0.5)),
    ],
    ids=["one knob", "two alike"],
)
def test_importance_where_it_is_known(function, shares):
    """Finds a knob in another's place, the worst taken for the best, and intervals that miss the truth: the best tenth
    is where the one knob is least, or where neither of two is above the root of a tenth."""
    design = replace(DESIGN, points=128, ranges=(*RANGES[:2], Range("update.momentum", 0.0, 0.9, log=False)))
    ranked = np.unique(function(*Sobol().shares(128, 3).T), return_inverse=True)[1]
    found = importance(design, 0, design.values[0], ranked)
    assert [*found] == [*design.knobs]
    for estimate, truth in zip(found.values(), shares, strict=True):
        assert estimate.value == pytest.approx(truth, abs=0.05) and estimate.low <= truth + 0.01
        assert truth - 0.01 <= estimate.high <= estimate.low + 0.4
    few = importance(design, 0, design.values[0, :49], ranked[:49])
    assert all(math.isnan(estimate.value) and estimate.note == "needs 50 points" for estimate in few.values())


WORDS = {
    "points=1000000000": "points: expected a number from 1 to 10000",
    "seeds=20 points=10000": "points: 400,000 runs are more than 200,000",
    "ranges=1": "ranges: expected 2 to 8 knobs, got 1",
    "ranges=9": "ranges: expected a list of at most 8",
    "ranges.1.knob=lr": "ranges[1].knob: expected another knob than lr",
    "ranges.1.knob=nothing": "nothing: RunSpec has none|ranges[1].knob: these runs have no nothing",
    "ranges.1.knob=problem": "problem: expected the name of a number",
    "ranges.1.knob=seed": "seeds: says how many there are of each point",
    "ranges.0.high=0.0001": "ranges[0].high: expected more than 0.001|high: expected more than 0.001",
    "ranges.0.low=0": "ranges[0].low: expected more than 0|low: expected more than 0",
    "ranges.0.high=1000": "lr: expected a number from 1e-06 to 100, got 1000",
    "ranges.2.high=61": "batch: expected at most 60",
    "sampler=Search sampler.towards=flattest": "run.curvature: expected true",
    "sampler=Search points=2001": "points: expected at most 2,000 of a search",
    "rules=2 rules.0=SAM rules.1=SAM": "rules: expected different rules",
}


@pytest.mark.parametrize("words", WORDS)
def test_one_line_before_any_cell(store, tmp_path, capsys, words):
    """Finds a traceback, a refusal that names no field, and a range that is found impossible in the middle."""
    (tmp_path / "spec.json").write_text(dumps(DESIGN))
    assert main(["design", str(tmp_path / "spec.json"), *words.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"engine design: {says}") for says in WORDS[words].split("|")), line
    assert not (store.root / FILE).exists()


def test_a_search_without_the_package(store, tmp_path, monkeypatch, capsys):
    """Finds a search that is begun, and a traceback."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SpecError, match="sampler: needs the package optuna"):
        Work(SEARCH).check((), Limits(), "cpu")
    (tmp_path / "spec.json").write_text(dumps(SEARCH))
    assert main(["design", str(tmp_path / "spec.json")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "engine design: sampler: needs the package optuna, which is not installed here"
    assert not (store.root / FILE).exists()


def test_the_command_line_prints_rows(store, tmp_path, capsys):
    """Finds progress or a path among the rows of --json."""
    (tmp_path / "spec.json").write_text(dumps(replace(DESIGN, seeds=1)))
    assert main(["design", str(tmp_path / "spec.json"), "points=2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["rule"], row["point"]) for row in rows] == [("SAM", 0), ("SAM", 1), ("SGD", 0), ("SGD", 1)]
    assert all(row["state"] == "ended" and row["train_loss"] > 0 for row in rows)
