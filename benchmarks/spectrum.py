"""Top-5 Hessian eigenvalues of the digits MLP against PyHessian at its defaults: `spectrum.mlp.speedup`, at least 2.5.

`spectrum.mlp.error`, at most 1e-5, is the largest relative error of the five against the dense Hessian of the module
in float64.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from pyhessian import hessian as pyhessian
from scipy.sparse.linalg import eigsh
from torch import Tensor, nn

from benchmarks.measure import device, divided, interleaved, report
from benchmarks.modules import module
from benchmarks.trained import trained
from engine.analyses.spectrum import SpectrumSpec
from engine.machine import CORES
from engine.models import MLP
from engine.problems import Classification
from engine.records import Run, Spectrum, finished
from engine.training.runs import RunSpec

PROBLEM = Classification(model=MLP(width=64, depth=2))
SPEC = RunSpec(PROBLEM, steps=300, every=300, curvature=False)
TOP, REPEATS, ROWS = 5, 21, 128


def main() -> None:
    """The top eigenvalues' time against PyHessian's, and their error against the dense Hessian's."""
    on = device(__doc__)
    run = trained(SPEC, on)
    net = module(PROBLEM, torch.as_tensor(run.path[-1], device=on))
    x, y = PROBLEM.load("train", on)
    exact = dense_top(net.double(), x.double(), y)
    net.float()
    torch.manual_seed(0)  # of PyHessian's starts, which decide how many products it takes
    found: dict[str, np.ndarray] = {}
    us, them = interleaved(
        REPEATS, lambda: found.update(ours=ours(run, on)), lambda: found.update(theirs=theirs(net, x, y, on))
    )
    report(
        "spectrum.mlp.speedup",
        divided(them, us),
        f"ours {1e3 * sorted(us)[REPEATS // 2]:.0f} ms, PyHessian {1e3 * sorted(them)[REPEATS // 2]:.0f} ms",
    )
    print(f"ratio spectrum.mlp.error {error(found['ours'], exact):.3g}")
    print(
        f"#   PyHessian's error {error(found['theirs'], exact):.3g}; float64 dense: "
        f"{', '.join(f'{value:.6f}' for value in exact)}"
    )


def ours(run: Run, on: str) -> np.ndarray:
    """The engine's top eigenvalues [5], descending: the app's analysis without its other parts."""
    spec = SpectrumSpec(top=TOP, bottom=0, probes=0, exact=False)
    return cast(Spectrum, finished(spec.compute([run], on, None))).top


def theirs(net: nn.Module, x: Tensor, y: Tensor, on: str) -> np.ndarray:
    """PyHessian's [5], descending."""
    values, _ = pyhessian(net, F.cross_entropy, data=(x, y), cuda=on == "cuda").eigenvalues(top_n=TOP)
    return np.sort(values)[::-1]


def error(values: np.ndarray, exact: np.ndarray) -> float:
    """The largest relative error of eigenvalues [5]."""
    return float(np.abs(values / exact - 1).max())


def dense_top(net: nn.Module, x: Tensor, y: Tensor) -> np.ndarray:
    """The top eigenvalues [5] of the module's whole Hessian in float64, which is filled some rows at a time."""
    n = sum(p.numel() for p in net.parameters())
    shapes = [p.shape for p in net.parameters()]
    theta = torch.cat([p.detach().flatten() for p in net.parameters()])

    def loss(flat: Tensor) -> Tensor:
        w1, b1, w2, b2, w3, b3 = (
            p.view(shape) for p, shape in zip(flat.split([shape.numel() for shape in shapes]), shapes, strict=True)
        )
        return F.cross_entropy((((x.flatten(1) @ w1.T + b1).relu() @ w2.T + b2).relu()) @ w3.T + b3, y)

    def rows(first: int) -> Tensor:
        point = theta.clone().requires_grad_()
        gradient = torch.autograd.grad(loss(point), point, create_graph=True)[0]
        return torch.stack(
            [torch.autograd.grad(gradient[i], point, retain_graph=True)[0] for i in range(first, min(first + ROWS, n))]
        )

    with ThreadPoolExecutor(CORES) as pool:
        matrix = torch.cat(list(pool.map(rows, range(0, n, ROWS)))).cpu().numpy()
    return eigsh(matrix, k=TOP, which="LA")[0][::-1]


if __name__ == "__main__":
    main()
