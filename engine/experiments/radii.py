"""Sweeps over the radius: SAM over all parameters, over the normalization layers alone, and over a random subset,
beside no perturbation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from engine.experiments.curves import ends, middle
from engine.experiments.experiment import Check, Experiment
from engine.experiments.perturbation import anatomy, lam_max
from engine.experiments.variants import MORE, SHARP, VARIANTS, Variant
from engine.figures.drawing import Chart
from engine.figures.theme import rule_colour
from engine.figures.words import number
from engine.spec import fingerprint
from engine.training.runs import RunSpec

MOST = 10.0
"""The largest radius that a rule takes."""
CHANCE = 10.0
"""The accuracy in % of a guess among ten classes."""
ACCURACY = "test accuracy [%]"
WORDS = (
    "Here normalization means the layers; the 1/‖g‖ of the perturbation, which is called so too, is over their "
    "parameters only."
)
TUNED = (
    "Radii are chosen by test accuracy over the seeds, as papers do: to try a few is an advantage over a rule without "
    "one."
)
OWN = "Each at its own best radius."
SAME = "As many parameters, moved as far."
TIED = "Each at its own best radius: how flat the minimum is does not decide how accurate it is."
FITTED = (
    "In runs long enough to fit the wrong labels: where the cross-entropy nears 0, so does its curvature, and the "
    "longer the run, the more so."
)
SMALL = (
    "In the paper it can be, in larger networks. Here it does not reproduce: SAM is about as accurate or more so, and "
    "that changes with the seeds."
)
REST = (
    "The paper's control. Here SAM gains about as much by all the other parameters: these layers suffice, and are not "
    "needed."
)
LENGTH = f"{WORDS} Were it over all parameters, the perturbation would be shorter."


@dataclass(frozen=True, kw_only=True)
class RadiusSweep(Experiment):
    """Runs at several radii from several seeds, beside runs without a perturbation."""

    radii: tuple[float, ...]
    alone: ClassVar[str]  # the run that perturbs nothing
    runs: ClassVar[tuple[int, int]]  # seeds in the quick and in the full size
    enough: ClassVar[float]  # points of accuracy that SAM-ON must gain
    ahead: ClassVar[float]  # and by how many it must lead a random subset
    findings: ClassVar[Mapping[str, str]] = {}  # what is not claimed here, and why: "less", "nothing" or "sharper"

    def __post_init__(self):
        object.__setattr__(self, "radii", tuple(sorted(set(self.radii))))  # in whatever order, and however often each

    @property
    @abstractmethod
    def base(self) -> RunSpec:
        """Its run from seed 0."""

    @property
    @abstractmethod
    def share(self) -> float:
        """The normalization layers' share of the parameters, by theory."""

    def ensembles(self):
        sgd = replace(self.base, every=self.base.steps, curvature=False)
        runs = {self.alone: tuple(replace(sgd, seed=seed) for seed in range(self.seeds))}
        for name, variant in self.variants.items():
            runs[name] = tuple(
                replace(sgd, rule=variant.rule(float(rho)), seed=seed)
                for rho in self.grid
                for seed in range(self.seeds)
            )
        return runs

    @property
    def variants(self) -> dict[str, Variant]:
        """By name, the rules that are compared at this size."""
        return VARIANTS | MORE if self.full else VARIANTS

    @property
    def seeds(self) -> int:
        """How many seeds there are at each radius."""
        return self.runs[self.full]

    @property
    def grid(self) -> np.ndarray:
        """[K]: the radii in order; at full size also those halfway between, by ratio, and half a step beyond each
        end."""
        radii = np.array(self.radii)
        if not self.full or len(radii) == 1:
            return radii
        half = np.sqrt(radii[1:] / radii[:-1])
        return np.unique(
            np.concatenate([radii, radii[:-1] * half, [radii[0] / half[0], min(radii[-1] * half[-1], MOST)]])
        )

    def probe(self, name, member, spec, path):
        if path[-1].step == 0 and name != self.alone:
            return anatomy(spec, path[-1].theta)
        return {"lam_max": lam_max(spec, path[-1].theta)} if path[-1].step == spec.steps and name in SHARP else {}

    def ends(self, result, name, quantity):
        """[K, S]: a quantity at the end by radius and seed; K is 1 without a perturbation."""
        rows = 1 if name == self.alone else len(self.grid)
        return ends(result, name, quantity, radius=rows, seed=self.seeds)

    def accuracies(self, result, name):
        """[K, S]: the test accuracy at the end in %, by radius and seed; of a run that was lost on the way a
        guess's, so that its radius is no good one."""
        accuracy = 100 * self.ends(result, name, "test_accuracy")
        return np.where(np.isnan(accuracy), CHANCE, accuracy) if result.complete else accuracy

    def tuned(self, result, name):
        """[S]: the test accuracy in % at the radius at which its mean over the seeds is highest."""
        return self.accuracies(result, name)[self.top(result, name)]

    def top(self, result, name) -> int:
        """Which of the radii that is."""
        return int(self.accuracies(result, name).mean(1).argmax())

    def radius(self, result, name):
        """[S]: the radius at which each seed's accuracy is highest; NaN while one of them is not known."""
        accuracy = self.accuracies(result, name)
        return np.where(np.isnan(accuracy).any(0), np.nan, self.grid[accuracy.argmax(0)])

    def start(self, result, quantity):
        """[R]: a quantity of SAM-ON's runs before the first step."""
        values = result.over("SAM-ON", quantity)
        return values[0] if len(values) else np.full(1, np.nan)

    def checks(self, result):
        return (
            *self.gains(result),
            *self.flatness(result),
            *(self.enlarged(result) if self.full else ()),
            *self.anatomical(result),
        )

    def gains(self, result) -> tuple[Check, ...]:
        """The checks of accuracy: SAM-ON beside no perturbation, a random subset and SAM."""
        alone, sam, on, subset = (self.tuned(result, name) for name in (self.alone, "SAM", "SAM-ON", "random subset"))
        there = self.accuracies(result, "random subset")[self.top(result, "SAM-ON")]
        points: dict[str, Any] = {"unit": "points", "void": self.unusual}
        fewer = f"{number(self.ahead)} points fewer, or more than that"
        return (
            # sized: longer runs help what has no perturbation a little, SAM-ON not, and a random subset that is moved
            # so far least of all
            Check(
                f"SAM-ON gains on {self.alone}",
                f"{number(self.enough)} points or more",
                on - alone,
                low=self.enough,
                note=TUNED,
                sized=True,
                **points,
            ),
            Check(
                "A random subset of as many parameters gains less",
                fewer,
                on - subset,
                low=self.ahead,
                **points,
                **self.stated("less", OWN),
            ),
            Check("So it does at SAM-ON's radius", fewer, on - there, low=self.ahead, note=SAME, sized=True, **points),
            Check(
                "A random subset gains nothing",
                f"within 2 points of {self.alone}",
                subset - alone,
                -2,
                2,
                **points,
                **self.stated("nothing", OWN),
            ),
            Check(
                "SAM-ON is better than SAM", "a higher accuracy", on - sam, low=0, claimed=False, note=SMALL, **points
            ),
        )

    def flatness(self, result) -> tuple[Check, ...]:
        """The checks of λmax: SAM-ON beside no perturbation and beside SAM."""
        alone, sam, on = (
            self.ends(result, name, "lam_max")[self.top(result, name)] for name in (self.alone, "SAM", "SAM-ON")
        )
        more: dict[str, Any] = {"low": 1.2, "unit": "×", "void": self.unusual}
        sharper, times = f"SAM-ON's minimum is sharper than {self.alone}'s", "λmax at least 1.2 times {}'s"
        return (
            # sized: without a perturbation the curvature goes on falling as the wrong labels are fitted; SAM-ON's does
            # not
            Check(sharper, times.format(self.alone), on / alone, sized=True, **more, **self.stated("sharper", FITTED)),
            Check("SAM-ON ends less flat than SAM", times.format("SAM"), on / sam, note=TIED, **more),
        )

    def enlarged(self, result) -> tuple[Check, ...]:
        """The checks of what only the full size runs: more radii, all but these layers, and ASAM."""
        names = (self.alone, "SAM", "all but these layers", "ASAM", "ASAM-ON")
        alone, sam, rest, asam, on = (self.tuned(result, name) for name in names)
        points: dict[str, Any] = {"unit": "points", "void": self.unusual}
        ratio, fewer = (
            self.radius(result, "SAM-ON") / self.radius(result, "SAM"),
            f"{number(self.ahead)} points fewer, or more than that",
        )
        return (
            Check("SAM-ON needs a larger radius than SAM", "2 to 10 times", ratio, 2, 10, "×", self.unusual),
            Check(
                "Without these layers SAM loses its gain",
                fewer,
                sam - rest,
                low=self.ahead,
                claimed=False,
                note=REST,
                **points,
            ),
            Check(
                f"ASAM-ON gains on {self.alone} too",
                f"{number(self.enough)} points or more",
                on - alone,
                low=self.enough,
                **points,
            ),
            Check("ASAM-ON is as accurate as ASAM", "at most 1 point less", on - asam, low=-1, **points),
        )

    def stated(self, claim: str, note: str = "") -> dict[str, Any]:
        """Whether something is claimed here, and what to make of it."""
        return {"claimed": claim not in self.findings, "note": self.findings.get(claim, note)}

    def anatomical(self, result):
        """The checks of what SAM-ON's perturbation is."""
        share = 100 * self.share
        return (
            Check(
                "SAM-ON's perturbation of the normalization layers is ρ long",
                "‖ε‖/ρ = 1",
                self.start(result, "length"),
                0.999,
                1.001,
                note=LENGTH,
            ),
            Check(
                "It moves these layers' scales and shifts alone",
                f"{number(share)}% of the parameters",
                100 * self.start(result, "moved"),
                share * (1 - 1e-6),
                share * (1 + 1e-6),
                "%",
                note="Predicted from the widths of the layers.",
            ),
        )

    def sharpness(self, result):
        """λmax over the radius."""
        caption = (
            "The largest eigenvalue of the training loss's Hessian after training, by a Krylov space of products with "
            f"it over the whole training set, at the same radii; {self.alone} is a level. Compare it with the "
            "accuracy: were it all about flatness, the flattest would be the most accurate."
        )
        return self.chart(
            result,
            "layers-sharpness",
            "Sharpness over the radius",
            "largest eigenvalue λmax",
            "lam_max",
            caption,
            log_y=True,
        )

    def chart(self, result, name, title, label, quantity, caption, log_y=False):
        """Medians over the radii within the range over the seeds, and the runs without a perturbation as a level."""
        known = [each for each in self.variants if quantity == "test_accuracy" or each in SHARP]
        values = {
            each: self.accuracies(result, each) if quantity == "test_accuracy" else self.ends(result, each, quantity)
            for each in (*known, self.alone)
        }
        lines = [middle(each, self.grid, values[each], *self.variants[each][1:]) for each in known]
        lines.append(
            middle(self.alone, self.grid, values[self.alone].repeat(len(self.grid), 0), rule_colour("SGD"), "dash")
        )
        ticks = tuple((float(rho), number(rho)) for rho in self.radii)
        more = {"log_x": True, "log_y": log_y, "x_ticks": ticks, "source": fingerprint(result.spec)}
        return Chart(name, title, "radius ρ", label, tuple(lines), caption, **more)
