"""Listings: what a table of runs says of each, a column for each setting that runs are told apart by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.figures import words
from engine.figures.words import Spec

Row = dict[str, Any]
"""By the columns' names; None or "" where there is nothing to say."""


def settings(spec: Spec) -> Row:
    """The columns of a run's settings; rho is that of the last rule that has one, itself or in the rule it wraps."""
    problem = spec["problem"]
    rules = [spec["rule"], *(switch["rule"] for switch in words.switches(spec))]
    radii = [radius for rule in rules if (radius := _radius(rule)) is not None]
    batches = words.has_batches(spec)
    return {
        "Rule": rule_names(spec),
        "Update": _update(spec["update"]),
        "Learning rate": float(spec["lr"]),
        "ρ": radii[-1] if radii else None,
        "Batch": int(spec["batch"]) if batches else None,
        "Seed": int(spec["seed"]) if batches else None,
        "Model": words.title(problem["model"]["name"]) if "model" in problem else None,
        "Data": words.title(problem["data"]["name"] if "data" in problem else problem["name"]),
    }


def rule_names(spec: Spec) -> str:
    """The names of a run's rules in their order: "SGD, then SAM"."""
    names = [spec["rule"]["name"], *(switch["rule"]["name"] for switch in words.switches(spec))]
    return ", then ".join(map(words.title, names))


def _update(update: Spec) -> str:
    """What it is, without an adaptive one's many settings; "" for plain descent."""
    if update["name"] != "Momentum":
        return words.title(update["name"])
    told = words.part(update)
    return "" if told == "Momentum" else told


def _radius(rule: Spec) -> float | None:
    """A rule's radius, or that of the rule it wraps."""
    inner = rule.get("rule")
    own = rule.get("rho")
    return float(own) if own is not None else _radius(inner) if isinstance(inner, Mapping) else None


def filled(rows: Sequence[Row]) -> list[Row]:
    """The rows without the columns in which there is nothing in any of them."""
    names = {name: None for row in rows for name in row}
    kept = [name for name in names if any(row.get(name) not in (None, "", []) for row in rows)]
    return [{name: row.get(name) for name in kept} for row in rows]
