"""Masks: which parameters a perturbation moves. The descent always moves all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from engine.models import NORMS, Block
from engine.problems import Problem
from engine.rules.rule import Memory
from engine.spec import SpecError, knob


@dataclass(frozen=True)
class Mask(ABC):
    """A choice of parameters. Norms of a masked gradient are over the chosen ones only."""

    needs_norms: ClassVar[bool] = True

    @abstractmethod
    def chosen(self, layout: Sequence[Block], random: torch.Generator) -> Tensor | None:
        """[n] of True and False on the CPU; None for all of them."""

    def begin(self, theta: Tensor, layout: Sequence[Block], random: torch.Generator) -> Memory:
        """The mask [n] as a rule's memory: "mask" is 1 where it chooses; empty for all of theta."""
        chosen = self.chosen(layout, random)
        return {} if chosen is None else {"mask": chosen.to(theta)}

    def fits(self, problem: Problem, batch: int, field: str) -> None:
        """SpecError in the name of `field` for a model without normalization layers, where the mask goes by them."""
        if self.needs_norms and not any(b.module in NORMS for b in problem.layout):
            raise SpecError(
                f"{field}: {type(self).__name__} needs a model with normalization layers, and this one has none; "
                "choose such a model or another mask"
            )


def masked(g: Tensor, memory: Memory) -> Tensor:
    """g [n] with 0 where the mask does not choose."""
    return g * memory["mask"] if "mask" in memory else g


def _norms(layout: Sequence[Block]) -> Tensor:
    return torch.cat([torch.full((b.size,), b.module in NORMS) for b in layout])


@dataclass(frozen=True)
class Everything(Mask):
    """All parameters."""

    needs_norms: ClassVar = False

    def chosen(self, layout, random):
        return None


@dataclass(frozen=True)
class NormalizationOnly(Mask):
    """Only the scales and shifts of normalization layers: SAM-ON (Mueller et al. 2023, arXiv 2306.04226)."""

    def chosen(self, layout, random):
        return _norms(layout)


@dataclass(frozen=True)
class AllButNormalization(Mask):
    """All parameters but those of normalization layers: the control "no-norm" of Mueller et al. 2023."""

    def chosen(self, layout, random):
        return ~_norms(layout)


@dataclass(frozen=True)
class RandomSubset(Mask):
    """A random set of parameters, drawn once: a control for how few parameters SAM-ON perturbs (cf. Mueller et al.
    2023, on other sparse perturbations)."""

    share: float = knob(
        0.0,
        0.0,
        1.0,
        "Share",
        "Of all parameters; 0 takes as many as the model's normalization layers have.",
        varies=False,
    )

    def chosen(self, layout, random):
        norms = _norms(layout)
        count = max(1, round(self.share * len(norms))) if self.share else int(norms.sum())
        mask = torch.zeros_like(norms)
        mask[torch.randperm(len(norms), generator=random)[:count]] = True
        return mask

    def fits(self, problem, batch, field):
        if not self.share:
            super().fits(problem, batch, field)


MASKS = {cls.__name__: cls for cls in (Everything, NormalizationOnly, AllButNormalization, RandomSubset)}
