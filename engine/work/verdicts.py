"""Verdicts: the checks of an experiment as a table, to print, to keep and to compare; and the headless way to get
them."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.experiments import EXPERIMENTS, PAPERS, Experiment, current, reproduced
from engine.machine import settle
from engine.records import Result
from engine.spec import SpecError, decode, encode, fingerprint
from engine.work.store import Store
from engine.work.tasks import performing


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


def tables(experiments: Sequence[Experiment], store: Path, device: str = "cpu") -> Iterator[dict[str, Any]]:
    """Performs experiments, as many at once as there are cores, into a store; yields each one's table as soon as it
    is there.

    The table of one that could not be performed says why under "failed", and is not reproduced.
    """
    if len(experiments) == 1 or device != "cpu":
        yield from (_one(encode(experiment), store, device) for experiment in experiments)
        return
    workers = min(
        len(experiments), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), settle) as pool:
        waiting = [pool.submit(_one, encode(experiment), store, device) for experiment in experiments]
        try:
            yield from (done.result() for done in as_completed(waiting))
        finally:
            pool.shutdown(cancel_futures=True)


def _one(encoded: dict[str, Any], root: Path, device: str) -> dict[str, Any]:
    experiment, store = decode(EXPERIMENTS, encoded), Store(root)
    *_, end = performing(store, experiment, device)
    made = table(experiment, current(experiment, store.result(fingerprint(encoded))))
    return made | {"failed": end.reason, "reproduced": False} if end.status == "failed" else made


def _measured(check: Mapping[str, Any]) -> str:
    """A row's measured value, with its range over the seeds."""
    known = [value for value in check["values"] if value is not None]
    spread = f" ({min(known):.4g} to {max(known):.4g} over {len(known)})" if len(known) > 1 else ""
    return f"{check['measured']:.4g}{spread}" if check["measured"] is not None else f"nothing yet{spread}"


def lines(made: dict[str, Any]) -> str:
    """A table for a terminal."""
    rows = [f"{made['experiment']} ({made['paper']}, {made['spec']['size']}, {made['seconds']:g} s)"]
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
