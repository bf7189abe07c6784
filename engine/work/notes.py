"""Notes: what people write about a run, and the tags they find it by, in a small file beside its record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engine.records import RecordError, write
from engine.spec import SpecError
from engine.work.store import Store

SUFFIX = ".note.json"
LETTERS, TAGS, LENGTH = 500, 8, 24
"""The longest note, the most tags, and the longest of these."""
MOST = 20_000
"""Bytes of a file that are read."""


@dataclass(frozen=True)
class Note:
    """A note and tags; SpecError, in one line, where they are too many or too long."""

    text: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.text) > LETTERS:
            raise SpecError(f"note: expected at most {LETTERS} characters, got {len(self.text):,}")
        if len(self.tags) > TAGS or any(not 0 < len(tag) <= LENGTH for tag in self.tags):
            raise SpecError(f"tags: expected at most {TAGS} of at most {LENGTH} characters each")

    @property
    def words(self) -> str:
        """All of it in one line, for a search."""
        return " ".join([*self.tags, self.text])


def typed(text: str, tags: str) -> Note:
    """A note of what was typed; tags are parted by commas, each counts once."""
    names = [" ".join(tag.split()) for tag in tags.split(",")]
    return Note(text.strip(), tuple(dict.fromkeys(filter(None, names))))


def stamp(store: Store, run: str) -> int:
    """Changes whenever the note of a run is written anew; 0 where there is none."""
    try:
        return _file(store, run).stat().st_mtime_ns
    except (OSError, SpecError):
        return 0


def read(store: Store, run: str) -> Note:
    """The note of a run; an empty one where there is none that can be read."""
    try:
        with _file(store, run).open("rb") as file:
            kept = json.loads(file.read(MOST))
        text, tags = kept["text"], kept["tags"]
        if not isinstance(text, str) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            return Note()
        return Note(text, tuple(tags))
    except (OSError, ValueError, LookupError, TypeError, RecursionError, SpecError):
        return Note()


def keep(store: Store, run: str, note: Note) -> None:
    """Keeps the note of a run that is kept itself; removes it where it is empty. SpecError where it cannot."""
    file = _file(store, run)
    try:
        if not store.has(run):
            raise SpecError(f"run: {run} is not kept here")
        if note == Note():
            file.unlink(missing_ok=True)
        else:
            text = json.dumps({"text": note.text, "tags": note.tags})
            write(file, lambda out: out.write(text.encode()))
    except (OSError, RecordError) as error:
        raise SpecError(f"store: cannot be written to ({getattr(error, 'strerror', None) or error})") from None


def _file(store: Store, run: str) -> Path:
    return store.file(run, SUFFIX)
