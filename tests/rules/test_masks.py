"""Masks: which parameters they choose, by the type of the module that holds them."""

import pytest
import torch
from torch import nn

from engine.data import Digits
from engine.models import CNN, MLP
from engine.problems import Classification
from engine.rules import MASKS, AllButNormalization, Everything, NormalizationOnly, RandomSubset
from engine.seeds import generator
from engine.spec import SpecError

NORMED = Classification(Digits(50), CNN(4, 2, norm="batch"))


def chosen(mask, problem=NORMED, seed=0) -> torch.Tensor:
    return mask.chosen(problem.layout, generator(seed, "rule", 0))


def test_every_mask_is_checked():
    assert set(MASKS.values()) == {Everything, NormalizationOnly, AllButNormalization, RandomSubset}


def test_normalization_layers_are_found_by_their_type():
    """Against a module twin: the parameters that sit in a BatchNorm2d, in the order of theta."""
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
    in_norms = torch.cat([torch.full((p.numel(),), isinstance(m, nn.BatchNorm2d)) for m in net for p in m.parameters()])
    assert torch.equal(chosen(NormalizationOnly()), in_norms) and torch.equal(chosen(AllButNormalization()), ~in_norms)
    assert chosen(Everything()) is None and 0 < int(in_norms.sum()) < len(in_norms) / 10


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_random_subset(share):
    """As many as were asked for, or as normalization layers have; the seed decides which; about evenly spread."""
    mask, n = RandomSubset(share), NORMED.size()
    count = round(share * n) if share else int(chosen(NormalizationOnly()).sum())
    first = chosen(mask)
    assert int(first.sum()) == count and torch.equal(first, chosen(mask))
    assert share == 1.0 or not torch.equal(first, chosen(mask, seed=1))
    hits = sum(chosen(mask, seed=s).double() for s in range(300)) / 300
    assert float(hits.mean()) == pytest.approx(count / n) and float(hits.std()) < 3 * (0.25 / 300) ** 0.5


def test_a_mask_that_finds_nothing_is_refused():
    plain = Classification(Digits(50), MLP(4))
    for mask in (NormalizationOnly(), AllButNormalization(), RandomSubset()):
        with pytest.raises(SpecError, match=r"^here: "):
            mask.fits(plain, 50, "here")
    Everything().fits(plain, 50, "here")
    RandomSubset(0.2).fits(plain, 50, "here")
