"""Benchmarks that another machine must be able to start: on a bare one with a GPU there is torch and little else."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ABSENT = ("streamlit", "plotly", "altair", "matplotlib", "pandas", "tqdm", "loss_landscapes", "pyhessian", "pytest")
BARE = """
import runpy, sys
sys.modules.update(dict.fromkeys(sys.argv.pop().split(",")))
runpy.run_module("benchmarks.device", run_name="__main__")
"""


def test_the_device_benchmark_starts_on_a_bare_machine_and_says_that_there_is_no_gpu():
    """Wrong if anything that it imports needs more than torch, numpy and scipy."""
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", BARE, ",".join(ABSENT)]
    done = subprocess.run(command, cwd=ROOT, env=hidden, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["device: torch sees no CUDA device here, so nothing was measured"]
