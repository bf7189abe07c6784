"""Text: the next character of a prose that ships with the project."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.data.dataset import Dataset, Inputs
from engine.spec import knob

TEXT = Path(__file__).resolve().parents[2] / "assets" / "text" / "walking.txt"
HELD_OUT = 0.2
"""Share of the text, at its end, that is held out."""


@dataclass(frozen=True)
class Characters(Dataset):
    """The next character, at every place of a passage, in a short text on walking in the hills and on loss
    landscapes that ships with the project.

    x is [N, T], the characters' numbers in the order of their code points, and y [N, T] the next ones. Training
    passages begin at evenly spaced places of the first four fifths of the text, and overlap where there are many;
    held-out ones lie end to end in the last fifth.
    """

    train: int = knob(
        400,
        10,
        5000,
        "Training passages",
        "Taken at evenly spaced places of the first four fifths of the text.",
        log=True,
    )
    length: int = knob(32, 4, 64, "Length", "T, characters in a passage.")

    @property
    def inputs(self):
        return Inputs("tokens", (self.length,), len(alphabet()))

    def split(self):
        tokens, t = np.searchsorted(list(alphabet()), list(prose())), self.length
        cut = round((1 - HELD_OUT) * len(tokens))
        x, y = _passages(tokens[:cut], np.linspace(0, cut - t - 1, self.train).astype(int), t)
        return x, y, *_passages(tokens[cut:], np.arange(0, len(tokens) - cut - t, t), t)


def _passages(tokens: np.ndarray, begin: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Passages that begin there, and the same a place further on."""
    places = begin[:, None] + np.arange(length)
    return tokens[places].astype(float), tokens[places + 1]


@lru_cache
def prose() -> str:
    """The text, a paragraph in a line, without the first one, which says whose it is."""
    return "\n".join(" ".join(paragraph.split()) for paragraph in TEXT.read_text(encoding="ascii").split("\n\n")[1:])


@lru_cache
def alphabet() -> tuple[str, ...]:
    """The characters of the text, in order."""
    return tuple(sorted(set(prose())))


TEXTS = (Characters,)
