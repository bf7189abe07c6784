"""Late SAM from close by: how it leaves the minimum that SGD has found, and settles at a flatter one in the same
valley."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from engine.experiments.curves import curve, ends, middle
from engine.experiments.experiment import Check, Experiment, Point, Question
from engine.experiments.phases import DECAY, EPOCH, matched, runs, seeds
from engine.figures.drawing import Chart, Line, Mark
from engine.figures.theme import rule_colour
from engine.models import Block, unflatten
from engine.problems import evaluate
from engine.rules import SAM, SGD
from engine.seeds import generator
from engine.spec import fingerprint, knob
from engine.training.batches import Batches
from engine.training.runs import RunSpec, Switch

SHARES = [i / 10 for i in range(11)]
"""Of the way along a straight line, where the loss on it is measured."""
RISE = 3
"""Epochs after the switch within which the loss must have risen."""
DENSE = (1, *(i * EPOCH // 2 for i in range(1, 2 * RISE + 1)))
"""Steps after the switch that are measured too: the first one, and every half epoch of the rise."""


@dataclass(frozen=True)
class TwoPhases(Experiment):
    """A run of SGD that goes on with SAM: the loss and the sharpness around the switch, and the straight line from
    there to the end."""

    lr: float = knob(0.05, 0.005, 0.2, "Learning rate η", log=True)
    rho: float = knob(0.1, 0.01, 0.5, "Radius ρ", log=True)
    before: int = knob(25, 2, 100, "Epochs of SGD", "Twice as many in the full size.", log=True)
    after: int = knob(10, 2, 100, "Epochs of SAM", "As many in both sizes.", log=True)

    title: ClassVar = "Out of the minimum, and down the valley"
    claim: ClassVar = (
        "SAM leaves the minimum that SGD has found, at a loss that rises for some epochs, and then settles at a "
        "flatter one in the same valley."
    )
    setup: ClassVar = (
        "MLP 64-128-128-10 on 1,297 digits, cross-entropy, batch 16, momentum 0.9, weight decay 5·10⁻⁴, constant rate. "
        "The switch from SGD to SAM restarts the momentum."
    )
    separately: ClassVar = True
    source: ClassVar = "Zhou et al. 2024, sec. 4: escape and convergence (arXiv 2410.10373)"
    question: ClassVar = Question(
        "After the switch to SAM the training loss rises. To how many times what it was, at its most?", 0, 30, 0
    )

    @property
    def start(self) -> int:
        """The step at which SAM takes over."""
        return self.before * EPOCH * (2 if self.full else 1)

    def ensembles(self):
        epochs = self.start // EPOCH + self.after
        # a run is measured wherever a phase begins: more phases of the same rule are more measurements, and change
        # nothing else
        more = (
            replace(self._switch(self.start + steps), restart=False)
            for steps in DENSE
            if self.start + steps < epochs * EPOCH
        )
        specs = runs(self.full, SGD(), (self._switch(self.start), *more), epochs, self.lr)
        return {"late": tuple(replace(spec, every=5 * EPOCH) for spec in specs)}

    def _switch(self, step):
        return Switch(SAM(self.rho), step, "steps", restart=True)

    def probe(self, name, member, spec, path):
        """After the first step with SAM, how far it is from what it must be; at the end the loss on the line there
        from the switch, and on a line beside it."""
        begin, now = next((point for point in path if point.step == self.start), path[0]), path[-1]
        if now.step == self.start + 1:
            return {"step_error": self._step_error(spec, begin, now)}
        if now.step != spec.steps:
            return {}
        end, data = now.theta, spec.problem.load("train", str(now.theta.device))
        targets = {"line": end, "control": reordered(end, spec.problem.layout, spec.seed)}
        return {
            name: np.array([evaluate(spec.problem, torch.lerp(begin.theta, to, t), data)[0].item() for t in SHARES])
            for name, to in targets.items()
        }

    def _step_error(self, spec: RunSpec, begin: Point, now: Point) -> float:
        """How far a step is from -η (u + decay w), as a share of that: SAM's step without a momentum (Foret et al.
        2021, algorithm 1)."""
        device = str(now.theta.device)
        x, y = Batches(spec, device).at(begin.step, spec.problem.load("train", device))
        gradient, w = torch.func.grad(lambda theta: spec.problem.loss(theta, x, y)), begin.theta
        g = gradient(w)
        due = -self.lr * (gradient(w + self.rho * g / g.norm()) + DECAY * w)
        return ((now.theta - w - due).norm() / due.norm()).item()

    def checks(self, result):
        return (*self._left(result), *self._connected(result), self._anew(result))

    def _left(self, result):
        """The loss rises and falls again, to where it is flatter."""
        loss, sharp = result.over("late", "train_loss"), result.over("late", "sharpness")
        fallen, flatter, corrected = (self._change(result, values) for values in (loss, sharp, sharp / loss))
        rises = (f"The loss rises within {RISE} epochs: SAM escapes", "more than 1.5 times what it was")
        falls = ("It falls again: SAM converges", "to less than half of what it was")
        per_loss = ("It is flatter for its loss, too", "λ₁/L below 0.9 of what it was")
        void = self.unusual
        return (
            Check(*rises, self._risen(result), low=1.5, void=void, note=RISES),
            Check(*falls, fallen, high=0.5, void=void),
            Check("The new minimum is flatter", "less than half as sharp", flatter, high=0.5, void=void),
            Check(*per_loss, corrected, high=0.9, void=void, note=matched(flatter, corrected)),
        )

    def _connected(self, result):
        """No barrier on the way there, beside one where the units are in another order."""
        line, control = (barrier(self._line(result, name)) for name in ("line", "control"))
        straight = ("There is no barrier on the straight line to the end", "no more than 1.1 times the higher end")
        another = ("There is one to the same end in another order", "at least 10 times the higher end")
        return (
            Check(*straight, line, high=1.1, void=self.unusual),
            Check(*another, control, low=10, void=self.unusual, note=ORDER),
        )

    def _anew(self, result):
        """The first step after the switch has no momentum from before it."""
        claim, predicted = "The momentum starts anew: the first step is SAM's", "Δw = −η(u + decay w), to 1%"
        return Check(claim, predicted, self._first_step(result), high=0.01, void=self.unusual, note=FIRST)

    def _line(self, result, name):
        """[R, PLACES]: the loss at the points of a line."""
        return ends(result, "late", name, seed=len(seeds(self.full)), place=len(SHARES))

    def _change(self, result, values):
        """[R]: values [T, R] at the end, as a share of what they were at the switch."""
        return values[-1] / self._after(result, values, 0) if len(values) else np.full(1, np.nan)

    def _risen(self, result):
        """[R]: the highest loss of the first epochs after the switch, over that at the switch."""
        steps, loss = result.over("late", "step").ravel(), result.over("late", "train_loss")
        soon = (steps > self.start) & (steps <= self.start + RISE * EPOCH)
        return loss[soon].max(axis=0) / self._after(result, loss, 0) if len(steps) else np.full(1, np.nan)

    def _first_step(self, result):
        """[R]: how far the first step is from what it must be."""
        return self._after(result, result.over("late", "step_error"), 1)

    def _after(self, result, values, steps):
        """[R]: values [T, R] so many steps after the switch; NaN before there are any."""
        known = result.over("late", "step").ravel()
        return values[known == self.start + steps][0] if len(known) else np.full(1, np.nan)

    def pictures(self, result):
        source, mark = fingerprint(result.spec), (Mark(float(self.start), "SAM from here"),)
        loss, sharp = (
            (curve(result, "late", name, rule_colour("SAM"), "SGD, then SAM"),) for name in ("train_loss", "sharpness")
        )
        rises = ("two-phases", "The loss around the switch", "step", "training loss")
        falls = ("sharpness", "The sharpness around the switch", "step", "λ₁")
        level = ("matched", "At the same loss", "training loss", "λ₁")
        valley = ("valley", "One valley", "share of the way", "training loss")
        return (
            Chart(*rises, loss, CAPTIONS[0], log_y=True, marks=mark, source=source),
            Chart(*falls, sharp, CAPTIONS[1], log_y=True, marks=mark, source=source),
            Chart(*level, self._matched(result), CAPTIONS[2], log_x=True, log_y=True, source=source),
            Chart(*valley, self._ways(result), CAPTIONS[3], log_y=True, source=source),
        )

    def _ways(self, result):
        """The loss on the straight line to the end, and on the one to the end in another order."""
        grid, (line, control) = np.array(SHARES), (self._line(result, name).T for name in ("line", "control"))
        return (
            middle("to the end", grid, line, rule_colour("SAM"), marker="square"),
            middle("to the end, units in another order", grid, control, "vermilion", "dash", "triangle"),
        )

    def _matched(self, result):
        """The medians' path in the plane of loss and sharpness under each rule, and where the sharpness would go if
        it only followed the loss."""
        steps, last = result.over("late", "step").ravel(), self.start
        loss, sharp = (np.median(result.over("late", name), axis=1) for name in ("train_loss", "sharpness"))
        known = steps > 0  # what an untrained network has is far off the picture
        parts = (("SGD", "circle", known & (steps <= last)), ("SAM", "square", steps >= last))
        lines = [Line(name, loss[part], sharp[part], rule_colour(name), marker=marker) for name, marker, part in parts]
        guide = np.sort(loss[known])
        return (
            *lines,
            Line("in proportion to the loss", guide, guide * (sharp / loss)[steps == last].sum(), "ink", "dot"),
        )


def reordered(theta: Tensor, layout: Sequence[Block], seed: int) -> Tensor:
    """theta [n] of an MLP with the units of each hidden layer in a random order: the same function, elsewhere."""
    tensors = unflatten(theta, layout)
    for i in range(0, len(tensors) - 2, 2):
        order = torch.randperm(len(tensors[i]), generator=generator(seed, "order", i)).to(theta.device)
        tensors[i : i + 3] = tensors[i][order], tensors[i + 1][order], tensors[i + 2][:, order]
    return torch.cat([tensor.flatten() for tensor in tensors])


def barrier(losses: np.ndarray) -> np.ndarray:
    """[R]: the highest loss on a line over that at its higher end, of losses [R, PLACES]."""
    return losses.max(1) / losses[:, [0, -1]].max(1)


RISES = "Measured every half epoch. SGD's own loss wavers by a tenth at most."
ORDER = (
    "The control. Another order of the hidden units gives the same function, and the same loss; only the way there "
    "leads out of the valley."
)
FIRST = "How far the step is off, as a share of its length; the old momentum would take it off by more than that."
CAPTIONS = (
    (
        "Training loss at w, not at the perturbed point; median and range over the seeds. Look right of the dotted "
        "line: the loss jumps within a few epochs, which is the escape, and then falls below what it was."
    ),
    (
        "Largest eigenvalue of the training loss's Hessian, by Lanczos' method; median and range over the seeds. It "
        "rises with the loss at first and then falls far below SGD's. Most of that is the lower loss: see the next "
        "picture."
    ),
    (
        "The same measurements, sharpness over loss, each point the medians at one time. At a small cross-entropy the "
        "sharpness follows the loss: along the dotted line, through the switch, nothing has changed but that. SAM ends "
        "somewhat below it: that little is flatter at the same loss, to first order."
    ),
    (
        "Training loss on the straight line in parameter space from the switch (0) to the end (1), at 11 points; median"
        " and range over the seeds. Without a bump the two lie in one valley. The dashed line is a control: it leads "
        "to the same network with its hidden units in another order."
    ),
)
