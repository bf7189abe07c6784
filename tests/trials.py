"""Experiments performed in tests: once as they are, and again with some of their runs spoilt."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from engine.experiments import Experiment, perform
from engine.machine import settle
from engine.records import Arrays, Result
from engine.runs import RunSpec
from engine.spec import encode

KEPT = Path(__file__).resolve().parent.parent / "assets" / "experiments" / "full.json"
"""The tables at full size: what `python -m engine experiment all --full --json` has printed."""


@cache
def performed(experiment: Experiment) -> Result:
    """The experiment's result, made once in a test process."""
    return _result(experiment, _arrays(experiment))


def spoilt(experiment: Experiment, change: Callable[[RunSpec], RunSpec], *ensembles: str) -> Result:
    """What the experiment would give if the runs of these ensembles were others; the rest is as performed."""
    changed = {name: tuple(map(change, specs)) for name, specs in experiment.ensembles().items() if name in ensembles}
    assert set(changed) == set(ensembles)
    other = cast(Any, SimpleNamespace(ensembles=lambda: changed, probe=experiment.probe))
    return _result(experiment, performed(experiment).arrays | _arrays(other))


def verdicts(experiment: Experiment, result: Result) -> list[str]:
    """The verdict of every check, in order."""
    return [check.verdict(result.complete) for check in experiment.checks(result)]


def agree(experiment: Experiment) -> None:
    """Quick, as performed here, and full, as kept in the repository, agree: each measured median lies within the other's spread, or within both together."""
    table = next(t for t in json.loads(KEPT.read_text()) if t["experiment"] == type(experiment).__name__)
    anew = "perform it anew: python -m engine experiment all --full --json"
    assert (experiment.size, table["spec"], table["reproduced"]) == ("quick", encode(replace(experiment, size="full")), True), anew
    for check, kept in zip(experiment.checks(performed(experiment)), table["checks"], strict=True):
        values, others = np.asarray(check.values, float), np.asarray(kept["values"], float)
        room = np.ptp(values) + np.ptp(others) + 0.05 * abs(kept["measured"]) + 1e-12
        assert check.claim == kept["claim"] and check.verdict() == kept["verdict"], check.claim
        assert abs(check.measured - kept["measured"]) <= room or not np.isfinite(kept["measured"]), (check.claim, check.measured, kept["measured"], room)


def _arrays(experiment: Experiment) -> Arrays:
    settle()
    arrays: Arrays = {}
    for lap in perform(experiment):
        arrays = lap.arrays or arrays
    return arrays


def _result(experiment: Experiment, arrays: Arrays) -> Result:
    return Result(encode(experiment), 1, 1, arrays=arrays)
