"""The tiny network against NumPy: its loss, what its ratio of rates does, and examples that nobody holds out."""

from dataclasses import replace

import numpy as np
import torch

from engine.problems import TanhNet
from engine.rules import SGD
from engine.training.runs import RunSpec
from tests.drive import final


def test_a_ratio_is_another_rate_for_the_second_layer():
    """The inverse, the square, or a start that the ratio changes: three steps of gradient descent on W and v, of which
    v has five times the rate, by NumPy from the start without a ratio."""
    net, rate = TanhNet(3, 6, ratio=5.0, draw=2), 0.1
    x, y = (part.numpy() for part in net.load("train"))
    start = replace(net, ratio=1.0).start(4).numpy()
    w, v = start[:9].reshape(3, 3), start[9:]
    for _ in range(3):
        hidden = np.tanh(x @ w.T)
        pull = 2 * (hidden @ v - y) / 6
        dw, dv = ((pull[:, None] * v) * (1 - hidden**2)).T @ x, hidden.T @ pull
        w, v = w - rate * dw, v - 5 * rate * dv
    end = final(RunSpec(net, SGD(), lr=rate, batch=0, steps=3, every=3, seed=4, curvature=False)).theta
    np.testing.assert_allclose(end.numpy(), np.concatenate([w.ravel(), v / 5**0.5]), rtol=1e-12)
    loss = np.mean((np.tanh(x @ w.T) @ v - y) ** 2)
    np.testing.assert_allclose(float(net.loss(end, torch.tensor(x), torch.tensor(y))), loss, rtol=1e-12)
    assert len(net.load("test")) == 0 and net.dtype == torch.float64 == end.dtype
    assert not torch.equal(net.load("train").x, replace(net, draw=3).load("train").x)
