"""The state of training: all that a step changes, for one run or for the runs of an ensemble side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from engine.rules import Memory
from engine.seeds import generator
from engine.training.runs import RunSpec


class Moving(NamedTuple):
    """What a step moves: theta, and the memories of rule and update."""

    theta: Tensor
    rule: Memory
    update: Memory


class State(NamedTuple):
    """Where training goes on from: tensors of one run, or with a leading run axis."""

    step: int
    measured: int  # the last step that was measured
    gradients: float  # gradient evaluations so far, of each run
    theta: Tensor
    rule: Memory
    update: Memory
    top: Tensor  # the top eigenvector as last tracked

    @property
    def moving(self) -> Moving:
        """The part that a step moves."""
        return Moving(self.theta, self.rule, self.update)

    def moved(self, moving: Moving, gradients: float) -> State:
        """The state one step and so many gradients later."""
        return State(self.step + 1, self.measured, self.gradients + gradients, *moving, self.top)


TENSORS = ("theta", "rule", "update", "top")
"""The fields of a State that an ensemble's runs have each for itself."""
Advance = Callable[[State, int], State]
"""Takes one step, or several where they are cheap, but none beyond a given one."""


def begin(specs: Sequence[RunSpec], device: str, step: int = 0) -> State:
    """The state at the start; for another step, with the memory of the rule that is then in force."""
    return stacked([_begin(spec, device, step) for spec in specs])


def _begin(spec: RunSpec, device: str, step: int) -> State:
    theta = spec.problem.start(spec.seed).to(device)
    top = torch.randn(len(theta), generator=generator(spec.seed, "top"), dtype=torch.float64).to(theta)
    return State(0, -1, 0.0, theta, _memory(spec, theta, step), spec.update.begin(theta), top)


def switched(specs: Sequence[RunSpec], state: State) -> State:
    """The state, made ready for the rule that takes over at its step, if one does."""
    index = specs[0].phase(state.step)
    if specs[0].phases[index].start != state.step or state.step == specs[0].steps:
        return state
    runs = zip(specs, members(state, len(specs)), strict=True)
    return stacked([_taken_over(spec, member, restart=spec.phases[index].restart) for spec, member in runs])


def _taken_over(spec: RunSpec, state: State, restart: bool) -> State:
    """One run's state with a new memory of its rule, and where it is to restart, of its update."""
    update = spec.update.begin(state.theta) if restart else state.update
    return state._replace(rule=_memory(spec, state.theta, state.step), update=update)


def _memory(spec: RunSpec, theta: Tensor, step: int) -> Memory:
    """The memory of the rule that takes over at a step."""
    index = spec.phase(step)
    return spec.phases[index].rule.begin(theta, spec.problem.layout, generator(spec.seed, "rule", index))


def stacked(states: Sequence[State]) -> State:
    """Runs' states as their ensemble's; a single one stays as it is."""
    if len(states) == 1:
        return states[0]
    return states[0]._replace(**{name: _stack([getattr(state, name) for state in states]) for name in TENSORS})


def _stack(trees: Sequence[Tensor] | Sequence[Memory]) -> Tensor | Memory:
    return tree_map(lambda *leaves: torch.stack(leaves), *trees)


def members(state: State, count: int) -> list[State]:
    """The states of an ensemble's `count` runs: what `stacked` put together."""
    if count == 1:
        return [state]
    return [
        state._replace(**{name: tree_map(lambda leaf, r=r: leaf[r], getattr(state, name)) for name in TENSORS})
        for r in range(count)
    ]
