"""Which learning rates and radii train a small network, under SAM and under USAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.data import Digits
from engine.experiments.curves import look, middle
from engine.experiments.experiment import Check, Experiment, Question
from engine.figures.drawing import Chart, Panel, Tiles
from engine.figures.words import number
from engine.models import MLP
from engine.problems import Classification
from engine.rules import SAM, USAM
from engine.spec import fingerprint, knob
from engine.sweeps.spec import Listed, SweepSpec
from engine.training.runs import RunSpec


@dataclass(frozen=True)
class Trains(Experiment):
    """Learning rates times radii on a small network: which pairs train, under SAM and under USAM."""

    steps: int = knob(60, 20, 500, "Steps", log=True)
    width: int = knob(16, 4, 64, "Width", "Units in the hidden layer.", log=True)
    enough: float = knob(
        0.5, 0.1, 0.9, "Trained below", "The share of its first loss below which a run must end to count as trained."
    )

    title: ClassVar = "Which settings train a network?"
    claim: ClassVar = (
        "Over the same learning rates and radii SAM trains in more cases than USAM, whose largest learning rate falls "
        "as ρ grows."
    )
    setup: ClassVar = (
        "100 digits, full batch; one hidden layer with tanh, squared error: 9 learning rates times 6 radii, each run "
        "from 3 starts (full: 10)."
    )
    source: ClassVar = "Dai, Ahn & Sra 2023 (arXiv 2305.15287), at a small scale"
    question: ClassVar = Question("How much larger a learning rate than USAM does SAM bear at the largest ρ?", 0, 10, 1)

    RATES: ClassVar = np.geomspace(0.1, 1.6, 9)
    RADII: ClassVar = np.geomspace(0.1, 3.2, 6)

    @property
    def seeds(self) -> int:
        """How many starts there are for each pair of a learning rate and a radius."""
        return 10 if self.full else 3

    def ensembles(self):
        problem = Classification(Digits(train=100), MLP(width=self.width, depth=1, activation="tanh"), "squared error")
        return {
            rule.__name__: tuple(
                RunSpec(
                    problem, rule(rho), lr=lr, batch=0, steps=self.steps, every=self.steps, curvature=False, seed=seed
                )
                for seed in range(self.seeds)
                for rho in self.RADII.tolist()
                for lr in self.RATES.tolist()
            )
            for rule in (SAM, USAM)
        }

    @property
    def map(self):
        rates, radii = Listed("lr", tuple(self.RATES.tolist())), Listed("rule.rho", tuple(self.RADII.tolist()))
        return SweepSpec(self.ensembles()["SAM"][0], rates, radii, (SAM(), USAM()), self.seeds)

    def checks(self, result):
        share = {name: self._trained(result, name).mean((1, 2)) for name in ("SAM", "USAM")}
        most = {name: self._most(result, name) for name in ("SAM", "USAM")}
        more, falls = most["SAM"][:, -1] / most["USAM"][:, -1], most["USAM"][:, -1] / most["USAM"][:, 0]
        void = self.unusual
        return (
            Check(
                "A larger share of the map trains with SAM than with USAM",
                "more than 0 of it",
                share["SAM"] - share["USAM"],
                0.04,
                void=void,
                note=PAIRS,
            ),
            Check(
                "At the largest ρ SAM bears a larger learning rate than USAM",
                "more than 1 ×",
                more,
                1.4,
                unit="×",
                void=void,
                note=GRID,
            ),
            Check(
                "USAM's largest learning rate falls with ρ",
                "less than 1 ×",
                falls,
                high=0.6,
                unit="×",
                void=void,
                note=FALLS,
            ),
        )

    def pictures(self, result):
        source = fingerprint(result.spec)
        lines = []
        for name in ("SAM", "USAM"):
            most = self._most(result, name)
            lines.append(middle(name, self.RADII, most.T, look(name).colour, marker=look(name).marker))
        caption = (
            f"The largest learning rate tried at which training ends below {number(self.enough)} of its first loss, "
            "over the radius ρ; median, and from the smallest to the largest of the starts. USAM's falls as ρ grows, "
            "as its edge 2/(λ + ρλ²) does; SAM's falls far less. A ρ is not the same distance for the two: SAM's "
            "perturbation has length ρ, USAM's ρ‖g‖."
        )
        edge = Chart(
            "bears",
            "Largest learning rate that trains",
            "radius ρ",
            "learning rate η",
            tuple(lines),
            caption,
            log_x=True,
            log_y=True,
            source=source,
        )
        return edge, *(self._map(result, name, source) for name in ("SAM", "USAM"))

    def _map(self, result, name, source):
        share = self._trained(result, name).mean(0)
        caption = (
            f"{name}: the share of the {self.seeds} starts from which training ends below {number(self.enough)} of its "
            "first loss, for each learning rate and radius. Compare the two maps: at small radii the rules agree, at "
            "large ones SAM keeps learning rates that USAM loses."
        )
        return Tiles(
            f"trains_{name.lower()}",
            f"What trains under {name}",
            "learning rate η",
            "radius ρ",
            "share of starts that train",
            self.RATES,
            self.RADII,
            True,
            True,
            (Panel(name, look(name).colour, share, np.zeros(share.shape, bool)),),
            False,
            (0.0, 1.0),
            "high",
            caption,
            source=source,
        )

    def _trained(self, result, name):
        """[seeds, radii, rates]: 1 where a run has trained, 0 where it has not, NaN while that is not known."""
        loss, shape = result.over(name, "train_loss"), (self.seeds, len(self.RADII), len(self.RATES))
        if not len(loss) or not np.isfinite(loss[-1]).any():
            return np.full(shape, np.nan)
        return (loss[-1] < self.enough * loss[0]).astype(float).reshape(shape)

    def _most(self, result, name):
        """[seeds, radii]: the largest learning rate that trains; NaN where none does, or while that is not known."""
        best = (np.where(self._trained(result, name) == 1, self.RATES, 0)).max(2)
        return np.where(best > 0, best, np.nan)


FALLS = "The learning rates that are tried are 1.41 times apart. SAM's falls as well, but by less: the row above."
GRID = "The learning rates that are tried are 1.41 times apart: one of them is the least that can be seen."
PAIRS = "Two of the 54 pairs of a learning rate and a radius are 0.04 of the map; fewer could be chance."
