"""The budget: what work may cost at most, checked before anything of it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from engine.experiments import Experiment
from engine.problems import Problem
from engine.spec import SpecError, knobs
from engine.sweeps.design import DesignSpec
from engine.sweeps.search import library
from engine.sweeps.spec import SweepSpec
from engine.training.runs import RunSpec
from engine.work.cost import Cost, of_analysis, of_experiment, of_run, of_sweep
from engine.work.effort import Effort, frames, row
from engine.work.process import share_of_memory

FLOPS, PASSES, TENSORS = 6000, 60, 200
"""Generous for any model here: operations for each parameter and example in a gradient (a convolution of 32 x 32 places
has 6 a place), gradients that a measurement is worth, and tensors as large as the widest that a pass holds."""
SLOW = 1e10
"""Operations a second that any machine does."""


class Analysis(NamedTuple):
    """What the budget knows of a kind of analyses."""

    name: str
    effort: Callable[[Any, Sequence[RunSpec]], Effort]
    lever: str  # the whole field that changes its time most

    def cost(self, spec: Any, runs: Sequence[RunSpec]) -> Cost:
        """What one will cost."""
        return of_analysis(self.effort(spec, runs), runs[0].problem)


@dataclass(frozen=True)
class Limits:
    """What work may cost."""

    path: float = 0.5e9  # bytes
    memory: float = math.nan  # bytes; NaN is one worker's share of the machine's
    hours: float = 24.0

    @property
    def bytes(self) -> float:
        """Of memory."""
        return share_of_memory("cpu") if math.isnan(self.memory) else self.memory


def check_run(spec: RunSpec, runs: Sequence[RunSpec], limits: Limits, device: str) -> None:
    """SpecError, with the field that is to be changed, where a run would cost more than it may. Time and memory are
    the CPU's: of a run on another device only the path is checked."""
    path = frames(spec) * row(spec)
    if path > limits.path:
        over = f"every: the path would take {size(path)}, at most {size(limits.path)}"
        raise SpecError(f"{over}; {_every(spec, limits.path)} or more fits")
    if device != "cpu" or _cheap(spec, limits):
        return
    found = of_run(spec)
    if found.step_memory > limits.bytes:
        fit = int((spec.batch or spec.problem.examples()) * limits.bytes / found.step_memory)
        over = f"batch: a step would take {size(found.step_memory)} of memory, at most {size(limits.bytes)}"
        raise SpecError(f"{over}; about {fit:,} or fewer fit")
    _check_memory("run", found, limits, "problem")
    if found.seconds > limits.hours * 3600:
        fit = int(spec.steps * limits.hours * 3600 / found.seconds)
        raise SpecError(f"{_too_long('steps', 'run', found, limits)}; about {fit:,} or fewer fit")


def check_analysis(kind: Analysis, spec: Any, runs: Sequence[RunSpec], limits: Limits, device: str) -> None:
    """As `check_run`, of an analysis of runs."""
    if device != "cpu" or _light(kind.effort(spec, runs), runs[0].problem, limits):
        return
    _check_memory(kind.name, kind.cost(spec, runs), limits, "run")

    def fits(value: int) -> bool:
        changed = replace(spec, **{kind.lever: value})
        return kind.cost(changed, runs).seconds <= limits.hours * 3600

    if not fits(getattr(spec, kind.lever)):
        over = _too_long(kind.lever, kind.name, kind.cost(spec, runs), limits)
        nearest = _nearest(knobs(type(spec))[kind.lever], getattr(spec, kind.lever), fits)
        raise SpecError(f"{over}; {nearest:,} fits" if nearest is not None else over)


def check_experiment(experiment: Experiment, runs: Sequence[RunSpec], limits: Limits, device: str) -> None:
    """As `check_run`, of an experiment: its runs' paths are not kept, and its time is all of theirs."""
    alone = [spec for specs in experiment.ensembles().values() for spec in specs]
    least = replace(limits, path=math.inf, hours=limits.hours / len(alone))
    if device != "cpu" or all(_cheap(spec, least) for spec in alone):
        return
    found = of_experiment(experiment)
    _check_memory("experiment", found, limits, "size")
    if found.seconds > limits.hours * 3600:
        raise SpecError(_too_long("size", "experiment", found, limits))


def check_sweep(sweep: SweepSpec, runs: Sequence[RunSpec], limits: Limits, device: str) -> None:
    """As `check_run`, of a sweep: one of its runs by itself, and the time of all."""
    _check_all("sweep", "seeds", sweep, limits, device)


def check_design(design: DesignSpec, runs: Sequence[RunSpec], limits: Limits, device: str) -> None:
    """The same of a design, and that what searches is installed."""
    if design.sampler.adaptive:
        library()
    _check_all("design", "points", design, limits, device)


def _check_all(name: str, field: str, spec: SweepSpec | DesignSpec, limits: Limits, device: str) -> None:
    """Of a set of runs: one of them by itself, and the time of all."""
    count = math.prod(spec.shape)
    least = replace(limits, path=math.inf, hours=limits.hours / count)
    if device != "cpu" or _cheap(spec.run, least):
        return
    found = of_sweep(spec)
    _check_memory(name, found, limits, "run")
    if found.seconds > limits.hours * 3600:
        fit = int(count * limits.hours * 3600 / found.seconds)
        raise SpecError(f"{_too_long(field, name, found, limits)}; about {fit:,} of its {count:,} runs fit")


def _nearest(knob: Any, wanted: int, fits: Callable[[int], bool]) -> int | None:
    """The whole number in a field's range nearest to the wanted one, which does not fit, that does."""
    inside = next((end for end in (knob.low, knob.high) if fits(end)), None)
    if inside is None:
        return None
    outside = wanted
    while abs(inside - outside) > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if fits(middle) else (inside, middle)
    return inside


def _check_memory(name: str, found: Cost, limits: Limits, field: str) -> None:
    if found.memory > limits.bytes:
        over = f"{field}: the {name} would take {size(found.memory)} of memory, at most {size(limits.bytes)}"
        raise SpecError(f"{over}; fewer examples, a smaller model or fewer measurements fit")


def _too_long(field: str, name: str, found: Cost, limits: Limits) -> str:
    return f"{field}: the {name} would take about {found.seconds / 3600:.3g} hours, at most {limits.hours:g}"


def size(count: float) -> str:
    """Bytes in their usual unit: "3.2 MB"."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if count >= unit), (1e3, "kB"))
    return f"{count / unit:.3g} {name}"


def _cheap(spec: RunSpec, limits: Limits) -> bool:
    """Whether a run is so small that it need not be counted: by bounds of what any model here does with a parameter
    and an example it stays below its limits."""
    examples = max(spec.problem.examples(), 1)
    seen = 2 * spec.steps * (spec.batch or examples) + PASSES * frames(spec) * examples
    return _small(spec.problem, seen, 2 * frames(spec) * row(spec), limits)


def _light(effort: Effort, problem: Problem, limits: Limits) -> bool:
    """The same of an analysis."""
    passes = effort.evaluations + 4 * effort.gradients + 2 * effort.products + 4 * effort.exact
    return _small(problem, passes * max(problem.examples(), 1), effort.held + effort.record, limits)


def _small(problem: Problem, seen: float, held: float, limits: Limits) -> bool:
    """Whether gradients on so many examples in all, with so many bytes held beside them, are within the limits."""
    widest = problem.widest() * max(problem.examples(), 1) * TENSORS * problem.dtype.itemsize
    return FLOPS * problem.size() * seen < SLOW * limits.hours * 3600 and widest + held < limits.bytes


def _every(spec: RunSpec, path: float) -> int:
    """The smallest distance of measurements with which the path fits, if any does."""
    most = int(path // row(spec)) - 1 - len(spec.phases)
    return min(spec.steps, math.ceil(spec.steps / max(most, 1)))
