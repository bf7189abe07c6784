"""Types: pyright finds nothing in the whole tree. A test, and not a step before the tests, so that it runs beside
them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# the JavaScript and the node of the test requirements, and no question to a server for news
ALONE = {"PYRIGHT_PYTHON_GLOBAL_NODE": "off", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}


@pytest.mark.timeout(600)
def test_types():
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "pyright"], cwd=root, env=os.environ | ALONE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
