"""Stability with and without 1/‖g‖ in the perturbation: learning rates on a quadratic, where thresholds are known,
and on a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.experiments import theory
from engine.experiments.curves import look
from engine.experiments.experiment import Check, Experiment, Question
from engine.figures.drawing import Chart, Line, Mark
from engine.figures.words import number
from engine.problems import Quadratic
from engine.rules import SAM, SGD, SSAM, USAM
from engine.spec import fingerprint, knob
from engine.sweeps.spec import Listed, SweepSpec
from engine.training.runs import RunSpec

FAR = 100.0
"""Where the runs on the quadratic begin, in x: so far out that the 2-cycle of a stable SAM lies inside. In y they
begin at 0: a part along y dies out more slowly than one along x, and as long as it is the greater one SAM's
perturbation points along y, while x shrinks as if there were none."""
LEFT = 4 * FAR
"""How far away a run has to end to have left."""
WELL = 0.9
"""Share of the threshold below which a run has ended in what it tends to: nearer to it, that takes longer than the
run."""
SLOW = 0.12
"""Share of gradient descent's threshold from which on it has: at smaller learning rates, too, it takes longer."""
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Stability(Experiment):
    """Learning rates on a quadratic, from far too small to far too large: where each rule begins to leave, and where
    it ends if it does not."""

    lam: float = knob(10.0, 1.0, 50.0, "Largest curvature λ", "Of f = (λ x² + y²)/2.", log=True)
    rho: float = knob(0.1, 0.01, 0.2, "Radius ρ", "Half of it and five times as much are tried as well.", log=True)

    title: ClassVar = "Which learning rates are stable?"
    claim: ClassVar = (
        "SAM is stable up to gradient descent's learning rate 2/λ, whatever ρ; USAM only up to 2/(λ + ρλ²)."
    )
    setup: ClassVar = (
        "f = (λ x² + y²)/2 from (100, 0), along the sharpest direction: a run for each of some hundreds of learning "
        "rates, 1% apart (full: 0.5%), under each rule and at three radii. It has left if it ends more than four times "
        "as far out as it began."
    )
    source: ClassVar = (
        "Dai, Ahn & Sra 2023 (arXiv 2305.15287); SAM's 2-cycle: Bartlett, Long & Bousquet 2023 (arXiv 2210.01513) and, "
        "for ηλ < 1, Wen, Ma & Li 2023, thm. 4.8 (arXiv 2211.05729)"
    )
    question: ClassVar = Question(
        "Up to which share of gradient descent's largest learning rate is USAM stable at the largest of the three "
        "radii?",
        0,
        1.2,
        2,
    )

    @property
    def radii(self) -> tuple[float, float, float]:
        """Half of ρ, ρ, and five times ρ."""
        return self.rho / 2, self.rho, 5 * self.rho

    @property
    def rates(self) -> np.ndarray:
        """[N] learning rates: a constant factor apart, from below the least threshold that theory gives to above the
        largest."""
        largest, least = theory.threshold_gd(self.lam), theory.threshold_usam(self.lam, self.radii[-1])
        return largest * np.exp(
            np.arange(np.log(min(SLOW, 0.75 * least / largest)), np.log(1.2), 0.005 if self.full else 0.01)
        )

    def ensembles(self):
        rules = {
            "GD": (SGD(),),
            "USAM": tuple(map(USAM, self.radii)),
            "SAM": tuple(map(SAM, self.radii)),
            "SSAM": tuple(SSAM(SAM(r)) for r in self.radii),
        }
        steps = 600 if self.full else 250
        return {
            name: tuple(
                RunSpec(self._bowl, rule, lr=lr, batch=0, steps=steps, every=steps, curvature=False)
                for rule in radii
                for lr in self.rates.tolist()
            )
            for name, radii in rules.items()
        }

    @property
    def map(self):
        run = self.ensembles()["GD"][0]
        rules = (SGD(), USAM(self.rho), SAM(self.rho), SSAM(SAM(self.rho)))
        return SweepSpec(run, Listed("lr", tuple(self.rates.tolist())), Listed("rule.rho", self.radii), rules)

    @property
    def _bowl(self) -> Quadratic:
        return Quadratic((self.lam, 1.0), (FAR, 0.0))

    def checks(self, result):
        found = {name: self._thresholds(result, name) for name in self.ensembles()}
        gd, usam = theory.threshold_gd(self.lam), np.array([theory.threshold_usam(self.lam, rho) for rho in self.radii])
        return (*self._limits(found, gd, usam), *self._rests(result, gd, usam))

    def _limits(self, found, gd, usam):
        """The largest stable learning rate of each rule, at each radius."""
        low, high = 0.99, 1.01
        share, most = usam[-1] / gd, f"At ρ = {number(self.radii[-1])} USAM is stable up to 1/(1 + ρλ)"
        less = (f"{most} of gradient descent's learning rate", f"{number(share)} × {number(gd)}")
        each = ("USAM is stable up to η = 2/(λ + ρλ²), at each ρ", "1 × " + _listed(usam))
        alike = f"1 × {number(gd)}"
        whatever = (
            Check(f"{name} is stable up to η = 2/λ, whatever ρ", alike, _worst(found[name] / gd), low, high, "×")
            for name in ("SAM", "SSAM")
        )
        return (
            Check("Gradient descent is stable up to η = 2/λ", f"η = {number(gd)}", found["GD"], low * gd, high * gd),
            Check(*each, _worst(found["USAM"] / usam), low, high, "×"),
            Check(*less, found["USAM"][-1:] / gd, low * usam[-1] / gd, high * usam[-1] / gd, "×"),
            *whatever,
        )

    def _rests(self, result, gd, usam):
        """Where the runs end that do not leave."""
        resting = {"GD": np.full(1, gd), "USAM": usam, "SSAM": np.full(3, gd)}
        rest = np.concatenate([self._tail(result, name, most).max(1) for name, most in resting.items()])
        cycle = ("SAM ends on a 2-cycle of radius ηρλ/(2 − ηλ)", "1 × the radius, at each η and ρ")
        minimum = ("Gradient descent, USAM and SSAM end at the minimum", "|x| = 0")
        return (
            Check(*cycle, _worst(self._on_cycle(result)), 0.99, 1.01, "×"),
            # how close they have come goes with the number of steps
            Check(*minimum, [rest.max()], high=1e-3, sized=True),
        )

    def pictures(self, result):
        source, rho, lam = fingerprint(result.spec), self.rho, self.lam
        middle = {name: self._ends(result, name)[-2 if name != "GD" else -1] for name in self.ensembles()}
        lines = [Line(name, self.rates, ends, look(name).colour) for name, ends in middle.items()]
        stable = self.rates[self.rates < theory.threshold_gd(lam)]
        lines.append(
            Line(
                "SAM's 2-cycle, theory",
                stable,
                np.array([theory.sam_cycle(lr, rho, lam) for lr in stable]),
                look("SAM").colour,
                "dash",
                theory=True,
            )
        )
        marks = (Mark(theory.threshold_usam(lam, rho), "2/(λ + ρλ²)"), Mark(theory.threshold_gd(lam), "2/λ"))
        caption = (
            f"Distance |x| from the minimum of f = ({number(lam)} x² + y²)/2 after the last step, one run for each "
            f"learning rate, from |x| = 100; ρ = {number(rho)}. Dotted: the thresholds that theory gives for USAM, and "
            "for the three others. USAM leaves first. Below 2/λ gradient descent and SSAM fall to the lower edge, "
            "which is 0; SAM, whose perturbation keeps its length, ends on the 2-cycle that the dashed line predicts."
        )
        ends = Chart(
            "ends",
            "Where the run ends",
            "learning rate η",
            "|x| at the end",
            tuple(lines),
            caption,
            True,
            True,
            (1e-3, 1e4),
            marks=marks,
            source=source,
        )
        return ends, self._map(result, source)

    def _map(self, result, source):
        rhos, gd = np.geomspace(self.radii[0] / 1.5, 1.5 * self.radii[-1], 60), theory.threshold_gd(self.lam)
        points = [
            Line(
                name,
                np.array(self.radii),
                np.broadcast_to(self._thresholds(result, name), 3),
                look(name).colour,
                "none",
                look(name).marker,
            )
            for name in self.ensembles()
        ]
        usam = np.array([theory.threshold_usam(self.lam, rho) for rho in rhos])
        theories = (
            Line("2/λ, theory", rhos, np.full(len(rhos), gd), "grey", "dash", theory=True),
            Line("USAM, theory", rhos, usam, look("USAM").colour, "dash", theory=True),
        )
        caption = (
            "The largest stable learning rate that the runs themselves show, over the radius: halfway between the first"
            " that left and the one below it, 1% apart (0.5% in the full size). Gradient descent has no radius, and the"
            " same point at each. Look for the one rule that falls: dividing the perturbation by ‖g‖ makes ρ harmless "
            "to stability, and so SAM's points lie on gradient descent's, like SSAM's."
        )
        return Chart(
            "thresholds",
            "Largest stable learning rate",
            "radius ρ",
            "learning rate η",
            (*points, *theories),
            caption,
            True,
            True,
            source=source,
        )

    def _ends(self, result, name):
        """[radii, N]: |x| after the last step, by the loss λx²/2 that there is with y at 0, at most the largest number
        of single precision, in which losses are kept; NaN where it is not known."""
        radii = 1 if name == "GD" else 3
        loss = np.nan_to_num(result.last(name, "train_loss"), nan=np.nan, posinf=LARGEST)
        return np.broadcast_to(np.sqrt(2 * loss / self.lam), radii * len(self.rates)).reshape(radii, -1)

    def _thresholds(self, result, name):
        """[radii]: the learning rate from which on runs leave, halfway between two that were tried."""
        return np.array([_threshold(self.rates, ends) for ends in self._ends(result, name)])

    def _tail(self, result, name, most):
        """[radii, N]: the ends of runs well below their threshold `most` [radii], 0 for the others."""
        return np.where(self._quick & (self.rates < WELL * most[:, None]), self._ends(result, name), 0)

    def _on_cycle(self, result):
        """[radii * some of N]: SAM's ends over the cycle's predicted radii."""
        near = self._quick & (self.rates < WELL * theory.threshold_gd(self.lam))
        predicted = np.array([[theory.sam_cycle(lr, rho, self.lam) for lr in self.rates[near]] for rho in self.radii])
        return (self._ends(result, "SAM")[:, near] / predicted).ravel()

    @property
    def _quick(self) -> np.ndarray:
        """[N]: whether a run at that learning rate has come to where it tends to, if it does."""
        return self.rates > (1 - 1e-9) * SLOW * theory.threshold_gd(self.lam)


def _threshold(rates, ends):
    """Between the first rate at which the run has left (or was lost) and the one before; NaN where none or all have."""
    index = int(np.argmax(~(ends <= LEFT)))
    return float(np.sqrt(rates[index - 1] * rates[index])) if index > 0 else np.nan


def _worst(ratios):
    """[1]: the one of some ratios that is furthest from 1; NaN if one of them is."""
    return ratios[[int(np.argmax(np.where(np.isfinite(ratios), np.abs(ratios - 1), np.inf)))]]


def _listed(values):
    return ", ".join(map(number, values))
