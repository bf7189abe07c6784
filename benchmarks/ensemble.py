"""Many runs together: 32 SAM runs of a digits MLP 64-64-32-10, batch 64, per run against the engine's own single
path, eagerly and compiled.

Expected: a step of so small a net is mostly calls into PyTorch, which an ensemble makes once for all of its runs: 2
times faster per run eagerly. What is left are matrix products and as much again of elementwise work, which a compiler
fuses: 3 to 4 times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F

from benchmarks.measure import device, divided, interleaved, report
from benchmarks.step import advance
from engine.models import Block, Model
from engine.problems import Classification
from engine.rules import SAM
from engine.training.compiled import compiler
from engine.training.loop import train
from engine.training.runs import RunSpec

RUNS, STEPS, REPEATS = 32, 20, 15


@dataclass(frozen=True)
class Tapered(Model):
    """The MLP 64-64-32-10 with ReLU."""

    init: str = "he"

    def layout(self, inputs):
        shapes = ((64, 64), (32, 64), (10, 32))
        blocks = (
            (Block(f"layer{i}.weight", s, "weight"), Block(f"layer{i}.bias", s[:1], "bias"))
            for i, s in enumerate(shapes)
        )
        return tuple(block for pair in blocks for block in pair)

    def widest(self, inputs):
        return 64

    def logits(self, blocks, x, normalize):
        h = torch.relu(F.linear(x.flatten(1), blocks[0], blocks[1]))
        return F.linear(torch.relu(F.linear(h, blocks[2], blocks[3])), blocks[4], blocks[5])


def main() -> None:
    """An ensemble's step per run, eagerly and compiled, against a single run's."""
    on, many = device(__doc__), 10**6
    spec = RunSpec(
        Classification(model=Tapered()), SAM(0.05), lr=0.1, batch=64, steps=many, every=many, curvature=False
    )
    specs = [replace(spec, seed=seed) for seed in range(RUNS)]

    def run(specs, compiled=False):
        return (tick.state.theta for tick in train(specs, on, compile=compiled) if tick.frame is None)

    ways = {"eager": run(specs)} | ({"compiled": run(specs, True)} if compiler(on) else {})
    if "compiled" not in ways:
        print("# no compiler here: ensemble.compiled is not measured")
    single = run([spec])
    first = advance(single, 20)
    for name, way in ways.items():
        apart = float((advance(way, 20)[0] - first).norm() / first.norm())
        if apart > 1e-4:
            raise SystemExit(f"ensemble.{name}: after 20 steps the first run is {apart:.1e} from the single path's")
    alone, *together = interleaved(
        REPEATS, partial(advance, single, STEPS * 4), *(partial(advance, way, STEPS) for way in ways.values())
    )
    for name, times in zip(ways, together, strict=True):
        per = [1e3 * sorted(alone)[REPEATS // 2] / STEPS / 4, 1e3 * sorted(times)[REPEATS // 2] / STEPS / RUNS]
        report(
            f"ensemble.{name}",
            [a * RUNS / 4 for a in divided(alone, times)],
            f"{per[1]:.3f} ms a run's step together, {per[0]:.3f} ms alone",
        )


if __name__ == "__main__":
    main()
