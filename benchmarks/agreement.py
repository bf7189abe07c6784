"""Whether another device comes to the CPU's figures: of runs, rules, surfaces and spectra, each a row of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from engine.analyses.planes import Eigenvectors, PathPCA, Random
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.data import Digits
from engine.models import CNN, MLP, Model
from engine.problems import Classification
from engine.records import Run, finished
from engine.rules import RULES, SAM, Rule
from engine.spec import SpecError, encode
from engine.training.loop import train
from engine.training.runs import MEASURES, RunSpec

Row = tuple[str, ...]


class Sizes(NamedTuple):
    """How much is measured."""

    steps: int
    repeats: int
    runs: int
    resolution: int
    train: int  # steps of the runs to compare
    images: int


@dataclass(frozen=True)
class Double(Classification):
    """The same problem in double precision, from the same start: what is left of a difference is no rounding."""

    dtype: ClassVar = torch.float64

    def start(self, seed):
        return super().start(seed).to(self.dtype)


def path(on: str, sizes: Sizes) -> Iterator[Row]:
    """The same run's loss and largest eigenvalue at each measurement."""
    for kind, bound in ((Double, 1e-5), (Classification, 2e-2)):
        for name, model in (("MLP", MLP()), ("CNN", CNN(width=4))):
            problem, every = kind(Digits(sizes.images), model), max(1, sizes.train // 6)
            spec = RunSpec(problem, SAM(0.05), batch=min(64, sizes.images), steps=sizes.train, every=every)
            ours, cpu = (trained_on(spec, device) for device in (on, "cpu"))
            for measure in ("train_loss", "sharpness"):
                what = f"{measure} along {sizes.train} steps of SAM, {name}, {kind.dtype}"
                yield agreement(what, ours.measures[measure], cpu.measures[measure], bound)


def rules(on: str, sizes: Sizes) -> Iterator[Row]:
    """Where every rule is after some steps, alone and as the first of an ensemble."""
    for count, kind in ((1, "alone"), (2, "in an ensemble")):
        found = {}
        for cls in RULES.values():
            if spec := suited(cls(), sizes.images):
                specs = [replace(spec, seed=seed) for seed in range(count)]
                ours, cpu = (last(train(specs, device)).frame.theta[0].cpu().numpy() for device in (on, "cpu"))
                found[cls.__name__] = apart(ours, cpu)
        worst = max(found, key=lambda name: found[name] if np.isfinite(found[name]) else np.inf)
        what = f"theta after 12 steps of {len(found)} rules {kind}, {Double.dtype}; worst: {worst}"
        yield verdict(what, found[worst], 1e-8)


def suited(rule: Rule, images: int) -> RunSpec | None:
    """A short run of a rule in double precision; None where it does not fit the problem."""
    try:
        problem = Double(Digits(images), MLP(width=8))
        return RunSpec(problem, rule, batch=min(256, images), steps=12, every=12, curvature=False)
    except SpecError:
        return None


def surfaces(on: str, sizes: Sizes) -> Iterator[Row]:
    """The same planes' losses."""
    run = trained(CNN(width=4, norm="batch"), sizes.train, sizes.images)
    for plane in (Random(), PathPCA(), Eigenvectors()):
        for split in ("train", "test"):
            work = SurfaceSpec(plane, resolution=min(11, sizes.resolution), split=split)
            ours, cpu = (made(work, run, device) for device in (on, "cpu"))
            # an eigenvector is known as well as its residual in single precision allows
            bound = 1e-2 if isinstance(plane, Eigenvectors) else 1e-4
            what = f"losses of a surface, {type(plane).__name__}, {split}, CNN with BatchNorm"
            yield agreement(what, ours.loss, cpu.loss, bound)


def spectra(on: str, sizes: Sizes) -> Iterator[Row]:
    """The same spectrum's parts."""
    run = trained(MLP(width=8), sizes.train, sizes.images)
    ours, cpu = (made(SpectrumSpec(depth=20), run, device) for device in (on, "cpu"))
    for name in ("top", "exact", "trace"):
        yield agreement(f"{name} of a spectrum, MLP", getattr(ours, name), getattr(cpu, name), 1e-3)


def made(work: Any, run: Run, device: str) -> Any:
    """The record of an analysis of a run."""
    return finished(work.compute([run], device, None))


def trained(model: Model, steps: int, images: int) -> Run:
    """A run on the CPU for both devices to analyse."""
    problem = Classification(Digits(images), model)
    spec = RunSpec(problem, batch=min(64, images), steps=steps, every=max(1, steps // 5), curvature=False)
    return trained_on(spec, "cpu")


def trained_on(spec: RunSpec, device: str) -> Run:
    """The record of a run."""
    frames = [tick.frame for tick in train([spec], device) if tick.frame]
    return Run(
        spec=encode(spec),
        steps=np.array([frame.step for frame in frames]),
        seconds=np.zeros(len(frames)),
        measures={name: np.concatenate([frame.measures[name] for frame in frames]) for name in MEASURES},
        path=np.concatenate([frame.theta.cpu().numpy() for frame in frames]),
    )


def agreement(what: str, ours: np.ndarray | float, cpu: np.ndarray | float, bound: float) -> Row:
    """Whether figures of both devices are the same, by `apart`."""
    return verdict(what, apart(np.asarray(ours), np.asarray(cpu)), bound)


def verdict(what: str, difference: float, bound: float) -> Row:
    """A row that says whether a difference keeps its bound; NaN does not."""
    return what, f"{difference:.2g}", f"{bound:g}", "yes" if difference <= bound else "no"


def apart(ours: np.ndarray, cpu: np.ndarray) -> float:
    """The largest difference, relative to the largest number in size; NaN where one is not finite."""
    return float(np.abs(ours - cpu).max() / np.abs(cpu).max())


def last(items: Iterable[Any]) -> Any:
    """The last item of a generator that has run to its end."""
    *_, end = items
    return end
