"""The steps of one run, with plain autograd."""

from __future__ import annotations

from engine.data import Examples
from engine.rules import Rule, Step, need
from engine.training.batches import Batches
from engine.training.measure import noise_at
from engine.training.runs import RunSpec
from engine.training.state import Moving, State
from engine.training.updates import Update, moved


def take(rule: Rule, update: Update, clip: float, at: Step, moving: Moving) -> Moving:
    """One step: the rule's direction, cut to the length `clip` unless that is 0, and what the update makes of it."""
    at.move = lambda d: moved(update, clip, at.w, d, moving.update, at.lr)[0]
    d, memory = rule.direction(at, moving.rule)
    theta, buffers = moved(update, clip, at.w, d, moving.update, at.lr)
    theta, memory = rule.after(theta, memory, at.clock)
    return Moving(theta, memory, buffers)


class Single:
    """Steps one run."""

    def __init__(self, spec: RunSpec, data: Examples, device: str):
        self.spec, self.data, self.batches = spec, data, Batches(spec, device)

    def __call__(self, state: State, until: int) -> State:
        """The state after one step."""
        moving, asked = self.step(state)
        return state.moved(moving, sum(asked))

    def step(self, state: State) -> tuple[Moving, list[float]]:
        """What a step moves, and the share of the batch that each of its gradients was taken on."""
        spec, step = self.spec, state.step
        rule, factor = spec.rule_at(step), spec.factor(step)
        at = Step(
            spec.problem,
            state.theta,
            *self.batches.at(step, self.data),
            lr=spec.lr * factor,
            factor=factor,
            clock=spec.clock(step),
            velocity=state.update["m"],
            noise=noise_at(spec, step, state.theta) if need(rule, "noise") else None,
            following=self.batches.following(step, self.data) if need(rule, "next") else None,
        )
        return take(rule, spec.update, spec.clip, at, state.moving), at.asked
