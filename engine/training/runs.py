"""Runs: the spec that decides one, its phases, and what is measured on the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from engine.problems import PROBLEMS, Classification, Problem
from engine.rules import RULES, SAM, Clock, Rule, scaled
from engine.spec import SpecError, choice, flag, knob, pick, several
from engine.training.schedules import SCHEDULES, Constant, Schedule
from engine.training.updates import UPDATES, Momentum, Update


@dataclass(frozen=True)
class Switch:
    """Another rule from some point of the run on."""

    rule: Rule = pick(SAM(), lambda: RULES, "Rule")
    at: int = knob(500, 1, 1_000_000, "From", "The step or epoch at whose beginning the rule takes over.", log=True)
    unit: str = choice("steps", ("steps", "epochs"), "Counted in")
    restart: bool = flag(
        True,
        "Restart momentum",
        "The update forgets its buffers at the switch, as in the code of Zhou et al. 2024; otherwise it keeps them.",
    )


SWITCHES = {"Switch": Switch}
MOST_SWITCHES = 8


class Phase(NamedTuple):
    """A stretch of a run under one rule, from step `start` on."""

    start: int
    rule: Rule
    restart: bool


@dataclass(frozen=True)
class RunSpec:
    """All that determines a run."""

    problem: Problem = pick(Classification(), lambda: PROBLEMS, "Problem")
    rule: Rule = pick(SAM(), lambda: RULES, "Rule", "Which gradient a step descends.")
    update: Update = pick(Momentum(), lambda: UPDATES, "Update", "What is done with that gradient.")
    lr: float = knob(0.1, 1e-6, 100.0, "Learning rate", log=True)
    schedule: Schedule = pick(Constant(), lambda: SCHEDULES, "Schedule", "The learning rate over the run.")
    batch: int = knob(
        64,
        0,
        5000,
        "Batch size",
        "0 is the full training set. Each epoch is shuffled anew and its incomplete last batch left out.",
        log=True,
    )
    steps: int = knob(1000, 1, 1_000_000, "Steps", log=True)
    seed: int = knob(0, 0, 2**31 - 1, "Seed", "Decides the initial weights and the order of the batches.")
    every: int = knob(25, 1, 1_000_000, "Measure every", "Steps between measurements; theta is kept at each.", log=True)
    curvature: bool = flag(True, "Track curvature", "Follow the Hessian's top eigenpair at each measurement.")
    then: tuple[Switch, ...] = several(
        lambda: SWITCHES, MOST_SWITCHES, "Then", "Rules that take over later in the run."
    )
    warmup: int = knob(
        0,
        0,
        1_000_000,
        "Warm-up steps",
        "The rate first rises linearly over so many steps; then its schedule begins.",
        log=True,
    )
    radius: str = choice(
        "constant",
        ("constant", "with the rate"),
        "Radius over the run",
        "Whether ρ stays as it is, or rises and falls with the learning rate.",
    )
    clip: float = knob(
        0.0,
        0.0,
        1e6,
        "Clip norm",
        "A longer direction is cut to this length before the update takes it; 0 is off.",
        log=True,
    )

    def __post_init__(self):
        self._check_batch()
        if self.steps > MOST_FRAMES * self.every:
            raise SpecError(
                f"every: {self.steps} steps measured every {self.every} are more than {MOST_FRAMES} measurements; "
                "measure less often"
            )
        self._check_rules()

    def _check_batch(self) -> None:
        n = self.problem.examples()
        if self.batch > n > 0:
            raise SpecError(
                f"batch: expected at most {n}, the number of training examples, or 0 for all of them, got {self.batch}"
            )
        if self.batch == 1 and self.problem.mixes:
            raise SpecError(
                "batch: expected at least 2: BatchNorm has no variance to divide by in a batch of one example"
            )

    def _check_rules(self) -> None:
        batch = self.batch or self.problem.examples()
        self.rule.fits(self.problem, batch, "rule")
        for i, (switch, phase, before) in enumerate(zip(self.then, self.phases[1:], self.phases, strict=False)):
            switch.rule.fits(self.problem, batch, f"then[{i}].rule")
            if not before.start < phase.start < self.steps:
                raise SpecError(
                    f"then[{i}].at: expected a step from {before.start + 1} to {self.steps - 1}, in order, got step "
                    f"{phase.start}"
                )

    @cached_property
    def epoch(self) -> int:
        """Steps in an epoch; 1 for a full batch or a toy landscape."""
        return max(1, self.problem.examples() // self.batch) if self.batch else 1

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The rules in their order; `phases[phase(step)]` is in force at a step."""
        later = (Phase(s.at * (self.epoch if s.unit == "epochs" else 1), s.rule, s.restart) for s in self.then)
        return (Phase(0, self.rule, True), *later)

    def phase(self, step: int) -> int:
        """Which of the phases the step `step` (counted from 0) is taken in."""
        return sum(p.start <= step for p in self.phases) - 1

    def clock(self, step: int) -> Clock:
        """A step's place in its phase and its epoch."""
        return Clock(step - self.phases[self.phase(step)].start, *divmod(step, self.epoch))

    def factor(self, step: int) -> float:
        """The learning rate at a step, as a share of `lr`."""
        step = min(step, self.steps - 1)
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.schedule.factor(step - self.warmup, max(1, self.steps - self.warmup))

    def rule_at(self, step: int) -> Rule:
        """The rule in force at a step, with the radius it has there."""
        rule = self.phases[self.phase(step)].rule
        return rule if self.radius == "constant" else scaled(rule, self.factor(step))

    def measured(self, step: int) -> bool:
        """Whether there is a measurement after so many steps: at regular intervals, at every switch and at the end."""
        return step % self.every == 0 or step == self.steps or any(p.start == step for p in self.phases)


MOST_FRAMES = 2000
RUNS = {"RunSpec": RunSpec}

MEASURES = {
    "train_loss": "Training loss",
    "train_accuracy": "Training accuracy",
    "test_loss": "Held-out loss",
    "test_accuracy": "Held-out accuracy",
    "gradient_norm": "norm of the full-batch gradient g",
    "direction_norm": "norm of the rule's full-batch direction u",
    "sharpness": "largest eigenvalue of the training loss's Hessian",
    "sharpness_residual": "norm(H v - lambda v), H v in double precision",
    "cos_g": "abs cos of g with the top eigenvector",
    "cos_u": "abs cos of u with the top eigenvector",
    "edge": "the rule's edge of stability",
    "limit": "plain gradient descent's edge under the same update",
    "lr": "learning rate",
    "gradients": "gradient evaluations so far, counted: one over part of the batch counts as that part",
    "phase": "which of the run's rules is in force, from 0",
}
"""What a frame measures, always on the whole training or held-out set, at w and not at the perturbed point."""
