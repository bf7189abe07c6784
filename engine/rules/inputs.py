"""Rules that move the inputs, and not the weights, to where the loss is higher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from engine.problems import Classification
from engine.rules.rule import TINY, Rule, Step
from engine.spec import SpecError, choice, knob

MOVABLE = ("image", "points")
"""Kinds of inputs whose every number may be moved a little."""


@dataclass(frozen=True)
class PGD(Rule):
    """Adversarial training: the gradient on inputs that an adversary has moved, each within a ball around itself, by
    projected gradient ascent."""

    eps: float = knob(
        0.3,
        0.0,
        10.0,
        "Radius eps",
        "How far an input may be moved, in the units that the model sees: after standardizing.",
        log=True,
    )
    steps: int = knob(
        5, 1, 100, "Ascent steps", "Of the adversary before each step of the weights; each costs a gradient.", log=True
    )
    step: float = knob(0.4, 0.01, 1.0, "Ascent step", "As a share of eps.")
    norm: str = choice(
        "infinity",
        ("infinity", "2"),
        "Norm",
        "Of the ball: infinity bounds every number of an input, and goes by the gradient's signs.",
    )

    formula: ClassVar = (
        "d = ∇L(w; x + δ),  δ: k times from 0, δ ← P(δ + αε sign ∇ₓℓ(w; x + δ)),  P: onto the ball ‖δ‖ ≤ ε;  norm 2: "
        "∇ₓℓ/‖∇ₓℓ‖ for the sign"
    )
    paper: ClassVar = (
        "Madry, Makelov, Schmidt, Tsipras & Vladu 2018, sec. 2.1 (arXiv 1706.06083), without a random start, and "
        "inputs not kept to a range"
    )

    def direction(self, step, memory):
        return replace(step, x=self.moved(step)).gradient(step.w), memory

    def moved(self, step: Step) -> Tensor:
        """The batch's inputs [N, *shape] as the adversary leaves them, for the weights as they are."""
        delta = torch.zeros_like(step.x)
        for _ in range(self.steps):
            delta = self._within(delta + self.step * self.eps * self._up(step.slopes(step.w, step.x + delta)))
        return step.x + delta

    def _up(self, slopes: Tensor) -> Tensor:
        """The direction [N, *shape] of steepest ascent, of length 1 in the norm; 0 where the slope is."""
        return slopes.sign() if self.norm == "infinity" else slopes / (_lengths(slopes) + TINY)

    def _within(self, delta: Tensor) -> Tensor:
        """delta [N, *shape], each example's projected onto the ball."""
        if self.norm == "infinity":
            return delta.clamp(-self.eps, self.eps)
        return delta * (self.eps / (_lengths(delta) + TINY)).clamp(max=1)

    def fits(self, problem, batch, field):
        kind = problem.data.inputs.kind if isinstance(problem, Classification) else "points"
        if not problem.examples():
            raise SpecError(
                f"{field}: PGD moves inputs, and this problem has none; choose one that has, or another rule"
            )
        if kind not in MOVABLE:
            what = "graphs" if kind == "graph" else kind
            raise SpecError(
                f"{field}: PGD moves inputs that are numbers, and this dataset has {what}; choose images or points, or "
                "another rule"
            )


def _lengths(v: Tensor) -> Tensor:
    """The norm of each example of v [N, *shape], as [N, 1, ...]."""
    return v.flatten(1).norm(dim=1).view(-1, *[1] * (v.ndim - 1))


INPUTS = {cls.__name__: cls for cls in (PGD,)}
