"""Sweeps that cannot be: one line that names the field, before any cell."""

import json
from dataclasses import replace

import pytest

from engine.__main__ import main
from engine.rules import SAM, SGD
from engine.spec import SpecError, dumps, parse
from engine.sweeps.spec import SWEEPS, Axis, SweepSpec
from engine.work.cells import FILE
from tests.sweeps.same import MLPS

GOOD = SweepSpec(MLPS, Axis("lr", 0.01, 0.1, 2), Axis(""), (SAM(), SGD()), 2)
WORDS = {
    "x.points=1000000000": "x.points: expected a number from 1 to 64",
    "x.high=0.001": "x.high: expected more than 0.01, where the knob begins, got 0.001",
    "x.low=0": "x.low: expected more than 0 for equal factors, got 0",
    "x.high=1000": "lr: expected a number from 1e-06 to 100, got 1000",
    "x.low=nan": "x.low: expected a finite number, got 'nan'",
    "x.knob=nothing": "nothing: RunSpec has none|x.knob: these runs have no nothing",
    "x.knob=problem": "problem: expected the name of a number",
    "x.knob=lr;1": "x.knob: expected a text that matches",
    "x.knob=seed": "seeds: says how many there are of each cell",
    "y.knob=rule.alpha": "y.knob: these runs have no rule.alpha",
    "y.knob=lr": "y.knob: expected another knob than lr",
    "seeds=21": "seeds: expected a number from 1 to 20",
    "rules=7": "rules: expected a list of at most 6",
    "run.batch=61": "run.batch: expected at most 60",
}


@pytest.mark.parametrize("word", WORDS)
def test_one_line_before_any_cell(tmp_path, monkeypatch, capsys, word):
    """Finds a traceback, a refusal that names no field, and a range that is found impossible in the middle."""
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    (tmp_path / "spec.json").write_text(dumps(GOOD))
    assert main(["sweep", str(tmp_path / "spec.json"), word]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"engine sweep: {says}") for says in WORDS[word].split("|")), line
    assert not (tmp_path / "store" / FILE).exists()


def test_too_many_in_all():
    """Finds axes, rules and seeds of which each is allowed and all together are not."""
    with pytest.raises(SpecError, match="seeds: 491,520 runs are more than 200,000"):
        rules = tuple(SAM(rho) for rho in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
        SweepSpec(MLPS, Axis("lr", 0.01, 1, 64), Axis("update.momentum", 0, 0.9, 64, log=False), rules, 20)


def test_a_rule_without_the_knob_beside_one_that_has_it():
    """Finds a cell for each row of a map in which nothing differs."""
    sweep = replace(GOOD, y=Axis("rule.rho", 0.1, 1, 3))
    assert len({cell.spec for cell in sweep.cells()}) == (3 + 1) * 2 * 2
    assert parse(SWEEPS, json.dumps(json.loads(dumps(sweep)))) == sweep


def test_a_scheduler_that_does_not_answer(tmp_path, monkeypatch, capsys):
    """Finds a traceback, an endless wait, and cells that are trained here instead; without Dask that is the line."""
    monkeypatch.setattr("engine.work.cluster.PATIENCE", 1)
    monkeypatch.setenv("RAVINE_SCHEDULER", "")
    (tmp_path / "spec.json").write_text(dumps(GOOD))
    store = ["--store", str(tmp_path / "store"), "--scheduler", "tcp://127.0.0.1:9"]
    monkeypatch.setenv("RAVINE_STORE", "")
    assert main(["sweep", str(tmp_path / "spec.json"), *store]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(("failed: scheduler: nobody answers at tcp://127.0.0.1:9", "failed: scheduler: needs"))
    assert not (tmp_path / "store" / FILE).exists()


def test_the_command_line_prints_rows(tmp_path, monkeypatch, capsys):
    """Finds progress or a path among the rows of --json, and a spec file that is not read."""
    monkeypatch.setenv("RAVINE_PUBLIC", "1")
    monkeypatch.setenv("RAVINE_STORE", "")
    (tmp_path / "spec.json").write_text(dumps(GOOD))
    assert main(["sweep", str(tmp_path / "spec.json"), "seeds=1", "--json", "--store", str(tmp_path / "store")]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["rule"], row["lr"], row["seed"]) for row in rows] == [
        (rule, lr, 0) for rule in ("SAM", "SGD") for lr in (0.01, 0.1)
    ]
    assert all(row["state"] == "ended" and row["train_loss"] > 0 and row["sharpness"] is None for row in rows)
