"""Work: whatever is computed, as a spec and what it is made of; and the one table of its kinds.

To add a kind is a module with its spec and computation, its record, its figure, its page, and a line in this table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.joint import JointSpec
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.experiments import EXPERIMENTS
from engine.records import Computing, Record
from engine.spec import SpecError, Table, decode, digest, encode
from engine.sweeps.design import DESIGNS
from engine.sweeps.spec import SWEEPS
from engine.training.recording import record
from engine.training.runs import RUNS, RunSpec
from engine.work import budget, cost, designing, effort, experimenting, sweeping
from engine.work.budget import Limits
from engine.work.cost import Cost
from engine.work.effort import Effort


@dataclass(frozen=True)
class Kind:
    """A kind of work."""

    name: str  # on the command line and in a job's snapshot
    specs: Table  # the classes of its specs, by name
    compute: Callable[[Any, Sequence[Record], str, Record | None], Computing]
    """Of (spec, records of what it needs, device, an unfinished record to go on from or None)."""
    unit: str  # what its progress counts
    of: str = ""  # the kind of the one thing that it is computed of, which its address begins with
    folder: str = ""  # where things of a kind that is of nothing are kept; a run stands at the top
    needs: Callable[[Any, str], tuple[str | Work, ...]] = lambda spec, of: ()
    """What it needs besides, by address or as work that is done first where it is missing, given spec and `of`."""
    cost: Callable[[Any, Sequence[RunSpec]], Cost] | None = None
    """What it will cost, of (spec, specs of the runs that it is of); None where that is not known beforehand."""
    check: Callable[[Any, Sequence[RunSpec], Limits, str], None] = lambda spec, runs, limits, device: None
    """SpecError for a spec whose cost on a device, so far as it is known beforehand, is above the limits."""


class Work(NamedTuple):
    """One thing to compute: a spec, and the address of what it is computed of."""

    spec: Any
    of: str = ""

    @property
    def kind(self) -> Kind:
        """Its kind, by the class of its spec."""
        cls = type(self.spec)
        for kind in KINDS.values():
            if kind.specs.get(cls.__name__) is cls:
                return kind
        raise SpecError(f"kind: there is no kind of work that {cls.__name__} is a spec of")

    @property
    def address(self) -> str:
        """Where the store keeps it, and its job's name."""
        return "/".join(filter(None, (self.of or self.kind.folder, digest(self.spec))))

    @property
    def needs(self) -> tuple[str | Work, ...]:
        """All that it is computed of: addresses, or work that may have to be done first."""
        return (*([self.of] if self.of else []), *self.kind.needs(self.spec, self.of))

    @property
    def runs(self) -> tuple[str, ...]:
        """The digests of the runs among what it needs."""
        return tuple(needed for needed in self.needs if isinstance(needed, str) and "/" not in needed)

    def cost(self, runs: Sequence[RunSpec]) -> Cost | None:
        """What it will cost, given the specs of the runs that it is of; None where that is not known beforehand."""
        return self.kind.cost(self.spec, runs) if self.kind.cost else None

    def check(self, runs: Sequence[RunSpec], limits: Limits, device: str) -> None:
        """SpecError, with the field that is to be changed, for work that would cost more than it may."""
        self.kind.check(self.spec, runs, limits, device)

    def message(self) -> dict[str, Any]:
        """As JSON has it, for `of_message`."""
        return {"kind": self.kind.name, "spec": encode(self.spec), "of": self.of}


def of_message(message: dict[str, Any]) -> Work:
    """The work that `Work.message` describes; SpecError where it is none."""
    kind = KINDS.get(message["kind"])
    if kind is None:
        raise SpecError(f"kind: expected one of {', '.join(KINDS)}, got {str(message['kind'])[:40]!r}")
    return Work(decode(kind.specs, message["spec"]), message["of"])


def one(cls: type) -> Table:
    """A table of one class."""
    return {cls.__name__: cls}


def _costs(name: str, effort: Callable[[Any, Sequence[RunSpec]], Effort], lever: str) -> dict[str, Any]:
    """What the table says of the cost of a kind of analyses."""
    analysis = budget.Analysis(name, effort, lever)
    return {"cost": analysis.cost, "check": partial(budget.check_analysis, analysis)}


GRID = _costs("surface", effort.of_surface, "resolution")
JOINTLY = _costs("surface", effort.of_joint, "resolution")
ENDS = _costs("spectrum", effort.of_spectrum, "probes")
ALONG = _costs("alignment", effort.of_alignment, "stride")

KINDS = {
    kind.name: kind
    for kind in (
        Kind("train", RUNS, record, "steps", cost=cost.of_run, check=budget.check_run),
        Kind("surface", one(SurfaceSpec), SurfaceSpec.compute, "points", of="train", **GRID),
        Kind("spectrum", one(SpectrumSpec), SpectrumSpec.compute, "Hessian-vector products", of="train", **ENDS),
        Kind("alignment", one(AlignmentSpec), AlignmentSpec.compute, "checkpoints", of="train", **ALONG),
        Kind("joint", one(JointSpec), JointSpec.compute, "points", folder="joint", needs=JointSpec.needs, **JOINTLY),
        Kind(
            "experiment",
            EXPERIMENTS,
            experimenting.compute,
            "steps",
            folder="experiments",
            cost=cost.of_experiment,
            check=budget.check_experiment,
        ),
        Kind("sweep", SWEEPS, sweeping.compute, "runs", folder="sweeps", cost=cost.of_sweep, check=budget.check_sweep),
        Kind(
            "design",
            DESIGNS,
            designing.compute,
            "runs",
            folder="designs",
            cost=cost.of_sweep,
            check=budget.check_design,
        ),
    )
}
