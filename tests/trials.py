"""Experiments performed in tests: once as they are, and again with some of their runs spoilt."""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from engine.experiments import Experiment, perform
from engine.machine import settle
from engine.records import Arrays, Result
from engine.runs import RunSpec
from engine.spec import encode


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


def _arrays(experiment: Experiment) -> Arrays:
    settle()
    arrays: Arrays = {}
    for lap in perform(experiment):
        arrays = lap.arrays or arrays
    return arrays


def _result(experiment: Experiment, arrays: Arrays) -> Result:
    return Result(encode(experiment), 1, 1, arrays=arrays)
