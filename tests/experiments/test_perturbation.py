"""What a masked perturbation is, by hand; and the layers' shares of the parameters, by counts of PyTorch's own
modules."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from torch import nn

from engine.experiments import theory
from engine.experiments.layers import NormalizationLayers, VisionTransformer
from engine.experiments.perturbation import anatomy, lam_max
from engine.rules import SAM, SGD, AllButNormalization, Everything, Mask, NormalizationOnly, RandomSubset, Rule
from engine.rules.masks import masked
from engine.spec import knob


@dataclass(frozen=True)
class WholeNorm(Rule):
    """SAM-ON misread: the gradient is divided by its norm over all parameters."""

    rho: float = knob(0.1, 0.0, 10.0, "Radius")
    mask: ClassVar[Mask] = NormalizationOnly()
    formula: ClassVar = ""
    paper: ClassVar = ""

    def begin(self, theta, layout, random):
        return self.mask.begin(theta, layout, random)

    def direction(self, step, memory):
        return step.gradient(step.w + self.rho / step.g.norm() * masked(step.g, memory)), memory


@pytest.mark.parametrize("experiment", [NormalizationLayers(), VisionTransformer()], ids=lambda e: type(e).__name__)
def test_anatomy_by_hand(experiment):
    """Lengths and shares of masks, against the gradient by autograd."""
    spec = experiment.ensembles()["SAM-ON"][0]
    theta, share = spec.problem.start(3), experiment.share
    moved = {
        mask: anatomy(replace(spec, rule=SAM(0.3, mask)), theta)
        for mask in (NormalizationOnly(), AllButNormalization(), RandomSubset(), Everything())
    }
    assert moved[NormalizationOnly()] == pytest.approx({"length": 1, "moved": share}, rel=1e-4)
    assert moved[AllButNormalization()] == pytest.approx({"length": 0, "moved": 1 - share}, rel=0.05)
    assert moved[RandomSubset()]["moved"] == pytest.approx(share, rel=0.05) and moved[RandomSubset()]["length"] < 0.9
    weights = theta.clone().requires_grad_()
    spec.problem.loss(weights, *spec.problem.load("train")).backward()
    norms = torch.cat([torch.full((block.size,), "Norm" in block.module) for block in spec.problem.layout])
    assert weights.grad is not None
    part = float(weights.grad[norms].norm() / weights.grad.norm())
    assert moved[Everything()]["length"] == pytest.approx(part, rel=1e-3)
    assert anatomy(replace(spec, rule=WholeNorm(0.3)), theta)["length"] == pytest.approx(part, rel=1e-3) and part < 0.9
    assert anatomy(replace(spec, rule=SGD()), theta) == {"length": 0, "moved": 0}


def test_lam_max_against_power_iteration():
    spec = VisionTransformer().base
    theta = spec.problem.start(1)
    x, y = spec.problem.load("train")
    weights = theta.clone().requires_grad_()
    gradient = torch.autograd.grad(spec.problem.loss(weights, x, y), weights, create_graph=True)[0]
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(0))
    for _ in range(60):
        v = torch.autograd.grad(gradient, weights, v / v.norm(), retain_graph=True)[0]
    assert lam_max(spec, theta) == pytest.approx(float(v.norm()), rel=0.02)


def counted(*modules):
    """The normalization layers' share of the parameters of PyTorch's modules."""
    parts = [part for module in modules for part in module.modules()]
    norms = sum(
        p.numel() for part in parts if isinstance(part, nn.BatchNorm2d | nn.LayerNorm) for p in part.parameters()
    )
    return norms / sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize("channels, side", [((1, 16, 16, 16), 2), ((3, 5, 7), 4), ((1, 16, 32, 32), 1)])
def test_the_share_in_a_cnn(channels, side):
    layers = [nn.Sequential(nn.Conv2d(b, c, 3, bias=False), nn.BatchNorm2d(c)) for b, c in pairwise(channels)]
    assert theory.normalization_share_cnn(channels, 10, side) == pytest.approx(
        counted(*layers, nn.Linear(channels[-1] * side**2, 10)), rel=1e-12
    )


@pytest.mark.parametrize("width, depth, tokens, pixels", [(32, 1, 4, 16), (16, 3, 16, 4)])
def test_the_share_in_a_vit(width, depth, tokens, pixels):
    blocks = [nn.TransformerEncoderLayer(width, 2, 4 * width) for _ in range(depth)]
    others = (nn.Linear(pixels, width), nn.Embedding(tokens, width), nn.LayerNorm(width), nn.Linear(width, 10))
    assert theory.normalization_share_vit(width, depth, tokens, pixels, 10) == pytest.approx(
        counted(*blocks, *others), rel=1e-12
    )
