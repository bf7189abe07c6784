"""Verdicts: the checks of an experiment as a table, to print, to keep and to compare; and the headless way to get them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.experiments import EXPERIMENTS, PAPERS, Experiment, reproduced
from engine.machine import settle
from engine.records import Result
from engine.spec import SpecError, decode, encode, fingerprint
from engine.store import Store
from engine.tasks import performing


def named(name: str, size: str) -> list[Experiment]:
    """The experiments that a name means: one, those of a paper, or "all", at a size."""
    if name == "all":
        classes = list(EXPERIMENTS.values())
    elif name in PAPERS:
        classes = list(PAPERS[name].experiments)
    elif name in EXPERIMENTS:
        classes = [EXPERIMENTS[name]]
    else:
        raise SpecError(f"name: expected all, one of the papers {', '.join(PAPERS)}, or one of {', '.join(EXPERIMENTS)}; got {name[:40]!r}")
    return [replace(cls(), size=size) for cls in classes]


def table(experiment: Experiment, result: Result) -> dict[str, Any]:
    """The checks as plain JSON values."""
    rows = [
        {
            "claim": check.claim,
            "predicted": check.predicted,
            "measured": check.measured,
            "values": [float(value) for value in check.values],
            "verdict": check.verdict(result.complete),
            "claimed": check.claimed,
            "note": check.void or check.note,
        }
        for check in experiment.checks(result)
    ]
    paper = next(paper.key for paper in PAPERS.values() if type(experiment) in paper.experiments)
    about = {"experiment": type(experiment).__name__, "paper": paper, "spec": result.spec, "digest": fingerprint(result.spec)}
    return about | {"seconds": round(result.seconds, 1), "made": result.made, "reproduced": reproduced(experiment, result), "checks": rows}


def tables(experiments: Sequence[Experiment], store: Path, device: str = "cpu") -> Iterator[dict[str, Any]]:
    """Performs experiments, as many at once as there are cores, into a store; yields each one's table as soon as it is there."""
    if len(experiments) == 1 or device != "cpu":
        yield from (_one(encode(experiment), store, device) for experiment in experiments)
        return
    workers = min(len(experiments), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), settle) as pool:
        waiting = [pool.submit(_one, encode(experiment), store, device) for experiment in experiments]
        try:
            yield from (done.result() for done in as_completed(waiting))
        finally:
            pool.shutdown(cancel_futures=True)


def _one(encoded: dict[str, Any], root: Path, device: str) -> dict[str, Any]:
    experiment, store = decode(EXPERIMENTS, encoded), Store(root)
    for at in performing(store, experiment, device):
        if at.status == "failed":
            raise SpecError(f"{encoded['name']}: {at.reason}")
    result = store.result(fingerprint(encoded))
    assert result
    return table(experiment, result)


def lines(made: dict[str, Any]) -> str:
    """A table for a terminal."""
    rows = [f"{made['experiment']} ({made['paper']}, {made['spec']['size']}, {made['seconds']:g} s)"]
    for check in made["checks"]:
        spread = f" ({min(check['values']):.4g} to {max(check['values']):.4g} over {len(check['values'])})" if len(check["values"]) > 1 else ""
        rows.append(f"  {check['verdict']:>14}  {check['claim']}: predicted {check['predicted']}; measured {check['measured']:.4g}{spread}")
        if check["note"]:
            rows.append(f"{'':18}{check['note']}")
    return "\n".join(rows)
