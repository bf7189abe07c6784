"""Results kept with the tests: they are those of the code as it is, and of no other."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from engine.experiments.late import WhereItFails
from engine.experiments.normalization import Drift
from engine.rules import SGD, Rule
from tests import results


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of the engine whose code can be changed, which no later test takes for the engine."""
    shutil.copytree(results.ROOT / "engine", tmp_path / "engine")
    monkeypatch.setattr(results, "ROOT", tmp_path)
    monkeypatch.setattr(results, "KEPT", tmp_path / "kept")
    yield tmp_path / "engine"
    results.code.cache_clear()


def named(experiment):
    """The name of the experiment's code as it stands there now."""
    results.code.cache_clear()
    return results.code(experiment)


@pytest.mark.parametrize(
    "file, concerned",
    [
        ("rules/perturbed.py", {Drift, WhereItFails}),
        ("training/loop.py", {Drift, WhereItFails}),
        ("experiments/lab.py", {Drift, WhereItFails}),
        ("experiments/late.py", {WhereItFails}),
        ("experiments/phases.py", {WhereItFails}),
        ("figures/words.py", set()),
    ],
)
def test_a_changed_statement_is_other_code_for_whom_it_concerns(tree, file, concerned):
    before = {experiment: named(experiment) for experiment in (Drift, WhereItFails)}
    text = (tree / file).read_text()
    (tree / file).write_text(f"{text}\n\n# a comment\n")
    assert {experiment: named(experiment) for experiment in before} == before
    (tree / file).write_text(f"{text}\n\nSOMETHING = 1\n")
    assert {experiment for experiment in before if named(experiment) != before[experiment]} == concerned


def test_what_other_code_has_made_is_performed_anew(tree, monkeypatch):
    monkeypatch.setattr(results, "DEAR", 0.0)
    made = []
    monkeypatch.setattr(results, "performed_anew", lambda experiment, _: made.append(experiment) or {"a/b": np.ones(2)})
    named(Drift)
    for _ in range(2):
        assert results.arrays_of(Drift()).keys() == {"a/b"}
    assert made == [Drift()]
    (tree / "seeds.py").write_text((tree / "seeds.py").read_text() + "\n\nSOMETHING = 1\n")
    named(Drift)
    assert results.arrays_of(Drift()).keys() == {"a/b"}
    assert made == [Drift()] * 2


@dataclass(frozen=True)
class Standing(Rule):
    """No step at all."""

    formula: ClassVar = "d = 0"
    paper: ClassVar = "nobody"

    def direction(self, step, memory):
        return 0 * step.g, memory


def test_runs_in_the_place_of_others_are_kept_as_what_they_are(tree, monkeypatch):
    """Finds wrong rules that are judged by what the right ones gave, or a made-up one by what it was before."""
    monkeypatch.setattr(results, "DEAR", 0.0)
    made = []
    monkeypatch.setattr(results, "performed_anew", lambda _, runs: made.append(runs) or {"a/b": np.ones(2)})
    named(Drift)
    own = Drift().ensembles()
    others = [{name: tuple(replace(s, rule=rule) for s in own[name]) for name in own} for rule in (SGD(), Standing())]
    for runs in (None, *others, None, *others):
        results.arrays_of(Drift(), runs)
    assert made == [None, *others]
    copy = tree / "made_up.py"
    copy.write_text(Path(__file__).read_text().replace("0 *", "1 *"))
    monkeypatch.setattr(results.inspect, "getfile", lambda cls: str(copy))
    results.arrays_of(Drift(), others[1])
    assert made == [None, *others, others[1]]
