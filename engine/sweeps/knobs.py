"""Knobs: a number in a run's spec by its dotted name, and the same run with another value there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.rules import Rule
from engine.spec import Integer, Number, SpecError, knobs
from engine.training.runs import RunSpec

DIGITS, MOST_DIGITS = 6, 17
"""Significant digits of a knob's values: what a finer grid shares with a coarser one are the same numbers. Values so
close that these would move one by more than a twentieth of a step have more, at most all that a number has."""


class AbsentError(SpecError):
    """The name of a knob that a run does not have."""


def knob(spec: RunSpec, name: str) -> Number | Integer:
    """What the knob of a name is; AbsentError where the run has none, SpecError where it is no number."""
    *steps, field = way(spec, name)
    found = knobs(type(_inside(spec, steps)))[str(field)]
    if not isinstance(found, Number | Integer):
        raise SpecError(f"{name}: expected the name of a number, such as lr or rule.rho")
    return found


def turned(spec: RunSpec, name: str, value: float) -> RunSpec:
    """The run with another value of a knob; AbsentError where it has none, SpecError where that value cannot be."""
    return _turned(spec, way(spec, name), knob(spec, name).check(value, name))


def usual(spec: RunSpec, name: str) -> tuple[float, float, bool]:
    """From where to where a knob may well be tried, and whether by factors: a tenth to ten times what it is."""
    found, value = knob(spec, name), _inside(spec, way(spec, name))
    if not found.log:
        return found.low, found.high, False
    low = max(found.low, value / 10 if value > 0 else 0.01, int(isinstance(found, Integer)))
    return low, min(found.high, 100 * low), True


def _inside(part: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        part = part[step] if isinstance(step, int) else getattr(part, step)
    return part


def has(spec: RunSpec, name: str) -> bool:
    """Whether a run has the knob of a name; none has the one without a name. SpecError where it is no number."""
    if not name:
        return False
    try:
        knob(spec, name)
    except AbsentError:
        return False
    return True


def placed(spec: RunSpec, name: str, value: float) -> RunSpec:
    """The run with a knob's value, whole where the knob's are, or as it is where it has no such knob."""
    return turned(spec, name, fitting(spec, name, value)) if has(spec, name) else spec


def fitting(spec: RunSpec, name: str, value: float) -> float:
    """The value that a knob takes for another: the nearest whole number where its values are whole."""
    return round(value) if name and isinstance(knob(spec, name), Integer) else value


def short(value: float, digits: int = DIGITS) -> float:
    """A value to some significant digits."""
    return float(f"{value:.{digits}g}")


def digits_of(step: float) -> int:
    """Significant digits that tell values apart whose distance is this share of them, to a twentieth of it."""
    return min(MOST_DIGITS, math.ceil(-math.log10(step)) + 2) if step > 0 else MOST_DIGITS


def _turned(part: Any, steps: Sequence[str | int], value: float) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        return (*part[:step], _turned(part[step], rest, value), *part[step + 1 :])
    return replace(part, **{step: _turned(getattr(part, step), rest, value)})


def way(spec: RunSpec, name: str) -> list[str | int]:
    """The steps from a run to its knob: fields, and places in tuples. A rule that wraps another has its knobs too."""
    part: Any = spec
    found: list[str | int] = []
    for step in name.split("."):
        while _wraps(part) and step not in _fields(part):
            part = getattr(part, "rule")  # noqa: B009  # no other rule has one
            found.append("rule")
        place = int(step) if isinstance(part, tuple) and step.isdigit() else step
        there = place in range(len(part)) if isinstance(part, tuple) else place in _fields(part)
        if not there:
            what = f"the run has {len(part)} of them" if isinstance(part, tuple) else f"{type(part).__name__} has none"
            raise AbsentError(f"{name}: {what}")
        found.append(place)
        part = part[place] if isinstance(place, int) else getattr(part, place)
    return found


def _wraps(part: Any) -> bool:
    return isinstance(part, Rule) and "rule" in _fields(part)


def _fields(part: Any) -> Sequence[str]:
    return [*knobs(type(part))] if hasattr(type(part), "__dataclass_fields__") else []


def offered(run: RunSpec, rules: Sequence[Rule] = ()) -> dict[str, str]:
    """The knobs of a run, or of some of the rules in its place, by name: what each is called."""
    found: dict[str, str] = {}
    for rule in rules or (run.rule,):
        found |= {f"rule.{field}": label for field, label in _numbers(_wrapped(rule)).items()}
    own = {name: label for name, label in _numbers(run).items() if name not in ("seed", "every")}
    of_switches = {f"then.{i}.at": "switch from" for i in range(len(run.then))}
    return {name: found.get(name) or own.get(name) or of_switches[name] for name in (*own, *found, *of_switches)}


def _numbers(part: Any) -> dict[str, str]:
    """The numbers in a spec and in those that it picks, but rules, by dotted name."""
    found = {}
    for name, k in knobs(type(part)).items():
        inner = getattr(part, name)
        if isinstance(k, Number | Integer):
            found[name] = k.label
        elif _fields(inner) and not isinstance(inner, Rule):
            found |= {f"{name}.{rest}": label for rest, label in _numbers(inner).items()}
    return found


def _wrapped(rule: Any) -> Any:
    """The rule whose numbers count: the innermost."""
    return _wrapped(rule.rule) if _wraps(rule) else rule
