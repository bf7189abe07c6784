"""Toy landscapes against their formulas."""

import math

import pytest
import torch

from engine.problems import PROBLEMS, Toy, evaluate
from tests import oracles

FORMULAS = {
    "Quadratic": lambda x, y: 5 * x**2 + y**2 / 2,
    "Product": lambda x, y: math.sqrt(1 + x**2 * y**2) - 1,
    "Saddle": lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
    "Beale": lambda x, y: sum((c - x * (1 - y**i)) ** 2 for i, c in ((1, 1.5), (2, 2.25), (3, 2.625))),
}


@pytest.mark.parametrize("name", [name for name, cls in PROBLEMS.items() if issubclass(cls, Toy)])
def test_toy(name):
    toy = PROBLEMS[name]()
    for x, y in [(0.3, -0.7), (2.0, 0.5), (-1.0, 3.0)]:
        point = torch.tensor([x, y], dtype=torch.float64)
        assert float(toy.loss(point, None, None)) == pytest.approx(FORMULAS[name](x, y), rel=1e-12)
        assert torch.isnan(evaluate(toy, point, toy.load("train"))[1])
    assert toy.start(0).tolist() == list(toy.begin) and toy.examples() == 0 and len(toy.load("test")) == 0


def test_beale_saddle():
    hessian = oracles.hessian(lambda t: PROBLEMS["Beale"]().value(t), torch.tensor([0.0, 1.0]))
    assert torch.linalg.eigvalsh(hessian).tolist() == pytest.approx([-27.75, 27.75], abs=1e-9)
