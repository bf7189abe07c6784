"""The command line: the same records as the app's, and one clear line and a non-zero exit for bad input."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main, read
from engine.analyses.planes import Random
from engine.analyses.surface import SurfaceSpec
from engine.problems import Quadratic
from engine.rules import SAM, SGD
from engine.spec import digest, dumps
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.store import Store
from tests.drive import last

SPEC = RunSpec(steps=60, every=20)


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(dumps(SPEC))
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(tmp_path / "store"))
    return Store(tmp_path / "store")


def test_train_then_every_analysis(spec, here, capsys):
    assert main(["train", str(spec)]) == 0
    run = here.run(digest(SPEC))
    assert run.status == "finished" and list(run.steps) == [0, 20, 40, 60]
    for command in (
        ["surface", "--plane", "Random", "--resolution", "5"],
        ["spectrum", "--top", "2", "--probes", "2", "--exact", "false"],
        ["alignment", "--k", "2"],
    ):
        assert main([command[0], str(spec), *command[1:]]) == 0
        written = capsys.readouterr().out.strip().splitlines()[-1]
        record = here.find(f"{digest(SPEC)}/{Path(written).stem}")
        assert record is not None and type(record).__name__.lower() == command[0]
    assert main(["surface", digest(SPEC), "--plane", '{"name": "Random", "draw": 3}', "--resolution", "3"]) == 0


def test_a_spec_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(dumps(SPEC), encoding="utf-8-sig")
    assert read(str(path)) == SPEC


def test_spec_prints_what_train_reads(here, tmp_path, capsys):
    assert main(["spec"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "RunSpec"


def test_a_diverged_run_is_a_result(here, tmp_path, capsys):
    path = tmp_path / "up.json"
    path.write_text(dumps(RunSpec(problem=Quadratic(), rule=SGD(), batch=0, lr=50.0, steps=2000, every=5)))
    assert main(["train", str(path)]) == 0
    assert "diverged" in capsys.readouterr().err


TOY = ["problem=Quadratic", "batch=0", "lr=0.01", "steps=20", "every=5"]


def test_settings_have_one_grammar(here, tmp_path, capsys):
    """As in an address, name=value, or as options, with or without a file of a spec to start from."""
    assert main(["train", "rule=SAM", "--rule.rho", "0.1", *TOY]) == 0
    named = RunSpec(Quadratic(), SAM(0.1), batch=0, lr=0.01, steps=20, every=5)
    assert here.run(digest(named)).status == "finished"
    (tmp_path / "spec.json").write_text(dumps(named))
    assert main(["train", str(tmp_path / "spec.json"), "rule.rho=0.2", "--seed", "3"]) == 0
    assert here.run(digest(replace(named, rule=SAM(0.2), seed=3))).status == "finished"
    assert main(["surface", digest(named), "plane=Random", "--plane.draw", "3", "resolution=5"]) == 0
    assert here.has(f"{digest(named)}/{digest(SurfaceSpec(Random(3), resolution=5))}")
    capsys.readouterr()
    assert main(["spec", "rule=SSAM", "lr=0.2"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"]["name"] == "SSAM"


def test_a_joint_surface_and_weights(here, tmp_path, capsys):
    for rule in ("SGD", "SAM"):
        assert main(["train", f"rule={rule}", *TOY]) == 0
    runs = ",".join(here.runs())
    assert main(["joint", "--runs", runs, "resolution=5"]) == 0
    path = capsys.readouterr().out.strip().splitlines()[-1]
    assert here.get(f"joint/{Path(path).stem}").complete
    assert main(["joint", "--runs", runs[:16]]) == 2 and "runs: " in capsys.readouterr().err
    out = tmp_path / "weights.npz"
    assert main(["weights", here.runs()[0], "--format", "npz", "--out", str(out)]) == 0
    with np.load(out) as file:
        assert any(file[name].size == 2 for name in file.files)
    assert main(["weights", here.runs()[0], "--checkpoint", "99"]) == 2 and "checkpoint: " in capsys.readouterr().err
    assert main(["train", "--store", str(out), *TOY]) == 2 and "store: weights.npz is a file" in capsys.readouterr().err


BAD = {
    '{"lr": "fast"}': "lr: expected a finite number",
    '{"lr": NaN}': "lr: expected a finite number",
    '{"lr": true}': "lr: expected a finite number",
    '{"rule": {"name": "SAM", "rho": 99}}': "rule.rho: expected a number from 0 to 10",
    '{"rule": {"name": "os.system"}}': "rule.name: expected one of",
    '{"rule": {"name": "SAM", "rh": 1}}': "rule.rh: unknown field",
    '{"batch": 2000}': "batch: expected at most 1437",
    '{"steps": 1.5}': "steps: expected a whole number",
    '{"problem": {"name": "Quadratic", "eigenvalues": [1, 2, 3]}}': "problem.begin: expected 3 numbers",
    '{"problem": {"data": {"name": "Moons"}, "model": {"name": "CNN"}, "name": "Classification"}}': (
        "problem.model: a CNN needs images"
    ),
    "[1, 2]": "spec: expected an object",
    "{": "spec: not JSON",
    "[" * 100_000: "spec: not JSON",
    "": "spec: not JSON",
    " " * 1_000_001: "longer than",
}


@pytest.mark.parametrize("text", BAD, ids=[v[:30] for v in BAD.values()])
def test_bad_specs_are_one_line_and_exit_2(text, here, tmp_path, capsys):
    path = tmp_path / "bad.json"
    path.write_text(text)
    assert main(["train", str(path)]) == 2
    said = capsys.readouterr().err.strip()
    assert BAD[text] in said and len(said.splitlines()) == 1
    assert not here.root.exists()


BAD_CALLS = {
    ("train", "missing.json"): "missing.json: cannot be read",
    ("surface", "../../etc/passwd"): "run: expected 16 hex digits",
    ("surface", "0" * 16): "holds no run",
    ("surface", "RUN", "--resolution", "2"): "resolution: expected a number from 3 to 401",
    ("surface", "RUN", "--plane", "Sideways"): "plane.name: expected one of",
    ("surface", "RUN", "--plane", '{"name": "Random", "draw": "x"}'): "plane.draw: expected a finite number",
    ("spectrum", "RUN", "--exact", "1"): "exact: expected true or false",
    ("alignment", "RUN", "--k", "five"): "k: expected a finite number",
    ("alignment", "RUN", "--device", "abacus"): "device: expected one of cpu",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with the run, for calls that must leave it as it is."""
    root = tmp_path_factory.mktemp("trained")
    assert last(perform(Store(root), Work(SPEC))).status == "finished"
    return root


@pytest.mark.parametrize("call", BAD_CALLS, ids=" ".join)
def test_bad_calls_are_one_line_and_exit_2(call, trained, monkeypatch, capsys):
    monkeypatch.setenv("RAVINE_STORE", str(trained))
    before = sorted(trained.rglob("*"))
    assert main([digest(SPEC) if word == "RUN" else word for word in call]) == 2
    said = capsys.readouterr().err.strip()
    assert BAD_CALLS[call] in said and len(said.splitlines()) == 1
    assert sorted(trained.rglob("*")) == before


def test_failures_of_an_analysis_exit_1(trained, capsys, monkeypatch):
    monkeypatch.setenv("RAVINE_STORE", str(trained))
    assert main(["surface", digest(SPEC), "--checkpoint", "77"]) == 1
    assert "checkpoint: expected at most 3" in capsys.readouterr().err
