"""One SAM step of a single run on digits, against a hand-written in-place PyTorch loop: `step.mlp` and `step.cnn`
are ours over theirs, at most 1.10."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from benchmarks.measure import device, divided, interleaved, report
from benchmarks.modules import module
from engine.models import CNN, MLP, Model
from engine.problems import Classification
from engine.rules import SAM
from engine.seeds import generator
from engine.training.loop import train
from engine.training.runs import RunSpec
from engine.training.updates import Momentum

RHO, LR, MOMENTUM, DECAY, BATCH, SEED = 0.05, 0.05, 0.9, 5e-4, 64, 0
REPEATS = 21

Point = TypeVar("Point")


def main() -> None:
    """The engine's step against one by hand, on two networks."""
    on = device(__doc__)
    for name, model, steps in (("mlp", MLP(width=64, depth=2), 200), ("cnn", CNN(), 40)):
        ours, theirs = engine(model, on), by_hand(model, on)
        agree(name, ours, theirs)
        us, them = interleaved(REPEATS, partial(advance, ours, steps), partial(advance, theirs, steps))
        per = [1e3 * sorted(times)[REPEATS // 2] / steps for times in (us, them)]
        report(f"step.{name}", divided(us, them), f"ours {per[0]:.3f} ms a step, by hand {per[1]:.3f} ms")


def advance(run: Iterator[Point], steps: int) -> Point:
    """Where the run is after so many more steps."""
    return deque(islice(run, steps), maxlen=1)[0]


def agree(name: str, ours: Iterator[Tensor], theirs: Iterator[list[nn.Parameter]]) -> None:
    """Both loops must follow one trajectory; rounding makes them part slowly."""
    a, b = advance(ours, 20), parameters_to_vector(advance(theirs, 20)).detach()
    apart = float((a - b).norm() / b.norm())
    if apart > 1e-4:
        raise SystemExit(f"step.{name}: after 20 steps the two loops are {apart:.1e} apart: not the same arithmetic")


def engine(model: Model, on: str) -> Iterator[Tensor]:
    """Theta after each step of the engine's own training loop."""
    many = 10**6
    spec = RunSpec(
        Classification(model=model),
        SAM(RHO),
        Momentum(MOMENTUM, DECAY),
        lr=LR,
        batch=BATCH,
        steps=many,
        every=many,
        curvature=False,
        seed=SEED,
    )
    return (tick.state.theta for tick in train([spec], on) if tick.frame is None)


def by_hand(model: Model, on: str) -> Iterator[list[nn.Parameter]]:
    """The parameters after each step of the loop that one would write without the engine: everything in place."""
    problem = Classification(model=model)
    x, y = problem.load("train", on)
    net = module(problem, problem.start(SEED).to(on))
    parameters = list(net.parameters())
    buffers = [torch.zeros_like(p) for p in parameters]
    for batch in batches(len(x), on):
        images, classes = x[batch], y[batch]
        gradients = _gradients(net, images, classes)
        with torch.no_grad():
            scale = RHO / (torch.stack([g.norm() for g in gradients]).norm() + 1e-12)
            moves = [g * scale for g in gradients]
            for p, move in zip(parameters, moves, strict=True):
                p.add_(move)
        gradients = _gradients(net, images, classes)
        with torch.no_grad():
            for p, move, g, buffer in zip(parameters, moves, gradients, buffers, strict=True):
                p.sub_(move)
                buffer.mul_(MOMENTUM).add_(g).add_(p, alpha=DECAY)
                p.sub_(buffer, alpha=LR)
        yield parameters


def _gradients(net: nn.Module, x: Tensor, y: Tensor) -> list[Tensor]:
    net.zero_grad()
    F.cross_entropy(net(x), y).backward()
    return [p.grad for p in net.parameters() if p.grad is not None]


def batches(n: int, on: str) -> Iterator[Tensor]:
    """The same batches as the engine's: each epoch a new permutation."""
    epoch = 0
    while True:
        order = torch.randperm(n, generator=generator(SEED, "batches", epoch)).to(on)
        yield from order[: n - n % BATCH].split(BATCH)
        epoch += 1


if __name__ == "__main__":
    main()
