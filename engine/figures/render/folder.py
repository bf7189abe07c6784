"""Folders to take away: files in one ZIP, the same bytes for the same files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in a ZIP, which must have one: the earliest there is, so that the same figures give the same bytes."""


def pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A ZIP of files, each a name and its content; the same files give the same bytes."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as folder:
        for name, content in files:
            folder.writestr(ZipInfo(name, DATE), content, ZIP_DEFLATED)
    return buffer.getvalue()
