"""Sweeps over the radius: SAM over all parameters, over the normalization layers alone, and over a random subset, beside no perturbation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from engine.curvature import Hessian, extremes
from engine.experiments.curves import middle
from engine.experiments.experiment import Check, Experiment
from engine.figures.drawing import Chart, say
from engine.figures.theme import rule_colour
from engine.measure import whole
from engine.models import NORMS
from engine.problem import parts
from engine.rules import ASAM, SAM, AllButNormalization, NormalizationOnly, RandomSubset, Rule, plain
from engine.runs import RunSpec
from engine.seeds import generator
from engine.spec import fingerprint


class Variant(NamedTuple):
    """A rule that a sweep compares: what it is at a radius, and how its line is drawn."""

    rule: Callable[[float], Rule]
    colour: str
    dash: str = "solid"


VARIANTS = {
    "SAM": Variant(SAM, rule_colour("SAM")),
    "SAM-ON": Variant(lambda rho: SAM(rho, NormalizationOnly()), "vermilion"),
    "random subset": Variant(lambda rho: SAM(rho, RandomSubset()), "purple", "dash"),
}
MORE = {
    "all but these layers": Variant(lambda rho: SAM(rho, AllButNormalization()), "sky", "dot"),
    "ASAM": Variant(ASAM, rule_colour("ASAM")),
    "ASAM-ON": Variant(lambda rho: ASAM(rho, mask=NormalizationOnly()), rule_colour("ASAM"), "dash"),
}
"""Compared at full size only."""
SHARP = ("SGD", "AdamW", "SAM", "SAM-ON")
"""Whose sharpness is measured."""


MOST = 10.0
"""The largest radius that a rule takes."""
ACCURACY = "test accuracy [%]"
WORDS = "Here normalization means the layers; the 1/‖g‖ of the perturbation, of which paper 1 speaks, is over these layers' parameters only."
LENGTH = f"{WORDS} Were it over all parameters, the perturbation would be shorter."


@dataclass(frozen=True, kw_only=True)
class Sweep(Experiment):
    """Runs at several radii from several seeds, beside runs without a perturbation."""

    radii: tuple[float, ...]
    alone: ClassVar[str]  # the run that perturbs nothing

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
            runs[name] = tuple(replace(sgd, rule=variant.rule(float(rho)), seed=seed) for rho in self.grid for seed in range(self.seeds))
        return runs

    @property
    def variants(self) -> dict[str, Variant]:
        return VARIANTS | MORE if self.full else VARIANTS

    @property
    def seeds(self) -> int:
        return 5 if self.full else 3

    @property
    def grid(self) -> np.ndarray:
        """[K]: the radii in order; at full size also those halfway between, by ratio, and half a step beyond each end."""
        radii = np.unique(self.radii)
        if not self.full or len(radii) == 1:
            return radii
        half = np.sqrt(radii[1:] / radii[:-1])
        return np.unique(np.concatenate([radii, radii[:-1] * half, [radii[0] / half[0], min(radii[-1] * half[-1], MOST)]]))

    def probe(self, name, member, spec, path):
        if path[-1].step == 0 and name != self.alone:
            return anatomy(spec, path[-1].theta)
        return {"lam_max": lam_max(spec, path[-1].theta)} if path[-1].step == spec.steps and name in SHARP else {}

    def ends(self, result, name, quantity):
        """[K, S]: a quantity at the end by radius and seed."""
        return np.broadcast_to(result.last(name, quantity), len(self.grid) * self.seeds).reshape(-1, self.seeds)

    def best(self, result, name, quantity="test_accuracy"):
        """[S]: a quantity at the end, at the radius of the highest mean accuracy over the seeds."""
        return self.ends(result, name, quantity)[self.ends(result, name, "test_accuracy").mean(1).argmax()]

    def at_on(self, result, name):
        """[S]: a variant's accuracy at the end, at the radius that is best for SAM-ON."""
        return self.ends(result, name, "test_accuracy")[self.ends(result, "SAM-ON", "test_accuracy").mean(1).argmax()]

    def radius(self, result, name):
        """[S]: the radius at which each seed's accuracy is highest; NaN while one of them is not known."""
        accuracy = self.ends(result, name, "test_accuracy")
        return np.where(np.isnan(accuracy).any(0), np.nan, self.grid[accuracy.argmax(0)])

    def start(self, result, quantity):
        """[R]: a quantity of SAM-ON's runs before the first step."""
        values = result.over("SAM-ON", quantity)
        return values[0] if len(values) else np.full(1, np.nan)

    def adaptive(self, result, enough: float, void: str) -> tuple[Check, ...]:
        """The checks of ASAM on the normalization layers alone; none at quick size, where it is not run."""
        if not self.full:
            return ()
        alone, on, everywhere = (100 * a for a in (result.last(self.alone, "test_accuracy"), self.best(result, "ASAM-ON"), self.best(result, "ASAM")))
        return (
            Check(f"ASAM-ON gains on {self.alone} too", f"{say(enough)} points or more", on - alone, low=enough, unit="points", void=void),
            Check("ASAM-ON is as accurate as ASAM", "at most 1 point less", on - everywhere, low=-1, unit="points", void=void),
        )

    def anatomical(self, result):
        """The checks of what SAM-ON's perturbation is."""
        share = 100 * self.share
        return (
            Check("SAM-ON's perturbation of the normalization layers is ρ long", "‖ε‖/ρ = 1", self.start(result, "length"), 0.999, 1.001, note=LENGTH),
            Check("It moves these layers' scales and shifts alone", f"{say(share)}% of the parameters", 100 * self.start(result, "moved"),
                  share * (1 - 1e-6), share * (1 + 1e-6), "%", note="Predicted from the widths of the layers."),
        )  # fmt: skip

    def sharpness(self, result):
        """λmax over the radius."""
        caption = (
            "The largest eigenvalue of the training loss's Hessian after training, by a Krylov space of products with it over the whole training set, "
            f"at the same radii; {self.alone} is a level. Compare it with the accuracy: were it all about flatness, the flattest would be the most accurate."
        )
        return self.chart(result, "layers-sharpness", "Sharpness over the radius", "largest eigenvalue λmax", "lam_max", 1, caption, log_y=True)

    def chart(self, result, name, title, label, quantity, scale, caption, log_y=False):
        """Medians over the radii within the range over the seeds, and the runs without a perturbation as a level."""
        known = [each for each in self.variants if quantity == "test_accuracy" or each in SHARP]
        lines = [middle(each, self.grid, scale * self.ends(result, each, quantity), *self.variants[each][1:], "circle") for each in known]
        level = np.broadcast_to(scale * result.last(self.alone, quantity), (len(self.grid), len(result.last(self.alone, quantity))))
        lines.append(middle(self.alone, self.grid, level, rule_colour("SGD"), "dash"))
        ticks = tuple((float(rho), say(rho)) for rho in np.unique(self.radii))
        more = {"log_x": True, "log_y": log_y, "x_ticks": ticks, "source": fingerprint(result.spec)}
        return Chart(name, title, "radius ρ", label, tuple(lines), caption, **more)


def anatomy(spec: RunSpec, theta: torch.Tensor) -> dict[str, float]:
    """What a rule's perturbation is at theta [n] with the whole training set: the length in normalization layers over ρ, and the share of parameters moved."""
    points: list[torch.Tensor] = []

    def recorded(f, point):
        points.append(point)
        return plain(f, point)

    at = replace(whole(spec, theta, spec.problem.load("train", str(theta.device)), 0, torch.zeros_like(theta)), differentiate=recorded)
    spec.rule.direction(at, spec.rule.begin(theta, spec.problem.layout, generator(spec.seed, "rule", 0)))
    moved = points[-1] - theta
    norms = torch.cat([torch.full((block.size,), block.module in NORMS) for block in spec.problem.layout]).to(theta.device)
    return {"length": float(moved[norms].double().norm()) / getattr(spec.rule, "rho", 1), "moved": float((moved != 0).double().mean())}


def lam_max(spec: RunSpec, theta: torch.Tensor) -> float:
    """The largest eigenvalue of the training loss's Hessian at theta [n], to about 1%."""
    random = generator(spec.seed, "top")
    begin = torch.randn(1, len(theta), generator=random, dtype=torch.float64).to(theta)
    *_, krylov = extremes(Hessian(parts(spec.problem, spec.problem.load("train", str(theta.device))), theta), begin, random, top=1, tol=1e-2, look=0)
    return float(krylov.ritz([0]).values[0])
