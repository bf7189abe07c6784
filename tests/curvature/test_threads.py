"""Threads that share a Hessian's summands."""

import os
import subprocess
import sys

from engine.work import nursery

SCRIPT = """
import torch
from engine.curvature import Hessian
theta, weight = torch.linspace(-1, 1.3, 10, dtype=torch.float64), torch.arange(10.0, dtype=torch.float64)
losses = 2 * [
    lambda t: (t[2:5] ** 4).sum() * t[3],
    lambda t: t @ weight,
    lambda t: torch.tanh(t[:9].view(3, 3) @ torch.tanh(t[:9].view(3, 3))).square().sum() + t[9] * t[0],
]
for _ in range(1000):
    Hessian(losses, theta)(theta)
print("done", flush=True)
"""


def test_threads_do_not_wait_for_each_other_for_ever(tmp_path):
    """Finds a leaf that they share: torch locks it while it asks for Python's lock, and the other way round. In a
    process of its own, for nothing else of Python's then goes on, a test's limit of time neither."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    with nursery.start([sys.executable, str(path)], os.environ) as fork:
        try:
            fork.wait(60)
        except subprocess.TimeoutExpired:
            fork.kill()
        assert fork.stdout and fork.stdout.read() == "done\n"
