"""The gallery: twelve figures of what ships, as PDF and PNG, and a sheet of all: `python -m engine.work.gallery`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from engine.figures import charts, comparison, contrasts, designs, joint, maps, slices, sweeps, words
from engine.figures.quantities import QUANTITIES
from engine.spec import describe, digest
from engine.sweeps.summary import contrasts as differences
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.presets import DESIGN, FOUR, MOONS, SHIPPED, SWEEP, picture
from engine.work.presets import joint as together
from engine.work.store import Store

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "gallery"
WIDTH = 5.5
"""Inches."""


def drawings(store: Store) -> Mapping[str, Callable[[], Any]]:
    """The figures by their files' names, each made of records of a store that has what ships."""
    spec = RunSpec()
    described, run = describe(spec), charts.columns(store.run(digest(spec)))
    surface: Any = store.get(Work(picture(spec), digest(spec)).address)
    four: Any = store.get(Work(together()).address)
    digits: Any
    moons: Any
    points: Any
    digits, moons, points = (store.get(Work(one).address) for one in (SWEEP, MOONS, DESIGN))
    sweep, design = describe(SWEEP), describe(DESIGN)
    against = partial(differences, digits, "test_loss", 0)
    return {
        "landscape-of-four-rules": partial(joint.draw, four, "log loss"),
        "landscape-of-sam": partial(maps.draw, surface, described, "log loss"),
        "four-rules": partial(_four, store, "train_loss"),
        "sharpness-of-four-rules": partial(_four, store, "sharpness"),
        "losses": partial(charts.losses, run, described),
        "sharpness": partial(charts.sharpness, run, described),
        "faithful": partial(maps.faithful, surface, described),
        "map-of-digits": partial(sweeps.maps, digits, sweep),
        "map-of-sharpness": partial(sweeps.maps, digits, sweep, QUANTITIES["sharpness"]),
        "against-sgd": lambda: contrasts.against(digits, sweep, "held-out loss", against(), 0),
        "tuned-on-moons": partial(slices.tuned, moons, describe(MOONS)),
        "design-in-parallel": partial(designs.parallel, points, design, rule=1),
    }


def _four(store: Store, measure: str) -> Any:
    """One measure of the four runs of one start."""
    alike, own = words.contrast(FOUR)
    runs = [
        (label, describe(spec), charts.columns(store.run(digest(spec)))) for label, spec in zip(own, FOUR, strict=True)
    ]
    return comparison.compare(runs, measure, "step", alike)


def make(folder: Path = FOLDER) -> None:
    """Writes the figures, their sheet and their captions."""
    from engine.figures.render import composed, paper, parcel  # what computes starts without Matplotlib

    made = {name: draw() for name, draw in drawings(Store(SHIPPED)).items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawing in made.items():
        (folder / f"{name}.pdf").write_bytes(paper.export(drawing, "pdf", WIDTH))
        (folder / f"{name}.png").write_bytes(paper.export(drawing, "png", WIDTH, times=1))
    sheet = composed.Sheet(columns=3, width=14, height=13, common=False)
    (folder / "sheet.png").write_bytes(composed.export([*made.values()], sheet, "png", times=1))
    captions = "\n\n".join(f"{name}\n{parcel.caption(one)}" for name, one in made.items())
    (folder / "captions.txt").write_text(f"{captions}\n", encoding="utf-8")


if __name__ == "__main__":
    make()
