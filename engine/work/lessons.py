"""Lessons: slides in order, of experiments, pictures and pages, each with what is to be said at it; a small file, or a
link that holds all of it."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from engine.experiments import EXPERIMENTS, Experiment, current
from engine.figures import together
from engine.figures.drawing import Drawing
from engine.spec import SpecError, changes, choice, knob, pick, several, word
from engine.spec import parse as parsed
from engine.work import gallery, presets
from engine.work.kinds import Work
from engine.work.store import Store

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "lessons"
"""The lessons that come with the app: NAME.json each."""
MOST, LARGEST = 100, 100_000
"""Slides of a lesson, and bytes of its file."""
LINKED = 8_000
"""Characters of a lesson in an address: longer ones are not taken everywhere."""
PACKED = "z."
"""What a lesson in an address begins with, and the name of a shipped one does not."""
PAGES = (
    *("", "train", "papers", "landscape", "spectrum", "alignment", "robustness", "encyclopedia", "runs", "figure"),
    "tour",
)
GROUND = "ground-of-three-rules"
PICTURES = ("", GROUND, "landscape-of-sam", "four-rules", "sharpness-of-four-rules", "losses", "sharpness", "faithful")
"""Names of figures in the gallery of what ships (engine/work/gallery.py), and GROUND, which the start page opens on."""


def _text(longest: int, label: str, help: str = "") -> Any:
    return word("", f"(?s).{{0,{longest}}}", longest, label, help)


@dataclass(frozen=True, kw_only=True)
class Slide:
    """One thing to show."""

    notes: str = _text(2000, "Notes", "What the speaker says, or does.")
    minutes: float = knob(1.0, 0.0, 60.0, "Minutes", "How long it is meant to be shown.")


@dataclass(frozen=True)
class Claim(Slide):
    """What an experiment claims, and why; where all are to predict first, what is asked."""

    experiment: Experiment = pick(EXPERIMENTS["Drift"](), lambda: EXPERIMENTS, "Experiment")


@dataclass(frozen=True)
class Figure(Slide):
    """One of an experiment's figures."""

    experiment: Experiment = pick(EXPERIMENTS["Drift"](), lambda: EXPERIMENTS, "Experiment")
    figure: int = knob(1, 1, 20, "Figure", "Counted from 1.")

    def __post_init__(self):
        if self.figure > (count := figures(type(self.experiment))):
            name = type(self.experiment).__name__
            raise SpecError(f"figure: expected a number from 1 to {count}, which {name} has, got {self.figure}")


@dataclass(frozen=True)
class Checks(Slide):
    """An experiment's table: claimed, predicted, accepted, measured."""

    experiment: Experiment = pick(EXPERIMENTS["Drift"](), lambda: EXPERIMENTS, "Experiment")


@dataclass(frozen=True)
class Text(Slide):
    """Words of one's own, beside a picture of what ships, with a way to a page of the app."""

    title: str = _text(120, "Title")
    text: str = _text(1500, "Text", "An empty line begins a new paragraph; one between dollars is a formula.")
    picture: str = choice("", PICTURES, "Picture", "A figure of the gallery.")
    page: str = choice("", PAGES, "Page", "Which page it leads to.")
    query: str = word("", r"[\w.,:;=&%+*~-]*", 2000, "Query", "The page's address after its question mark.")


SLIDES = {cls.__name__: cls for cls in (Claim, Figure, Checks, Text)}


@dataclass(frozen=True)
class Lesson:
    """Slides in order."""

    title: str = _text(120, "Title")
    about: str = _text(500, "About", "What it covers, in a sentence.")
    slides: tuple[Slide, ...] = several(lambda: SLIDES, MOST, "Slides")

    def __post_init__(self):
        if not self.slides:
            raise SpecError("slides: expected one at least")

    @property
    def minutes(self) -> float:
        """How long it takes as it is planned."""
        return sum(slide.minutes for slide in self.slides)


@cache
def figures(cls: type[Experiment]) -> int:
    """How many figures an experiment has."""
    return len(cls().pictures(current(cls(), None)))


def picture(name: str) -> Drawing:
    """The figure of a name in PICTURES, from the records that ship."""
    store = Store(presets.SHIPPED)
    if name != GROUND:
        return gallery.drawings(store)[name]()
    surface: Any = store.get(Work(presets.joint(presets.TRIO)).address)
    return together.ground(surface, provisional=False)


def of(experiment: Experiment) -> Lesson:
    """The presentation of one experiment: its claim, each of its figures, at last its checks."""
    shown = (Figure(experiment, nth) for nth in range(1, figures(type(experiment)) + 1))
    return Lesson(experiment.title, experiment.claim, (Claim(experiment), *shown, Checks(experiment)))


def parse(data: bytes) -> Lesson:
    """The lesson of a file, every field checked; SpecError, in one line, says what is wrong with it."""
    if len(data) > LARGEST:
        raise SpecError(f"lesson: expected at most {LARGEST // 1000} kB, got {len(data) // 1000}")
    try:
        return parsed({"Lesson": Lesson}, data.decode("utf-8"))
    except UnicodeDecodeError:
        raise SpecError("lesson: expected JSON in UTF-8") from None


def dumps(lesson: Lesson) -> str:
    """A lesson as its file: what `parse` reads, without what is as usual."""
    return json.dumps(changes(lesson), indent=2, ensure_ascii=False) + "\n"


def pack(lesson: Lesson) -> str:
    """A lesson for an address, all of it; above LINKED characters it is not fit for one."""
    text = json.dumps(changes(lesson), ensure_ascii=False, separators=(",", ":")).encode()
    return PACKED + base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")


@cache
def shipped() -> dict[str, Lesson]:
    """The lessons that ship by their names, the shortest first."""
    found = {path.stem: parse(path.read_bytes()) for path in SHIPPED.glob("*.json")}
    return dict(sorted(found.items(), key=lambda item: item[1].minutes))


@lru_cache(maxsize=32)
def find(address: str) -> Lesson:
    """The lesson that an address names or holds; SpecError, in one line, where it is none."""
    if not address.startswith(PACKED):
        known = shipped()
        if address not in known:
            raise SpecError(f"lesson: expected one of {', '.join(known)}, or a whole lesson, got {address[:40]!r}")
        return known[address]
    try:
        text = address.removeprefix(PACKED)
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return parse(zlib.decompressobj().decompress(data, LARGEST + 1))
    except (binascii.Error, ValueError, zlib.error) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError("lesson: the link is incomplete") from None
