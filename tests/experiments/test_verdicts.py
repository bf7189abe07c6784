"""Verdicts: of one check and of all that is claimed, as a table, in lines, and from the command line."""

import dataclasses
import json
import math

import pytest

from engine.__main__ import main
from engine.experiments import EXPERIMENTS, Check, current, reproduced, verdicts
from engine.spec import SpecError, decode, encode
from engine.training.runs import RunSpec
from engine.work.tables import tables
from tests.experiments.halving import Halving, added_halving, result_of  # noqa: F401  # the fixture `added`

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


def test_one_that_fails_leaves_the_other_tables(added, store, monkeypatch):
    """Of several experiments each has its table; a failed one says why in its own."""
    monkeypatch.setattr(Halving, "probe", lambda *_: 1 / 0)
    (made,) = tables([Halving()], store.root)
    assert (
        not made["reproduced"]
        and "ZeroDivisionError" in made["failed"]
        and "failed  ZeroDivisionError" in verdicts.lines(made)
    )


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
