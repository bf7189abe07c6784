"""The spectrum of the training loss's Hessian at a checkpoint: both ends with residuals, the density, the trace with
its error."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.analyses.surface import checkpoint_row, one_run
from engine.curvature import Hessian, Krylov, confirmed, dense, ends, extremes, signs, training_hessian
from engine.records import Computing, Progress, Record, Spectrum, meanwhile
from engine.rules import TINY
from engine.seeds import generator
from engine.spec import decode, digest, encode, flag, knob
from engine.training.runs import RUNS, RunSpec

EXACT = 2000
"""The most parameters for which all eigenvalues are computed."""


@dataclass(frozen=True)
class SpectrumSpec:
    """What to compute of a Hessian's spectrum."""

    checkpoint: int = knob(
        -1, -1, 100_000, "Checkpoint", "Which measured point of the path, counted from 0; -1 is the last."
    )
    top: int = knob(5, 1, 50, "Largest", "How many of the largest eigenvalues.")
    bottom: int = knob(3, 0, 50, "Smallest", "How many of the smallest (most negative) eigenvalues.")
    probes: int = knob(
        8, 0, 100, "Probes", "Random vectors for the density and the trace; their spread is the standard error."
    )
    depth: int = knob(64, 4, 300, "Lanczos steps", "Products for each probe: more resolve the density more finely.")
    exact: bool = flag(True, "Exact", f"All eigenvalues, where the model has at most {EXACT} parameters.")
    seed: int = knob(0, 0, 9999, "Seed", "Of the probes.")

    def compute(self, inputs: Sequence[Record], device: str, before: Record | None) -> Computing:
        """Of a run: the spectrum's ends, its density a probe at a time, and all of it where the model is small."""
        run = one_run(inputs)
        spec: RunSpec = decode(RUNS, run.spec)
        row = checkpoint_row(run, self.checkpoint)
        theta = torch.as_tensor(run.path[row], device=device)
        hessian = training_hessian(spec.problem, theta)
        n, depth = len(theta), min(self.depth, len(theta))
        whole = self.exact and n <= EXACT
        total = 60 + self.probes * depth + whole * n
        for krylov in self._grown(hessian, theta):
            yield Progress(min(krylov.count, 60), total)
        record = yield from self._ends(spec, row, hessian, theta, krylov, Progress(60, total))

        def so_far() -> Spectrum:
            return record

        yield Progress(60, total, so_far)
        for products, part in self._density(hessian, theta, record, depth):
            new, record = part is not record, part
            yield Progress(60 + products, total, so_far if new else None)
        if whole:
            from scipy.linalg import eigvalsh  # not before somebody asks: it takes long to import

            for i, matrix in dense(hessian, n, theta):
                yield Progress(total - n + i, total)
            record = replace(record, exact=eigvalsh((matrix + matrix.T) / 2), products=record.products + n)
        return record

    def _grown(self, hessian: Hessian, theta: torch.Tensor) -> Iterator[Krylov]:
        """A Krylov space, product by product, until it holds both ends."""
        random = generator(self.seed, "spectrum")
        start = torch.randn(len(theta), generator=random, dtype=torch.float64).to(theta)
        # the gradient leans to the top, and saves products
        start = start / start.norm() + hessian.gradient / hessian.gradient.norm().clamp(min=TINY)
        return extremes(hessian, start[None], random, self.top, self.bottom, tol=3e-5, look=3)

    def _ends(
        self, spec: RunSpec, row: int, hessian: Hessian, theta: torch.Tensor, krylov: Krylov, breath: Progress
    ) -> Generator[Progress, None, Spectrum]:
        """The record with both ends and nothing else yet."""
        found = krylov.ritz(ends(self.top, self.bottom, krylov.count))
        pairs = yield from meanwhile(confirmed(spec.problem, theta, found), breath)
        top = min(self.top, krylov.count)
        return Spectrum(
            spec=encode(self),
            run=digest(spec),
            checkpoint=row,
            size=len(theta),
            products=krylov.count,
            top=pairs.values[:top],
            top_residuals=pairs.residuals[:top],
            bottom=pairs.values[top:][::-1],
            bottom_residuals=pairs.residuals[top:][::-1],
            gradient_norm=float(hessian.gradient.norm()),
        )

    def _density(
        self, hessian: Hessian, theta: torch.Tensor, bare: Spectrum, depth: int
    ) -> Iterator[tuple[int, Spectrum]]:
        """Stochastic Lanczos quadrature (Golub & Meurant 2010; Ghorbani, Krishnan & Xiao 2019): (products so far, the
        record), which begins as `bare` and has one probe more at the end of each."""
        record, rules, n = bare, [], len(theta)
        for probe in range(self.probes):
            random = generator(self.seed, "probe", probe)
            krylov = Krylov(hessian, signs(n, random, theta)[None], random)
            while krylov.count < depth:
                krylov.grow()
                yield probe * depth + krylov.count, record
            rules.append(krylov.quadrature())
            nodes, weights = (np.array(column) for column in zip(*rules, strict=True))
            traces = n * (nodes * weights).sum(axis=1)
            error = traces.std(ddof=1) / np.sqrt(len(traces)) if len(traces) > 1 else float("nan")
            record = replace(
                bare,
                nodes=nodes,
                weights=weights,
                trace=float(traces.mean()),
                trace_error=float(error),
                products=bare.products + nodes.size,
            )
            yield nodes.size, record
