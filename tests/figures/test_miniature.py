"""Small pictures of cards: each brings along the letters of its words, for a picture has none of the page's."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont

from engine.figures.drawing import Chart, Map
from engine.figures.render.miniature import FACE, miniature
from tests.drawn import DRAWINGS


@pytest.mark.parametrize("name", [name for name in DRAWINGS if name.endswith("/full")])
def test_its_letters_are_the_pages(name):
    """Finds a letter that is drawn in another face, of those that the page's face has."""
    drawing = DRAWINGS[name]()
    if not isinstance(drawing, Chart | Map):
        return
    picture = miniature(drawing)
    words = "".join(
        text.text or "" for text in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    )
    brought = re.search(r"src: url\(data:font/ttf;base64,([^)]+)\)", picture)
    letters = TTFont(io.BytesIO(base64.b64decode(brought[1]))).getBestCmap() if brought else {}
    assert {ord(letter) for letter in words} & TTFont(FACE).getBestCmap().keys() <= letters.keys()
    assert bool(words) == bool(brought) and len(picture) < 60_000
