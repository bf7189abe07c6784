"""Types: pyright finds nothing in the whole tree. A test, and not a step before the tests, so that it runs beside
them."""

import subprocess
from pathlib import Path

import pyright
import pytest
from playwright._impl._driver import compute_driver_executable

JAVASCRIPT = Path(pyright.__file__).parent / "dist" / "index.js"
"""What the package brings; its own command would look for a node of its own, which takes 200 MB."""


@pytest.mark.timeout(600)
def test_types():
    root, (node, _) = Path(__file__).resolve().parents[1], compute_driver_executable()
    done = subprocess.run([node, str(JAVASCRIPT)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
