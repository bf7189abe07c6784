"""Verdicts: the checks of an experiment as a table, to print, to keep and to compare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.experiments import EXPERIMENTS, PAPERS, SIZES, Experiment, reproduced
from engine.records import Result
from engine.spec import SpecError, fingerprint


def named(name: str, size: str) -> list[Experiment]:
    """The experiments that a name means: one, those of a paper, or "all", at a size."""
    if name == "all":
        classes = list(EXPERIMENTS.values())
    elif name in PAPERS:
        classes = list(PAPERS[name].experiments)
    elif name in EXPERIMENTS:
        classes = [EXPERIMENTS[name]]
    else:
        raise SpecError(
            f"name: expected all, one of the papers {', '.join(PAPERS)}, or one of {', '.join(EXPERIMENTS)}; got "
            f"{name[:40]!r}"
        )
    return [replace(cls(), size=size) for cls in classes]


def table(experiment: Experiment, result: Result) -> dict[str, Any]:
    """The checks as plain JSON values; None is a number that is not known."""
    rows = [
        {
            "claim": check.claim,
            "predicted": check.predicted,
            "accepted": check.accepted,
            "measured": _number(check.measured),
            "values": [_number(value) for value in check.values],
            "verdict": check.verdict(result.complete),
            "claimed": check.claimed,
            "note": check.void or check.note,
        }
        for check in experiment.checks(result)
    ]
    paper = next(paper.key for paper in PAPERS.values() if type(experiment) in paper.experiments)
    about = {
        "experiment": type(experiment).__name__,
        "paper": paper,
        "spec": result.spec,
        "digest": fingerprint(result.spec),
        "runs": result.runs,
    }
    return about | {
        "seconds": round(result.seconds, 1),
        "made": result.made,
        "reproduced": reproduced(experiment, result),
        "checks": rows,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _measured(check: Mapping[str, Any]) -> str:
    """A row's measured value, with its range over the seeds."""
    known = [value for value in check["values"] if value is not None]
    spread = f" ({min(known):.4g} to {max(known):.4g} over {len(known)})" if len(known) > 1 else ""
    return f"{check['measured']:.4g}{spread}" if check["measured"] is not None else f"nothing yet{spread}"


def lines(made: dict[str, Any]) -> str:
    """A table for a terminal."""
    rows = [f"{made['experiment']} ({made['paper']}, {made['spec'].get('size', SIZES[0])}, {made['seconds']:g} s)"]
    if "failed" in made:
        rows.append(f"  {'failed':>14}  {made['failed']}")
    for check in made["checks"]:
        rows.append(
            f"  {check['verdict']:>14}  {check['claim']}: predicted {check['predicted']}; accepted {check['accepted']};"
            f" measured {_measured(check)}"
        )
        if check["note"]:
            rows.append(f"{'':18}{check['note']}")
    return "\n".join(rows)
