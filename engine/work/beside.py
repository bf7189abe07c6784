"""Runs beside a run: other rules from its start, on its batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.rules import RULES, Rule
from engine.spec import SpecError, complete, decode
from engine.training.runs import RUNS, RunSpec

MOST = 6
"""Rules at once: as many as share a plane."""


def beside(spec: RunSpec, name: str) -> RunSpec:
    """The run with a rule of RULES in its rule's place, and without switches: data, start and batches are the same.

    The rule has its usual settings, but for its radii, which are as many times their usual size as the run's own.
    SpecError where that rule cannot train such a run.
    """
    rule = _stretched(complete(RULES[name]()), stretch(spec.rule))
    return decode(RUNS, complete(spec) | {"rule": rule, "then": []})


def stretch(rule: Rule) -> float:
    """How many times its usual size the radius of a rule, or of the rule that it wraps, is; 1 where it has none."""
    usual, inner = getattr(type(rule)(), "rho", 0.0), getattr(rule, "rule", None)
    if isinstance(inner, Rule):
        return stretch(inner)
    return getattr(rule, "rho", 0.0) / usual if usual else 1.0


def together(spec: RunSpec, names: Sequence[str]) -> tuple[list[RunSpec], list[str]]:
    """The run and those of other rules beside it, MOST at most, in the order of RULES; and a line on each rule that is
    left out because it cannot train such a run."""
    found, faults = {type(spec.rule).__name__: spec}, []
    for name in names:
        if name in RULES and name not in found and len(found) < MOST:
            try:
                found[name] = beside(spec, name)
            except SpecError as error:
                faults.append(f"{name} is left out: {error}")
    return [found[name] for name in RULES if name in found], faults


def _stretched(rule: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A rule in JSON form with its radii times a factor, in as many digits as people type."""
    return {
        key: _stretched(value, factor)
        if isinstance(value, dict)
        else float(f"{value * factor:.12g}")
        if key == "rho"
        else value
        for key, value in rule.items()
    }
