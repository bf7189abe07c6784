"""Uploads without a process of their own, for tests of what is read: hundreds of them would take minutes to start."""

from pathlib import Path

from engine.files.kept import keep
from engine.files.reading import kind_of, read_table


def within(content: bytes, name: str, folder: Path) -> tuple[str, str]:
    """What `engine.files.upload.upload` does, in this process; tests/files/test_upload.py tests that they agree."""
    table = read_table(content, kind_of(name))
    return keep(folder, table.x, table.y), str(table)
