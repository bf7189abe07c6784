"""The store: a folder per run, named by its spec's digest, with the run and every analysis of it, and a file per
experiment; all writes are atomic."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.records import Analysis, RecordError, Result, Run, load, save, write
from engine.spec import SpecError, decode, digest, fingerprint
from engine.training.runs import RUNS, RunSpec

DIGEST = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Summary:
    """What a list of runs says of one."""

    digest: str
    status: str  # as Run.status; "unreadable" for a folder whose record cannot be read
    reason: str
    spec: dict[str, Any]
    step: int
    made: dict[str, Any]
    last: dict[str, float]  # the last value of every measure

    @property
    def ended(self) -> bool:
        return self.status != "running"


class Store:
    """Runs and their analyses under a root folder."""

    def __init__(self, root: Path | str | None = None):
        """`root` defaults to the environment's RAVINE_STORE, else to .ravine in the working directory."""
        self.root = Path(root or os.environ.get("RAVINE_STORE") or ".ravine")

    def folder(self, run: str) -> Path:
        """The folder of a run; refuses anything but a digest, since run names come from URLs."""
        return self.root / _digest("run", run)

    def has(self, run: str) -> bool:
        return (self.folder(run) / "run.npz").exists()

    def save_run(self, run: Run) -> str:
        """Keeps a run, in place of an earlier record of the same spec; returns its digest."""
        name = digest(decode(RUNS, run.spec))
        last = {key: float(values[-1]) for key, values in run.measures.items() if len(values)}
        step = int(run.state["step"]) if "step" in run.state else int(run.steps[-1]) if len(run.steps) else 0
        summary = Summary(name, run.status, run.reason, run.spec, step, run.made, last)
        save(self.folder(name) / "run.npz", run)
        write(self.folder(name) / "summary.json", lambda file: file.write(json.dumps(asdict(summary)).encode()))
        return name

    def run(self, run: str) -> Run:
        """The record of a run; RecordError where there is none that can be read."""
        record = load(self.folder(run) / "run.npz")
        if not isinstance(record, Run):
            raise RecordError(f"{run}/run.npz: holds a {type(record).__name__}, not a Run")
        return record

    def spec(self, run: str) -> RunSpec:
        """The spec of a kept run."""
        return decode(RUNS, self.run(run).spec)

    def save_analysis(self, record: Analysis, name: str) -> None:
        save(self.folder(record.run) / f"{_digest('analysis', name)}.npz", record)

    def analysis(self, run: str, name: str) -> Any:
        """An analysis of a run by its spec's digest, or None where it was not begun."""
        path = self.folder(run) / f"{_digest('analysis', name)}.npz"
        return load(path) if path.exists() else None

    def forget_analyses(self, run: str) -> None:
        """Removes a run's analyses: they speak of a path that is about to grow."""
        for path in self.folder(run).glob("*.npz"):
            if path.name != "run.npz":
                path.unlink(missing_ok=True)

    def save_result(self, result: Result) -> str:
        """Keeps what an experiment has given so far; returns its spec's digest."""
        name = fingerprint(result.spec)
        save(self._result(name), result)
        return name

    def result(self, experiment: str) -> Result | None:
        """What the experiment of a digest has given, or None where it was not begun; RecordError where it cannot be
        read."""
        path = self._result(experiment)
        record = load(path) if path.exists() else None
        if record is not None and not isinstance(record, Result):
            raise RecordError(f"{path.name}: holds a {type(record).__name__}, not a Result")
        return record

    def result_version(self, experiment: str) -> int:
        """Changes whenever the experiment's result is written anew; 0 where there is none."""
        try:
            return self._result(experiment).stat().st_mtime_ns
        except OSError:
            return 0

    def _result(self, experiment: str) -> Path:
        return self.root / "experiments" / f"{_digest('experiment', experiment)}.npz"

    def summaries(self) -> list[Summary]:
        """All runs, the newest first."""
        folders = (
            [f for f in self.root.iterdir() if f.is_dir() and DIGEST.fullmatch(f.name)] if self.root.exists() else []
        )
        rows = [
            (max((p.stat().st_mtime for p in f.glob("run.npz")), default=0.0), self.summary(f.name)) for f in folders
        ]
        return [summary for _, summary in sorted(rows, key=lambda row: -row[0])]

    def summary(self, run: str) -> Summary:
        """One run's summary, of status "unreadable" where its files are damaged."""
        try:
            summary = Summary(**json.loads((self.folder(run) / "summary.json").read_text()))
            decode(RUNS, summary.spec)
            return summary
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            return Summary(
                run,
                "unreadable",
                f"{run}: its summary cannot be read ({type(error).__name__}: {error})"[:200],
                {},
                0,
                {},
                {},
            )

    def delete(self, run: str) -> None:
        """Removes a run and its analyses."""
        shutil.rmtree(self.folder(run), ignore_errors=True)


def _digest(what: str, name: str) -> str:
    if not DIGEST.fullmatch(name):
        raise SpecError(f"{what}: expected 16 hex digits, got {name[:40]!r}")
    return name
