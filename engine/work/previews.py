"""Previews: a small picture of each preset's run, kept beside the app; `python -m engine.work.previews` draws them
anew."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from engine.figures import charts, escape, maps
from engine.figures.drawing import Chart, Map
from engine.figures.render.miniature import miniature
from engine.machine import settle
from engine.records import RecordError, Surface
from engine.spec import describe, digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import patiently, perform
from engine.work.presets import PRESETS, SHIPPED, picture
from engine.work.store import Store

ROOT = Path(__file__).resolve().parents[2] / "assets" / "presets"
PAGES = ("light", "dark")


def preview(name: str, dark: bool) -> bytes:
    """The SVG of the preset of this name for a light or a dark page; b"" where there is none."""
    path = _file(name, dark)
    return path.read_bytes() if path.exists() else b""


def _file(name: str, dark: bool) -> Path:
    return ROOT / f"{escape.file(name)}-{PAGES[dark]}.svg"


def drawing(spec: RunSpec, store: Store) -> Chart | Map:
    """Of a toy the path on its ground, of all else the sharpness; what the store has not is made in it."""
    run, described = digest(spec), describe(spec)
    if not store.complete(run):
        _make(store, Work(spec))
    if spec.problem.examples():
        return charts.LIVE["sharpness"](charts.columns(store.run(run)), described)
    ground = Work(picture(spec), run)
    _make(store, ground)
    surface = store.get(ground.address)
    if not isinstance(surface, Surface):
        raise RecordError(f"{ground.address}: holds no surface")
    return maps.draw(surface, described, "log loss" if surface.loss.min() > 0 else "loss")


def _make(store: Store, work: Work) -> None:
    for _ in patiently(perform(store, work)):
        pass


def draw(name: str) -> None:
    """Draws a preset's pictures."""
    spec = PRESETS[name].spec
    with tempfile.TemporaryDirectory() as folder:
        shipped = Store(SHIPPED)
        made = drawing(spec, shipped if shipped.has(digest(spec)) else Store(Path(folder)))
    ROOT.mkdir(exist_ok=True)
    for dark, _ in enumerate(PAGES):
        _file(name, bool(dark)).write_text(miniature(made, bool(dark)), encoding="utf-8")


if __name__ == "__main__":
    settle()
    for name in tqdm(sys.argv[1:] or PRESETS):
        draw(name)
