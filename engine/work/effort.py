"""Effort: how often an analysis goes through the examples, and what it holds besides, said before it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.joint import JointSpec
from engine.analyses.planes import Eigenvectors
from engine.analyses.spectrum import EXACT, SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.training.runs import RunSpec

PRODUCTS = 22
"""Products with the Hessian that the top eigenpair takes at a measurement, as networks have it in the middle."""
PAIR, LOOKED = 6, 14
"""Products that each tracked eigenpair takes at a checkpoint, and those that all of them take together."""
SHARPEST, BOTH_ENDS = 40, 60
"""Products from a random start to the two largest eigenvalues, and to both ends of a spectrum."""
CHECKED = 10
"""Cells of a surface that are computed again, in double precision."""
COPIES = 6
"""What the work on a path holds at once, in paths: the path, its projection, both together, offsets in double."""
COLUMNS = 8
"""Numbers for each point of a path that the record of a surface has."""


class Effort(NamedTuple):
    """What an analysis does."""

    evaluations: int = 0  # losses at points, which the cores share on the CPU
    gradients: int = 0  # whose graphs products are taken with
    products: int = 0
    exact: int = 0  # products in double precision
    held: int = 0  # bytes, beside the examples and what one of these holds
    record: int = 0  # bytes of what is kept


def of_surface(spec: SurfaceSpec, runs: Sequence[RunSpec]) -> Effort:
    """Of a surface of one run."""
    (run,) = runs
    sharpest = isinstance(spec.plane, Eigenvectors)
    drawn = _drawn(spec.resolution, frames(run))
    return drawn._replace(gradients=int(sharpest), products=SHARPEST * sharpest, held=COPIES * frames(run) * row(run))


def of_joint(spec: JointSpec, runs: Sequence[RunSpec]) -> Effort:
    """Of one surface of several runs."""
    drawn = _drawn(spec.resolution, sum(frames(run) for run in runs))
    ends = {"gradients": len(runs), "products": SHARPEST * len(runs), "exact": len(runs)}
    return drawn._replace(held=COPIES * sum(frames(run) * row(run) for run in runs), **ends)


def of_spectrum(spec: SpectrumSpec, runs: Sequence[RunSpec]) -> Effort:
    """Of the spectrum at one checkpoint."""
    (run,) = runs
    n, depth = run.problem.size(), min(spec.depth, run.problem.size())
    whole = n if spec.exact and n <= EXACT else 0
    return Effort(
        gradients=1,
        products=min(BOTH_ENDS, n) + spec.probes * depth + whole,
        exact=spec.top + spec.bottom,
        held=frames(run) * row(run) + 2 * max(BOTH_ENDS, depth) * row(run) + 3 * 8 * whole**2,
        record=8 * (whole + 2 * spec.probes * depth + 2 * (spec.top + spec.bottom)),
    )


def of_alignment(spec: AlignmentSpec, runs: Sequence[RunSpec]) -> Effort:
    """Of the eigenpairs at every so many-th checkpoint."""
    (run,) = runs
    k, checkpoints = min(spec.k, run.problem.size()), -(-frames(run) // spec.stride)
    products = LOOKED + PAIR * k
    return Effort(
        gradients=2 * checkpoints,  # g, and the rule's own
        products=products * checkpoints,
        exact=k * checkpoints,
        held=frames(run) * row(run) + 2 * products * row(run),
        record=8 * checkpoints * (4 * k + 8),
    )


def frames(run: RunSpec) -> int:
    """Measurements of a run."""
    return len({*range(0, run.steps, run.every), *(phase.start for phase in run.phases), run.steps})


def row(run: RunSpec) -> int:
    """Bytes of one theta."""
    return run.problem.size() * run.problem.dtype.itemsize


def _drawn(resolution: int, points: int) -> Effort:
    """Of a grid of cells with paths of so many points on it, and of the points' projections."""
    return Effort(
        evaluations=resolution**2 + 2 * points + 2 * CHECKED, record=8 * (2 * resolution**2 + COLUMNS * points)
    )
