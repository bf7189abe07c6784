"""The steps of one run, with plain autograd."""

from __future__ import annotations

from engine.data import Examples
from engine.rules import Rule, Step, need
from engine.training.batches import Batches
from engine.training.measure import noise_at
from engine.training.runs import RunSpec
from engine.training.state import Moving, State
from engine.training.updates import Update, moved


def take(rule: Rule, update: Update, clip: float, step: Step, moving: Moving) -> Moving:
    """One step: the rule's direction, cut to the length `clip` unless that is 0, and what the update makes of it."""
    step.move = lambda d: moved(update, clip, step.w, d, moving.update, step.lr)[0]
    d, memory = rule.direction(step, moving.rule)
    theta, buffers = moved(update, clip, step.w, d, moving.update, step.lr)
    theta, memory = rule.after(theta, memory, step.clock)
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
        spec, t = self.spec, state.step
        rule, factor = spec.rule_at(t), spec.factor(t)
        step = Step(
            spec.problem,
            state.theta,
            *self.batches.at(t, self.data),
            lr=spec.lr * factor,
            factor=factor,
            clock=spec.clock(t),
            velocity=state.update["m"],
            noise=noise_at(spec, t, state.theta) if need(rule, "noise") else None,
            following=self.batches.following(t, self.data) if need(rule, "next") else None,
        )
        return take(rule, spec.update, spec.clip, step, state.moving), step.asked
