"""Children: processes of this program that others start and watch."""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """This process's environment, in which a child finds the program's modules wherever it is started."""
    path = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path}
