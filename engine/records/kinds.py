"""The kinds of records: a run, what is computed of one, what is computed of several, an experiment's result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from engine.records.record import Arrays, Record, RecordError, array, named_arrays

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    """A training run: T measured steps along one trajectory of n parameters."""

    steps: np.ndarray = array("T", whole=True, empty=True)  # taken before each measurement
    seconds: np.ndarray = array("T", empty=True)  # of training and measuring so far, by the wall clock
    measures: Arrays = named_arrays("T")  # by name: see training.runs.MEASURES
    path: np.ndarray = array("T n", empty=True)  # theta at each measurement
    state: Arrays = named_arrays()  # what an unfinished run goes on from; empty once it ended

    grows: ClassVar[str] = "path"

    def __post_init__(self):
        super().__post_init__()
        step = self.state.get("step", np.array(0))
        if step.ndim or not np.isfinite(step):
            raise RecordError("state/step: expected one finite number")

    @property
    def step(self) -> int:
        """Steps taken so far."""
        if "step" in self.state:
            return int(self.state["step"])
        return int(self.steps[-1]) if len(self.steps) else 0

    @property
    def summary(self) -> dict[str, float]:
        """The step it has come to, and the last value of every measure."""
        return {"step": self.step} | {name: float(values[-1]) for name, values in self.measures.items() if len(values)}


@dataclass(frozen=True, kw_only=True)
class OfRun(Record):
    """What was computed of one run."""

    run: str  # its address

    @property
    def inputs(self) -> tuple[str, ...]:
        """The run alone."""
        return (self.run,)


@dataclass(frozen=True, kw_only=True)
class Surface(OfRun):
    """The loss and accuracy on a plane through one checkpoint: row i is coordinate b[i], column j is a[j]."""

    checkpoint: int  # row of the run's path at the centre
    split: str
    labels: tuple[str, str]
    unit: str  # what one step of a coordinate means
    a: np.ndarray = array("A")  # coordinates along the first direction; 0 at A // 2
    b: np.ndarray = array("B")  # along the second
    loss: np.ndarray = array("B A")  # NaN where not computed yet
    accuracy: np.ndarray = array("B A")
    stride: int  # every stride-th row and column from the centre is computed; 1 when complete
    norms: tuple[float, float]  # lengths of the directions in parameter space
    cosine: float  # between the directions
    steps: np.ndarray = array("T", whole=True)  # of the path's points
    path_a: np.ndarray = array("T")  # projections (least squares) of the path
    path_b: np.ndarray = array("T")
    residual: np.ndarray = array("T")  # distance of the path's points from the plane, in parameter space
    distance: np.ndarray = array("T")  # distance of the path's points from the centre
    path_loss: np.ndarray = array("T")  # loss at the path's points themselves
    plane_loss: np.ndarray = array("T")  # loss at their projections
    explained: float  # share of the path's squared distance from the centre that lies in the plane
    # largest deviation of a few cells recomputed in double precision: inf where only one of the two is finite, NaN
    # until complete or where no cell is finite
    check: float = NAN
    left_out: int = 0  # the path's points that are not finite or far off: NaN in the arrays above

    @property
    def furthest(self) -> float:
        """How far the path's points lie from the plane at most, in parameter space."""
        return float(np.nanmax(self.residual, initial=0))


@dataclass(frozen=True, kw_only=True)
class Spectrum(OfRun):
    """The Hessian's spectrum at one checkpoint."""

    checkpoint: int
    size: int  # n, the number of parameters
    products: int  # Hessian-vector products spent
    top: np.ndarray = array("k")  # largest eigenvalues, descending
    top_residuals: np.ndarray = array("k")  # norm(H v - value v)
    bottom: np.ndarray = array("j")  # smallest eigenvalues, ascending
    bottom_residuals: np.ndarray = array("j")
    nodes: np.ndarray = array("probes m", empty=True)  # quadrature nodes of stochastic Lanczos
    weights: np.ndarray = array("probes m", empty=True)  # their weights, each probe's summing to 1
    exact: np.ndarray = array("n", empty=True)  # all eigenvalues, ascending, where the model is small enough
    trace: float = NAN  # NaN until estimated
    trace_error: float = NAN  # standard error over the probes
    gradient_norm: float


@dataclass(frozen=True, kw_only=True)
class Alignment(OfRun):
    """How gradients lie to the Hessian's top eigenvectors, at T checkpoints of a run."""

    steps: np.ndarray = array("T", whole=True)
    values: np.ndarray = array("T k")  # largest eigenvalues, descending
    residuals: np.ndarray = array("T k")
    cos_g: np.ndarray = array("T k")  # abs cos of the full-batch gradient with each eigenvector
    cos_u: np.ndarray = array("T k")  # abs cos of the rule's full-batch direction
    share_g: np.ndarray = array("T")  # share of norm(g)^2 in the span of the k eigenvectors
    share_u: np.ndarray = array("T")
    overlap: np.ndarray = array("T")  # mean squared cosine between this eigenspace and the last; NaN at first
    gradient_norm: np.ndarray = array("T")
    edge: np.ndarray = array("T")  # the rule's edge of stability; NaN where no theory says
    limit: np.ndarray = array("T")  # plain gradient descent's edge under the same update
    switches: np.ndarray = array("S", whole=True, empty=True)  # steps at which another rule takes over
    left_out: int = 0  # checkpoints that are not finite or far off, and have no row here


@dataclass(frozen=True, kw_only=True)
class JointSurface(Record):
    """The loss and accuracy on one plane through several runs' paths; P points of paths, those of run r in rows
    starts[r] to starts[r + 1]."""

    runs: tuple[str, ...]  # [R] their addresses
    run_specs: tuple[dict, ...]  # [R] their specs, encoded
    split: str
    labels: tuple[str, str]
    unit: str
    a: np.ndarray = array("A")  # coordinates along the first direction
    b: np.ndarray = array("B")
    loss: np.ndarray = array("B A")  # NaN where not computed yet
    accuracy: np.ndarray = array("B A")
    stride: int  # every stride-th row and column from the centre is computed; 1 when complete
    starts: np.ndarray = array("R1", whole=True)
    steps: np.ndarray = array("P", whole=True)
    path_a: np.ndarray = array("P")  # projections of the paths (orthogonal: the directions are orthonormal)
    path_b: np.ndarray = array("P")
    residual: np.ndarray = array("P")  # distance from the plane, in parameter space
    path_loss: np.ndarray = array("P")  # loss at the paths' points themselves
    plane_loss: np.ndarray = array("P")  # loss at their projections
    explained: np.ndarray = array("R")  # share of each path's squared distance from the plane's origin that it holds
    end_loss: np.ndarray = array("R")  # loss at each path's last point
    end_sharpness: np.ndarray = array("R")  # largest eigenvalue of the training loss's Hessian there
    end_residual: np.ndarray = array("R")  # norm(H v - value v)
    left_out: int = 0  # checkpoints that are not finite, and play no part
    check: float = NAN  # largest relative deviation of a few cells recomputed in double precision

    @property
    def inputs(self) -> tuple[str, ...]:
        """The runs."""
        return self.runs


@dataclass(frozen=True, kw_only=True)
class Result(Record):
    """What the runs of an experiment have given so far: T measurements of R runs of each of its ensembles."""

    done: int = 0  # steps, of all runs together
    total: int = 0
    seconds: float = 0.0  # of training and measuring, by the wall clock
    arrays: Arrays = named_arrays()
    # by "ensemble/quantity": [T, R], NaN where not measured; "ensemble/step" is [T], "ensemble/theta" [T, R, n]
    runs: str = ""  # names the specs of all runs, as `engine.experiments.plan` does
    state: Arrays = named_arrays()  # what an unfinished one goes on from, by "ensemble/part"; empty once it ended

    def over(self, ensemble: str, quantity: str) -> np.ndarray:
        """[T, R]: a quantity at every measurement, NaN where it is not known (yet); the steps are
        over(ensemble, "step") [T]."""
        steps = self.arrays.get(f"{ensemble}/step", np.zeros(0))
        return steps if quantity == "step" else self.arrays.get(f"{ensemble}/{quantity}", np.full((len(steps), 1), NAN))

    def last(self, ensemble: str, quantity: str) -> np.ndarray:
        """[R]: a quantity at the end; NaN before a run has come to it, or where it was lost on the way."""
        values = self.over(ensemble, quantity)
        return values[-1] if len(values) else np.full(1, NAN)


@dataclass(frozen=True, kw_only=True)
class Sweep(Record):
    """What the runs of a sweep have come to: R rules side by side, Y rows and X columns of a map, S seeds of each
    cell."""

    rows: np.ndarray = array("Y")  # values of the second knob; one NaN where there is none
    columns: np.ndarray = array("X")  # of the first
    outcomes: Arrays = named_arrays("R Y X S")
    # by name, see sweeps.outcome: the last value of every curve, ENDS, seconds, and whether it was trained alone;
    # "state" is 0 where there is nothing yet, 1 for a run that came to its end, 2 for one that diverged, 3 failed
    curves: Arrays = named_arrays("R Y X S T")  # by name; NaN after a run was lost
    looks: np.ndarray = array("T")  # when the curves were looked at, as shares of the run
    edges: Arrays = named_arrays("R Y")
    # "start": learning rates above which a run begins beyond its rule's edge of stability, see sweeps.thresholds
    failures: tuple[str, ...] = ()  # why runs failed, each reason once

    @property
    def done(self) -> int:
        """Places that have an outcome."""
        return int((self.outcomes["state"] > 0).sum()) if "state" in self.outcomes else 0


@dataclass(frozen=True, kw_only=True)
class Design(Record):
    """What the runs of a design have come to: R rules side by side, N points of K knobs, S seeds of each point."""

    values: np.ndarray = array("R N K")  # of the knobs; NaN where a rule lacks one, and of points not chosen yet
    outcomes: Arrays = named_arrays("R N S")  # by name, as a Sweep's
    curves: Arrays = named_arrays("R N S T")  # by name; NaN after a run was lost
    looks: np.ndarray = array("T")  # when the curves were looked at, as shares of the run
    failures: tuple[str, ...] = ()  # why runs failed, each reason once
    library: str = ""  # what has drawn the points, and its release: another one may draw others

    @property
    def done(self) -> int:
        """Places that have an outcome."""
        return int((self.outcomes["state"] > 0).sum()) if "state" in self.outcomes else 0


KINDS: dict[str, type[Record]] = {
    cls.__name__: cls for cls in (Run, Surface, Spectrum, Alignment, JointSurface, Result, Sweep, Design)
}


def upgraded(cls: type[Record], values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a file as the first version wrote it: unfinished surfaces and results had no status."""
    if "status" not in values:
        whole = values.get("done") == values.get("total") if cls is Result else values.get("stride", 1) == 1
        values["status"] = "finished" if whole else "stopped"
    return values
