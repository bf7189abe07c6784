"""The gallery: twelve figures, none empty, and the captions that are kept are those of what ships."""

from __future__ import annotations

from engine.figures.render import parcel
from engine.work import gallery
from engine.work.presets import SHIPPED
from engine.work.store import Store


def test_the_kept_figures_are_of_what_ships():
    """Finds a figure whose record, words or numbers have changed since the gallery was made."""
    made = {name: draw() for name, draw in gallery.drawings(Store(SHIPPED)).items()}
    assert len(made) == 12 and not [name for name, drawing in made.items() if drawing.empty]
    files = {path.stem for path in gallery.FOLDER.glob("*.pdf")}
    assert files == set(made)
    captions = (gallery.FOLDER / "captions.txt").read_text(encoding="utf-8")
    assert captions.split("\n\n") == [f"{n}\n{parcel.caption(d)}" + "\n" * (n == [*made][-1]) for n, d in made.items()]
