"""The boundary presets against a loop over the same cells in NumPy: `boundary.gd.correlation` and
`boundary.sam.correlation` are Spearman's of the cells' ranks, at least 0.99; below each the edge's dimension.

The loop is written from the formulas and shares the start and the examples alone.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.measure import device, seconds
from engine.problems import TanhNet
from engine.records import Sweep, load
from engine.sweeps.boundary import boundaries, ranks
from engine.sweeps.outcome import looks
from engine.sweeps.spec import SweepSpec
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.presets import BOUNDARIES
from engine.work.store import Store


def main() -> None:
    """Both presets, trained anew, and the loop."""
    device(__doc__)
    for name, preset in zip(("gd", "sam"), BOUNDARIES.values(), strict=True):
        ours: list[Sweep] = []
        theirs: list[np.ndarray] = []
        took = seconds(lambda spec=preset.spec, found=ours: found.append(swept(spec)))
        plain = seconds(lambda spec=preset.spec, found=theirs: found.append(placed(looped(spec))))
        print(f"ratio boundary.{name}.correlation {correlation(ours[0], theirs[0]):.5f}")
        print(f"#   {ours[0].done:,} cells, {took:.1f} s swept, {plain:.1f} s by the loop")
        found = boundaries(ours[0])[0].boxes
        if found is None:
            raise SystemExit(f"boundary.{name}: no edge")
        of = found.dimension
        print(f"ratio boundary.{name}.dimension {of.value:.3f}")
        counts = ", ".join(f"{count} of {size}" for size, count in zip(found.sizes, found.counts, strict=True))
        print(f"#   95% interval {of.low:.3f} to {of.high:.3f}; boxes {counts} cells a side", flush=True)


def swept(spec: SweepSpec) -> Sweep:
    """The sweep, trained in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAVINE_STORE"] = folder
        store, work = Store(Path(folder)), Work(spec)
        *_, end = patiently(perform(store, work))
        if end.status != "finished":
            raise SystemExit(f"sweep: {end.reason}")
        record = load(store.file(work.address))
    assert isinstance(record, Sweep)
    return record


def correlation(sweep: Sweep, others: np.ndarray) -> float:
    """Spearman's rank correlation of a sweep's ranks with others [Y X] of the same cells."""
    placed = [stats.rankdata(values.ravel()) for values in (ranks(sweep), others)]
    return float(np.corrcoef(*placed)[0, 1])


def looped(spec: SweepSpec) -> np.ndarray:
    """[Y X, T]: the losses of all cells of a sweep of one rule and one seed at its looks, by gradient descent or, where
    the second knob is rho, by SAM."""
    problem = spec.run.problem
    assert isinstance(problem, TanhNet)
    y, x = (part.ravel() for part in np.meshgrid(spec.rows, spec.columns, indexing="ij"))
    given: dict[str, Any] = {"ratio": np.full(x.shape, problem.ratio), "rho": np.zeros(x.shape)}
    given |= {spec.y.knob.rpartition(".")[2]: y}
    examples = [part.numpy() for part in problem.load("train")]
    start = replace(problem, ratio=1.0).start(spec.run.seed).numpy()
    return losses(start, examples[0], examples[1], x, given["ratio"], given["rho"], looks(spec.run))


def losses(
    start: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    rate: np.ndarray,
    ratio: np.ndarray,
    rho: np.ndarray,
    seen: tuple[int, ...],
) -> np.ndarray:
    """[C, T]: L = mean (v tanh(W x) - y)^2 after the steps `seen`, in C cells of a rate, a ratio and a radius each."""
    n, root, found = x.shape[1], np.sqrt(ratio), []
    w = np.tile(start[: n * n].reshape(n, n), (len(rate), 1, 1))
    u = start[n * n :] / root[:, None]  # v = root u, and u is what steps
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(seen[-1] + 1):
            loss, dw, du = slopes(w, u, root, x, y)
            if step in seen:
                found.append(loss)
            if rho.any():
                length = np.sqrt((dw**2).sum(axis=(1, 2)) + (du**2).sum(axis=1))
                far = rho / np.maximum(length, 1e-12)
                _, dw, du = slopes(w + far[:, None, None] * dw, u + far[:, None] * du, root, x, y)
            w, u = w - rate[:, None, None] * dw, u - rate[:, None] * du
    return np.stack(found, axis=1)


def slopes(
    w: np.ndarray, u: np.ndarray, root: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The losses [C] and their gradients by W [C, n, n] and u [C, n], by the chain rule."""
    hidden = np.tanh(np.einsum("cij,kj->cki", w, x))
    error = root[:, None] * np.einsum("cki,ci->ck", hidden, u) - y
    pull = 2 / len(x) * root[:, None] * error
    inner = pull[:, :, None] * u[:, None, :] * (1 - hidden**2)
    return (error**2).mean(axis=1), np.einsum("cki,kj->cij", inner, x), np.einsum("ck,cki->ci", pull, hidden)


def placed(curves: np.ndarray) -> np.ndarray:
    """[C]: ranks on both sides of the edge, of losses [C, T]: trained runs below 0, the others above."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        share = curves / curves[:, :1]
        good = np.isfinite(curves[:, -1]) & (share[:, -1] < 1)
        lasting = np.where(np.isfinite(share), 1 / share, 0.0)[:, 1:].sum(axis=1)
    found = np.empty(len(curves))
    for side, order in ((good, share.mean(axis=1)), (~good, -lasting)):
        found[side] = (stats.rankdata(order[side]) - 0.5) / max(side.sum(), 1)
    return found - good


if __name__ == "__main__":
    main()
