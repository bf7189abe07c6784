"""What a rule is, and what it may ask of the step at hand: gradients of the batch's loss anywhere, and what
surrounds the step.

A rule gets gradients as a *function* of theta, for the same batch each time: SAM needs one elsewhere. Its text is
written for one run on flat vectors; `train` runs it alone with plain autograd, or for many runs under `torch.vmap`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from engine.models import Block
from engine.problems import Problem
from engine.spec import floats, picked, with_floats

Memory = dict[str, Tensor]
Differentiate = Callable[[Callable[[Tensor], tuple[Tensor, Tensor]], Tensor], tuple[Tensor, Tensor]]
"""(f, theta) -> the gradient of f's first output, and its second output."""
TINY = 1e-12
"""Keeps a normalized gradient finite where the gradient is 0, so that SAM there is plain descent."""
ELEMENTS = 2**24
"""Numbers in the parameter vectors of the micro-batches that go through together."""


class Clock(NamedTuple):
    """When a step is taken: `age` steps after the rule began; `position` batches into an epoch, counted from 0."""

    age: int = 0
    epoch: int = 0
    position: int = 0


def plain(f: Callable[[Tensor], tuple[Tensor, Tensor]], theta: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiates with autograd alone: the fastest way for one run."""
    theta = theta.detach().requires_grad_()
    value, more = f(theta)
    return torch.autograd.grad(value, theta)[0], more.detach()


def functional(f: Callable[[Tensor], tuple[Tensor, Tensor]], theta: Tensor) -> tuple[Tensor, Tensor]:
    """Differentiates in a way that `torch.vmap` understands."""
    return torch.func.grad(f, has_aux=True)(theta)  # type: ignore[return-value]  # a pair, because of has_aux


@dataclass
class Step:
    """One step as a rule sees it, from w [n] with one batch; `asked` grows by each gradient's share of the batch."""

    problem: Problem
    w: Tensor
    x: Any
    y: Any
    differentiate: Differentiate = plain
    lr: float | Tensor = 0.0
    factor: float | Tensor = 1.0  # the learning rate as a share of its highest value
    clock: Clock = Clock()
    velocity: Any = None  # the update's running mean or sum of directions [n]
    noise: Any = None  # standard normal numbers [n] of this step, for rules that need them
    chunk: int = 0  # examples that go through the model at once; 0 is all of them
    share: float = 1.0
    asked: list[float] = field(default_factory=list)

    @cached_property
    def g(self) -> Tensor:
        """The batch's gradient [n] at w, computed once however often it is asked for."""
        return self.gradient(self.w)

    def gradient(self, theta: Tensor) -> Tensor:
        """The gradient [n] of the batch's mean loss at theta."""
        return self._sum(lambda t, x, y: (loss := self.problem.loss(t, x, y), loss), theta)[0]

    def traced(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient [n] at theta, and the loss of each example [N] there, from one pass."""
        gradient, parts = self._sum(lambda t, x, y: ((each := self.problem.losses(t, x, y)).mean(), each), theta)
        if theta is self.w:
            self.__dict__["g"] = gradient
        return gradient, joined(parts)

    def losses(self, theta: Tensor) -> Tensor:
        """The loss of each example [N] at theta, with no gradient."""
        with torch.no_grad():
            return joined([self.problem.losses(theta, x, y) for x, y in self._pieces()])

    def slopes(self, theta: Tensor, x: Tensor) -> Tensor:
        """How each example's loss at theta changes with its input: a gradient [N, *shape] at inputs x in the place
        of the batch's, counted as any other."""
        self.asked.append(self.share)
        size = self.chunk or len(x)
        pairs = zip(x.split(size), self.y.split(size), strict=True)
        return joined(
            [
                self.differentiate(lambda x, y=y: (total := self.problem.losses(theta, x, y).sum(), total), part)[0]
                for part, y in pairs
            ]
        )

    def on(self, picked: Tensor) -> Step:
        """The same step with the examples of an index only."""
        if self.x is None:
            return self
        share = self.share * len(picked) / len(self.y)
        return replace(self, x=self.x.index_select(0, picked), y=self.y.index_select(0, picked), share=share)

    def part(self, theta: Tensor, pick: Callable[[Tensor], Tensor]) -> Tensor:
        """The gradient [n] at theta on those examples alone that `pick` chooses by their losses [N] there; it counts
        as that part of the batch.

        One forward pass serves both, which on small nets is faster than a second one; but BatchNorm goes by the
        part, and needs it.
        """
        if self.chunk or self.problem.mixes or self.x is None:
            return self.on(pick(self.losses(theta))).gradient(theta)

        def chosen(t: Tensor) -> tuple[Tensor, Tensor]:
            each = self.problem.losses(t, self.x, self.y)
            picked = pick(each.detach())
            self.asked.append(self.share * len(picked) / len(each))
            # cheaper to go back through than an index
            weight = torch.zeros_like(each).scatter(0, picked, 1 / len(picked))
            return weight @ each, each

        return self.differentiate(chosen, theta)[0]

    def micro(self, size: int, direction: Callable[[Step], Tensor]) -> Tensor:
        """The mean of `direction` over micro-batches of `size` examples, each counted by its examples; 0 is the
        whole batch.

        A last one may be smaller; a single example left over joins the one before it where BatchNorm needs two.
        """
        x_all, y_all = self.x, self.y
        if x_all is None or not 0 < size < len(y_all):
            return direction(self)
        n, total = len(y_all), torch.zeros_like(self.w)
        rest = n % size + (size if n % size == 1 and self.problem.mixes else 0)
        together = max(1, ELEMENTS // len(self.w)) * size
        for x, y in zip(x_all[: n - rest].split(together), y_all[: n - rest].split(together), strict=True):
            asked: list[float] = []
            micro = torch.vmap(
                lambda x, y, asked=asked: direction(
                    replace(self._with(x, y, size / n), differentiate=functional, asked=asked)
                )
            )
            total = total + micro(x.unflatten(0, (-1, size)), y.unflatten(0, (-1, size))).sum(0) * (size / n)
            self.asked.extend(asked * (len(y) // size))
        if rest:
            total = total + direction(self._with(x_all[-rest:], y_all[-rest:], rest / n)) * (rest / n)
        return total

    def _with(self, x: Tensor, y: Tensor, share: float) -> Step:
        return replace(self, x=x, y=y, share=self.share * share, chunk=0)

    def _sum(
        self, f: Callable[[Tensor, Any, Any], tuple[Tensor, Tensor]], theta: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The gradient of the mean over the pieces, and the second outputs of each."""
        self.asked.append(self.share)
        if not self.chunk or self.x is None:
            gradient, more = self.differentiate(lambda t: f(t, self.x, self.y), theta)
            return gradient, [more]
        parts = [
            (*self.differentiate(lambda t, x=x, y=y: f(t, x, y), theta), len(y) / len(self.y))
            for x, y in self._pieces()
        ]
        return reduce(torch.add, (gradient * weight for gradient, _, weight in parts)), [more for _, more, _ in parts]

    def _pieces(self):
        return (
            zip(self.x.split(self.chunk), self.y.split(self.chunk), strict=True)
            if self.chunk and self.x is not None
            else [(self.x, self.y)]
        )


@dataclass(frozen=True)
class Rule(ABC):
    """Gives the direction d that the update descends from w."""

    formula: ClassVar[str]
    paper: ClassVar[str]
    theory: ClassVar[str] = ""  # what is known of it on a quadratic
    needs: ClassVar[
        tuple[str, ...]
    ] = ()  # of "noise", "clock", and "past": steps before this one, which a checkpoint alone does not tell

    def begin(self, theta: Tensor, layout: Sequence[Block], random: torch.Generator) -> Memory:
        """What the rule remembers from step to step, when it takes over at theta [n]; `random` is of the run's seed."""
        return {}

    @abstractmethod
    def direction(self, at: Step, memory: Memory) -> tuple[Tensor, Memory]:
        """d [n] for this step, and the memory for the next one."""

    def after(self, theta: Tensor, memory: Memory, clock: Clock) -> tuple[Tensor, Memory]:
        """What becomes of theta [n] once the update has moved it."""
        return theta, memory

    def edge(self, limit: float, gradient_norm: float) -> float:
        """The largest Hessian eigenvalue at which full-batch steps stay stable; NaN where no theory says.

        `limit` is that of plain gradients under the same update (2/eta without momentum), `gradient_norm` that of the
        full-batch gradient.
        """
        return float("nan")

    def fits(self, problem: Problem, batch: int, at: str) -> None:
        """Raises SpecError, in the name of the field `at`, where the rule cannot train on such a problem with
        batches of so many examples."""
        for name, part in picked(self).items():
            part.fits(problem, batch, f"{at}.{name}")


def need(rule: Rule, what: str) -> bool:
    """Whether a rule, or one that it wraps, needs "noise", the "clock" or the "past"."""
    return what in rule.needs or any(need(part, what) for part in picked(rule).values() if isinstance(part, Rule))


def scaled(rule: Rule, factor: float | Tensor) -> Rule:
    """The rule with its radii multiplied."""
    return with_floats(
        rule,
        {name: value * factor for name, value in floats(rule).items() if name.rpartition(".")[2].startswith("rho")},
    )


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Vectors, or rows of examples, one after the other; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def unit(v: Tensor) -> Tensor:
    """v [n] at length 1, or 0 where it is 0."""
    return v / (v.norm() + TINY)


def along(w: Tensor, v: Tensor, length: float | Tensor) -> Tensor:
    """w [n] moved by a length along v [n]; w itself where v is 0."""
    if isinstance(length, Tensor):  # one for each run of an ensemble
        return w + length * v / (v.norm() + TINY)
    return torch.addcdiv(w, v, v.norm() + TINY, value=length)


def across(v: Tensor, along: Tensor) -> Tensor:
    """v [n] without its part along another vector."""
    return v - (v @ along) / (along @ along + TINY**2) * along
