"""A 51x51 loss surface of the digits CNN on up to 4 cores against loss_landscapes.random_plane on one thread:
`surface.cnn` is speed-up / cores, at least 0.8.

The baseline computes its whole plane once, at its defaults but for `steps`; the clock stops for it at equal intervals
while ours computes the whole surface, so the two are interleaved. Ours is all that the app does: loss and accuracy,
coarse to fine, the path's losses, the self-check in double precision.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import loss_landscapes
import torch
import torch.nn.functional as F
from loss_landscapes.metrics import Loss

from benchmarks.measure import device, report, seconds
from benchmarks.modules import module
from benchmarks.trained import trained
from engine.analyses.planes import Random
from engine.analyses.surface import SurfaceSpec
from engine.machine import CORES
from engine.models import CNN
from engine.problems import Classification
from engine.records import Run, Surface, finished
from engine.training.runs import RunSpec

PROBLEM = Classification(model=CNN())
SIDE, PIECES, ENOUGH = 51, 4, 36.0
"""Points a side; stretches of the baseline, each followed by ours; seconds after which a slow machine's baseline is
cut short."""


class Enough(Exception):
    """Ends the baseline early."""


class Interrupted(Loss):
    """The baseline's own metric, which after every `stride` points notes how long they took and lets `between` run
    off the clock."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor, stride: int, between: Callable[[], None]):
        super().__init__(F.cross_entropy, x, y)
        self.stride, self.between = stride, between
        self.points, self.costs = 0, []
        self.begun = self.resumed = time.perf_counter()

    def __call__(self, model_wrapper):
        value = super().__call__(model_wrapper)
        self.points += 1
        if self.points % self.stride == 0:
            self.costs.append((time.perf_counter() - self.resumed) / self.stride)
            self.between()
            if time.perf_counter() - self.begun > ENOUGH:
                raise Enough
            self.resumed = time.perf_counter()
        return value


def main() -> None:
    """The engine's surface against loss_landscapes', by the time of a point."""
    on = device(__doc__)
    spec = RunSpec(PROBLEM, steps=60, every=30, curvature=False)
    run = trained(spec, on)
    ours, drawn = [], []
    theirs = baseline(run, on, between=lambda: ours.append(seconds(lambda: drawn.append(surface(run, on))) / SIDE**2))
    agree(run, drawn[-1], on)
    speedups = [a / b for a, b in zip(theirs.costs, ours, strict=True)]
    costs = ", ".join(f"{1e3 * cost:.2f}" for cost in theirs.costs)
    print(f"# baseline: {theirs.points} of {SIDE**2} points; ms a point in each stretch: {costs}")
    print(f"# ours: whole surfaces of {SIDE**2} points in {', '.join(f'{SIDE**2 * cost:.2f}' for cost in ours)} s")
    report("surface.cnn.speedup", speedups)
    print(f"ratio surface.cnn.cores {CORES}")
    report("surface.cnn", [speedup / CORES for speedup in speedups])


def surface(run: Run, on: str) -> Surface:
    """The engine's surface of the run's last checkpoint, whole."""
    return cast(Surface, finished(SurfaceSpec(plane=Random(), resolution=SIDE).compute([run], on, None)))


def baseline(run: Run, on: str, between: Callable[[], None]) -> Interrupted:
    """random_plane of the same net and images, on one torch thread."""
    x, y = PROBLEM.load("train", on)
    net = module(PROBLEM, torch.as_tensor(run.path[-1], device=on))
    metric = Interrupted(x, y, SIDE**2 // PIECES, between)
    try:
        loss_landscapes.random_plane(net, metric, steps=SIDE)
    except Enough:
        print(f"# baseline cut short after {ENOUGH:g} s")
    return metric


@torch.no_grad()
def agree(run: Run, drawn: Surface, on: str) -> None:
    """The module's loss must be the centre cell of ours."""
    x, y = PROBLEM.load("train", on)
    loss, centre = (
        F.cross_entropy(module(PROBLEM, torch.as_tensor(run.path[-1], device=on))(x), y).item(),
        drawn.loss[SIDE // 2, SIDE // 2],
    )
    if abs(centre - loss) > 1e-5 * abs(loss):
        raise SystemExit(
            f"surface.cnn: the baseline's net has loss {loss}, the surface's centre {centre}: not the same problem"
        )


if __name__ == "__main__":
    main()
