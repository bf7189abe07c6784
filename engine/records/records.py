"""Records: what was computed, as numpy arrays, saved and loaded by one pair of functions (npz, never pickle)."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


class RecordError(ValueError):
    """A file that holds no record that can be read: one line that names it."""


@dataclass(frozen=True)
class Run:
    """A training run: T measured steps along one trajectory of n parameters."""

    spec: dict[str, Any]
    status: str  # running, finished, stopped, diverged or failed
    reason: str = ""  # one line for a run that diverged or failed
    made: dict[str, Any] = field(default_factory=dict)  # device, versions, time of day, seconds per step
    steps: np.ndarray = field(default_factory=lambda: np.zeros(0, int))  # [T] steps taken before each measurement
    # [T] of training and measuring so far, by the wall clock
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    measures: Arrays = field(default_factory=dict)  # [T] each, by name: see train.MEASURES
    path: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # [T, n] theta at each measurement
    state: Arrays = field(default_factory=dict)  # what an unfinished run goes on from; empty once it ended


@dataclass(frozen=True)
class Surface:
    """The loss and accuracy on a plane through one checkpoint: row i is coordinate b[i], column j is a[j]."""

    spec: dict[str, Any]
    run: str  # the run's digest
    checkpoint: int  # row of the run's path at the centre
    split: str
    labels: tuple[str, str]
    unit: str  # what one step of a coordinate means
    a: np.ndarray  # [A] coordinates along the first direction; 0 at A // 2
    b: np.ndarray  # [B] along the second
    loss: np.ndarray  # [B, A], NaN where not computed yet
    accuracy: np.ndarray  # [B, A]
    stride: int  # every stride-th row and column from the centre is computed; 1 when complete
    norms: tuple[float, float]  # lengths of the directions in parameter space
    cosine: float  # between the directions
    steps: np.ndarray  # [T] of the path's points
    path_a: np.ndarray  # [T] projections (least squares) of the path
    path_b: np.ndarray
    residual: np.ndarray  # [T] distance of the path's points from the plane, in parameter space
    distance: np.ndarray  # [T] distance of the path's points from the centre
    path_loss: np.ndarray  # [T] loss at the path's points themselves
    plane_loss: np.ndarray  # [T] loss at their projections
    explained: float  # share of the path's squared distance from the centre that lies in the plane
    check: float  # largest relative deviation of a few cells recomputed in double precision; NaN until complete


@dataclass(frozen=True)
class Spectrum:
    """The Hessian's spectrum at one checkpoint."""

    spec: dict[str, Any]
    run: str
    checkpoint: int
    size: int  # n, the number of parameters
    products: int  # Hessian-vector products spent
    top: np.ndarray  # [k] largest eigenvalues, descending
    top_residuals: np.ndarray  # [k] norm(H v - value v)
    bottom: np.ndarray  # [k] smallest eigenvalues, ascending
    bottom_residuals: np.ndarray
    nodes: np.ndarray  # [probes, m] quadrature nodes of stochastic Lanczos
    weights: np.ndarray  # [probes, m] their weights, each probe's summing to 1
    exact: np.ndarray  # [n] all eigenvalues, ascending, where the model is small enough; else empty
    trace: float  # NaN until estimated
    trace_error: float  # standard error over the probes
    gradient_norm: float


@dataclass(frozen=True)
class Alignment:
    """How gradients lie to the Hessian's top eigenvectors, at T checkpoints of a run."""

    spec: dict[str, Any]
    run: str
    steps: np.ndarray  # [T]
    values: np.ndarray  # [T, k] largest eigenvalues, descending
    residuals: np.ndarray  # [T, k]
    cos_g: np.ndarray  # [T, k] abs cos of the full-batch gradient with each eigenvector
    cos_u: np.ndarray  # [T, k] abs cos of the rule's full-batch direction
    share_g: np.ndarray  # [T] share of norm(g)^2 in the span of the k eigenvectors
    share_u: np.ndarray  # [T]
    overlap: np.ndarray  # [T] mean squared cosine between this eigenspace and the last; NaN at first
    gradient_norm: np.ndarray  # [T]
    edge: np.ndarray  # [T] the rule's edge of stability; NaN where no theory says
    limit: np.ndarray  # [T] plain gradient descent's edge under the same update
    switches: np.ndarray = field(default_factory=lambda: np.zeros(0, int))  # [S] steps at which another rule takes over


@dataclass(frozen=True)
class Result:
    """What the runs of an experiment have given so far: T measurements of R runs of each of its ensembles."""

    spec: dict[str, Any]
    done: int = 0  # steps, of all runs together
    total: int = 0
    seconds: float = 0.0  # of training and measuring, by the wall clock
    made: dict[str, Any] = field(default_factory=dict)  # device, versions, time of day
    # by "ensemble/quantity": [T, R], NaN where not measured; "ensemble/step" is [T], "ensemble/theta" [T, R, n]
    arrays: Arrays = field(default_factory=dict)
    runs: str = ""  # names the specs of all runs, as `engine.experiments.plan` does

    @property
    def complete(self) -> bool:
        return self.done == self.total > 0

    def over(self, ensemble: str, quantity: str) -> np.ndarray:
        """[T, R]: a quantity at every measurement, NaN where it is not known (yet); the steps are over(ensemble,
        "step") [T]."""
        steps = self.arrays.get(f"{ensemble}/step", np.zeros(0))
        return (
            steps if quantity == "step" else self.arrays.get(f"{ensemble}/{quantity}", np.full((len(steps), 1), np.nan))
        )

    def last(self, ensemble: str, quantity: str) -> np.ndarray:
        """[R]: a quantity at the end; NaN before a run has come to it, or where it was lost on the way."""
        values = self.over(ensemble, quantity)
        return values[-1] if len(values) else np.full(1, np.nan)


KINDS = {cls.__name__: cls for cls in (Run, Surface, Spectrum, Alignment, Result)}
Analysis = Surface | Spectrum | Alignment
Record = Run | Analysis | Result


def save(path: Path, record: Record) -> None:
    """Writes a record whole or not at all: to a temporary file first, flushed to the disk, then renamed."""
    arrays: Arrays = {}
    plain: dict[str, Any] = {"kind": type(record).__name__}
    for f in fields(record):
        value = getattr(record, f.name)
        if isinstance(value, np.ndarray):
            arrays[f.name] = value
        elif isinstance(value, dict) and any(isinstance(v, np.ndarray) for v in value.values()):
            arrays |= {f"{f.name}/{key}": array for key, array in value.items()}
        else:
            plain[f.name] = value
    write(path, lambda file: np.savez(file, allow_pickle=False, record=np.array(json.dumps(plain)), **arrays))


def load(path: Path) -> Record:
    """The record in a file; RecordError for a file that is missing, torn, foreign or of an older kind."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values: dict[str, Any] = json.loads(str(file["record"]))
            cls = KINDS[values.pop("kind")]
            for key in file.files:
                name, _, part = key.partition("/")
                if part:
                    values.setdefault(name, {})[part] = file[key]
                elif name != "record":
                    values[name] = file[key]
            known: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
            return cls(**known)
    except Exception as error:  # a torn or foreign file makes zipfile, zlib, json and numpy raise all sorts of things
        reason = (
            "no such file"
            if isinstance(error, FileNotFoundError)
            else f"not a record that can be read ({type(error).__name__})"
        )
        raise RecordError(f"{path.parent.name}/{path.name}: {reason}") from error


def write(path: Path, fill: Any) -> None:
    """Writes a file atomically: `fill(file)` writes the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
