"""Presets: runs worth starting from, each with what it shows; `python -m engine.work.presets` trains the one that ships
in assets/default."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from engine.analyses.alignment import AlignmentSpec
from engine.analyses.joint import JointSpec
from engine.analyses.planes import default_plane
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.data import Digits, Moons, Spirals
from engine.models import CNN, MLP
from engine.problems import Beale, Classification, Product, Quadratic, Saddle, TanhNet
from engine.rules import SAM, SGD, SSAM, USAM, Rule
from engine.spec import digest
from engine.sweeps.design import DesignSpec
from engine.sweeps.spec import Axis, SweepSpec
from engine.training.runs import RunSpec, Switch
from engine.training.updates import AdamW, Momentum
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.store import Store

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "default"
"""A folder laid out like a store: the finished default run with its surface, its spectrum and its alignment, the runs
of FOUR with their landscape, and the landscape of TRIO, which the start page opens on."""


class Preset(NamedTuple):
    """A run, and one sentence on what to look for in it."""

    spec: RunSpec
    sentence: str


PRESETS = {
    "Digits, SAM": Preset(
        RunSpec(),
        "The sharpness falls under SAM's edge and stays there; at the end it is less than half of plain SGD's.",
    ),
    "Digits, SGD": Preset(
        RunSpec(rule=SGD()), "The same start and the same batches without the perturbation: a sharper end."
    ),
    "Full batch at the edge of stability": Preset(
        RunSpec(
            Classification(Digits(500), MLP(64, 3, "relu", "xavier"), "squared error"),
            SAM(0.1),
            lr=0.3,
            batch=0,
            steps=1500,
        ),
        "The largest eigenvalue falls to the SAM-edge at once and goes down along it, far below 2/η (Long & Bartlett "
        "2024).",
    ),
    "Full batch: SGD, then SAM": Preset(
        RunSpec(
            Classification(Digits(500), MLP(64, 3, "relu", "xavier"), "squared error"),
            SGD(),
            lr=0.3,
            batch=0,
            steps=1500,
            then=(Switch(SAM(0.1), 750),),
        ),
        "Plain descent stays at λ₁ = 4; SAM halves it within 25 steps of taking over, and goes down the SAM-edge.",
    ),
    "CNN on digits": Preset(
        RunSpec(Classification(model=CNN()), steps=400), "A small convolutional network on the same images."
    ),
    "Spirals, tanh": Preset(
        RunSpec(
            Classification(Spirals(), MLP(32, 2, "tanh", "xavier")),
            update=Momentum(0.9),
            batch=50,
            steps=2000,
            every=40,
        ),
        "Two intertwined spirals: the loss falters for some hundred steps, then it falls, and the sharpness with it.",
    ),
    "Quadratic: SAM's 2-cycle": Preset(
        RunSpec(Quadratic(), lr=0.15, steps=100, every=1),
        "SAM does not settle: it hops across the minimum along the sharp axis, at radius ηρλ/(2 − ηλ).",
    ),
    "Valley l(xy): SAM drifts": Preset(
        RunSpec(Product(), SAM(0.1), lr=0.05, steps=4000, every=40),
        "Plain descent stops at y² = 2/η; SAM drifts on along the valley to where it is flat.",
    ),
    "Saddle: SAM is held back": Preset(
        RunSpec(Saddle(), SAM(0.1), lr=0.05, steps=400, every=4),
        "Within ρ of the ridge the perturbation crosses it: SAM ends at the saddle, which plain descent leaves.",
    ),
    "Beale": Preset(
        RunSpec(Beale(), SAM(0.1), lr=0.005, steps=2000, every=20),
        "Plateaus and steep walls; the minimum is at (3, ½).",
    ),
}


def picture(spec: RunSpec, resolution: int = 51) -> SurfaceSpec:
    """The surface that shows most of a run: on the plane of its path, or of a toy's coordinates."""
    return SurfaceSpec(plane=default_plane(spec.problem), resolution=resolution)


FOUR = (RunSpec(rule=SGD()), RunSpec(), RunSpec(rule=SSAM()), RunSpec(rule=SGD(), update=AdamW(), lr=0.001))
"""SGD, SAM, SSAM and AdamW from one start, on the same batches."""
TRIO = FOUR[:3]
"""SGD beside SAM beside SSAM: what a newcomer sees first."""


def joint(specs: Sequence[RunSpec] = FOUR, resolution: int = 51) -> JointSpec:
    """One landscape under runs."""
    return JointSpec(",".join(map(digest, specs)), resolution=resolution)


SWEEP = SweepSpec(rules=(SGD(), USAM(), SAM(), SSAM()), seeds=6)
"""Which learning rates and radii train a small network, under four rules: with six seeds, the fewest of which a
sign-flip test can say anything."""
MOONS = replace(SWEEP, run=RunSpec(Classification(Moons(), MLP()), steps=200))
"""The same on another problem."""


DESIGN = DesignSpec(rules=(SGD(), SAM(), SSAM()), points=128)
"""Three knobs at once: learning rate, radius and momentum."""


class MapPreset(NamedTuple):
    """A sweep, the quantity to show of it, and one sentence on what to look for."""

    spec: SweepSpec
    quantity: str
    sentence: str


def _boundary(rule: Rule, ratio: float, x: Axis, y: Axis) -> SweepSpec:
    """A map of 64 x 64 full-batch runs of one start of a tiny network, in float64."""
    run = RunSpec(TanhNet(ratio=ratio), batch=0, steps=300, seed=8, every=8, curvature=False)
    return SweepSpec(run, x, y, (rule,))


BOUNDARIES = {
    "Boundary of trainability: gradient descent": MapPreset(
        _boundary(SGD(), 1.0, Axis("lr", 2.2, 3.6, 64), Axis("problem.ratio", 0.12, 0.24, 64)),
        "rank",
        "The edge between learning rates that train and those that diverge is a fractal (Sohl-Dickstein 2024): drag a "
        "box across it and there is as much of it within.",
    ),
    "Boundary of trainability: SAM": MapPreset(
        _boundary(SAM(), 0.17, Axis("lr", 2.0, 4.0, 64), Axis("rule.rho", 0.01, 1.0, 64)),
        "rank",
        "The same network and start under SAM: at small ρ the fibres of gradient descent's edge stand upright; as ρ "
        "grows they bend and break.",
    ),
}
"""Maps of the edge between training and divergence, by title."""

MAPS = {
    "Four rules on digits": MapPreset(
        SWEEP,
        "test loss",
        "At which rates and radii each rule trains: SSAM's land reaches furthest.",
    ),
    "Four rules on moons": MapPreset(
        MOONS, "test loss", "The same settings on another problem: which of them serve both?"
    ),
    **BOUNDARIES,
}
"""Maps that ship finished, by title."""


def ship(root: Path = SHIPPED) -> None:
    """Makes all that ships anew, in a folder laid out like a store."""
    store, runs = Store(root), [Work(spec) for spec in FOUR]
    shown = Work(picture(RunSpec()), digest(RunSpec()))
    os.environ["RAVINE_STORE"] = str(root)  # where a sweep keeps its cells
    for work in (*runs, shown, Work(joint()), Work(joint(TRIO)), Work(SWEEP), Work(MOONS), Work(DESIGN)):
        with tqdm(total=1.0, desc=work.kind.name, bar_format="{desc} {percentage:3.0f}% {elapsed}") as bar:
            for progress in perform(store, work, fresh=True):
                bar.update(progress.done / max(progress.total, 1) - bar.n)
    ship_analyses(root)
    ship_boundaries(root)


def ship_analyses(root: Path = SHIPPED) -> None:
    """Makes what the pages show of the default run at their usual settings."""
    for spec in (SpectrumSpec(), AlignmentSpec()):
        for _ in patiently(perform(Store(root), Work(spec, digest(RunSpec())), fresh=True)):
            pass


def ship_boundaries(root: Path = SHIPPED) -> None:
    """Makes the maps of BOUNDARIES, without their cells, which would be ten times as large."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RAVINE_STORE"] = folder
        for preset in BOUNDARIES.values():
            work = Work(preset.spec)
            for _ in patiently(perform(Store(Path(folder)), work)):
                pass
            pack(Store(Path(folder)).file(work.address), Store(root).file(work.address))


def pack(source: Path, target: Path) -> None:
    """Writes a record's file anew, compressed: what it has no numbers of takes no room then."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    ship()
