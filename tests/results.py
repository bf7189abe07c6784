"""Results of experiments that are dear to perform, as they are and with wrong rules in their runs: kept beside the
tests for as long as the code that made them is the same, and performed anew when it is not."""

import ast
import hashlib
import inspect
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from engine.experiments import Experiment
from engine.experiments.lab import Lab
from engine.machine import settle
from engine.records import Arrays, Result, finished
from engine.spec import digest, encode, fingerprint
from engine.training.runs import RunSpec
from engine.work import experimenting, sweeping
from engine.work.executors import Here
from tests.drive import made_up

Ensembles = Mapping[str, Sequence[RunSpec]]
ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "tests" / "experiments" / "kept"
DEAR = 1.0
"""Seconds from which on a result is kept."""
ROOMS = (
    "seeds",
    "machine",
    "spec",
    "records",
    "data",
    "models",
    "problems",
    "rules",
    "curvature",
    "training",
    "analyses",
)
"""What in the engine any experiment's numbers may come from, beside its own module and what that imports; of a map also
that of sweeps."""


def arrays_of(experiment: Experiment, ensembles: Ensembles | None = None) -> Arrays:
    """The arrays of the experiment's result, as the engine makes them today: of its own runs, or of these in their
    place."""
    name, made_by = f"{type(experiment).__name__}-{digest(experiment)}", code(type(experiment))
    if ensembles is not None:
        name += f"-{fingerprint({key: [encode(spec) for spec in specs] for key, specs in ensembles.items()})}"
        made_by += _made_up(ensembles)
    path = KEPT / f"{name}.npz"
    if path.exists():
        with np.load(path) as kept:
            arrays = dict(kept)
        if str(arrays.pop("code")) == made_by:
            return arrays
    started, arrays = time.process_time(), performed_anew(experiment, ensembles)
    if path.exists() or time.process_time() - started > DEAR:
        _keep(path, arrays | {"code": np.array(made_by)})
    return arrays


def performed_anew(experiment: Experiment, ensembles: Ensembles | None = None) -> Arrays:
    """The arrays of the experiment's result, every run of it trained."""
    settle()
    if ensembles is None and experiment.map:
        return _as_cells(experiment)
    if ensembles is not None:
        parts = {"probe": experiment.probe, "separately": experiment.separately}
        experiment = cast(Any, SimpleNamespace(ensembles=lambda: ensembles, **parts))
    lab = Lab(experiment)
    deque(lab.work(), maxlen=0)
    return lab.arrays


def _as_cells(experiment: Experiment) -> Arrays:
    """The same of an experiment that is a map, in this process."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAVINE_STORE", folder)
        patch.setattr(sweeping, "executor", lambda settings: Here())
        return cast(Result, finished(experimenting.compute(experiment, [], "cpu", None))).arrays


def _made_up(ensembles: Ensembles) -> str:
    """8 hex digits for the files of all rules that tests have made up for these runs; "" where there are none."""
    classes = {cls for specs in ensembles.values() for spec in specs for _, cls in made_up(spec)}
    files = sorted({inspect.getfile(cls) for cls in classes})
    statements = "\0".join(_statements(Path(file).read_text(encoding="utf-8")) for file in files)
    return hashlib.sha256(statements.encode()).hexdigest()[:8] if files else ""


@cache
def code(experiment: type[Experiment]) -> str:
    """16 hex digits that name all code which an experiment's numbers may come from, and torch's version: they change
    with every statement of it, not with docstrings and comments."""
    engine = ROOT / "engine"
    files = {
        file for room in ROOMS for file in [engine / f"{room}.py", *(engine / room).rglob("*.py")] if file.exists()
    }
    files |= set(_imported(experiment.__module__, set())) | set(_imported(Lab.__module__, set()))
    if experiment().map:
        files |= {*(engine / "sweeps").rglob("*.py"), Path(experimenting.__file__)}
    statements = [f"{file.relative_to(ROOT)} {_statements(file.read_text(encoding='utf-8'))}" for file in sorted(files)]
    return hashlib.sha256("\0".join([torch.__version__, *statements]).encode()).hexdigest()[:16]


def _imported(module: str, seen: set[str]) -> Iterator[Path]:
    """The file of a module of the experiments, and of those among them that it imports in turn."""
    file = ROOT / f"{module.replace('.', '/')}.py"
    if module in seen or not file.exists():
        return
    seen.add(module)
    yield file
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("engine.experiments."):
            yield from _imported(str(node.module), seen)


@cache
def _statements(text: str) -> str:
    """The statements of a file's text, without its docstrings, comments and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _keep(path: Path, arrays: Arrays) -> None:
    """Whole or not at all: another process may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    Path(file.name).replace(path)
