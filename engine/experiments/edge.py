"""Extra, the edge of stability of SAM: where the sharpness of full-batch runs settles, each rule at an edge of its
own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from engine.data import Digits
from engine.experiments import theory
from engine.experiments.curves import look
from engine.experiments.experiment import Check, Experiment, Paper, Question, rules_of
from engine.figures.drawing import Chart, Line
from engine.figures.words import number
from engine.models import MLP
from engine.problems import Classification
from engine.rules import SAM, SGD, SSAM, USAM, UnifiedSAM
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec

NAMES = ("GD", "USAM", "SSAM", "SAM")
NEAR = 0.1
"""How far from its edge, as a share of it, the sharpness of a run may settle."""
LAG = {True: 0.15, False: 0.25}
"""The same upwards by `full` where the edge falls with the gradient: the sharpness follows from above, and a short
run is still on its way."""
TURN = 0.2
"""How much closer to v₁ SAM's gradient must lie than g does, as a share for each unit of the radius, without which
it would lie no closer."""
EVERY = {True: 75, False: 35}
"""Steps between measurements by `full`: odd, because runs at the edge bounce from side to side and two steps apart
are alike."""
WARMUP = 100
"""Steps in which the rate rises, and the edges come down to where they stay: a run that begins far above its edge
may diverge or be thrown far below it."""


@dataclass(frozen=True)
class EdgeOfStability(Experiment):
    """Full-batch descent on digits: which sharpness each rule allows."""

    eta: float = knob(
        0.6, 0.1, 1.5, "Learning rate η", "From 0.5 to 1 the edges lie where these runs can reach them.", log=True
    )
    rho: float = knob(0.1, 0.01, 0.3, "Radius ρ", "USAM's is multiplied by the gradient.", log=True)

    title: ClassVar = "Four rules, four edges"
    claim: ClassVar = (
        "The sharpness of each run settles at the edge of stability of its own rule: SAM's lies far below 2/η, and "
        "moves with the gradient's norm."
    )
    setup: ClassVar = (
        "500 digits, full batches, a ReLU network with 3 hidden layers of 64 units, Xavier starts, squared error "
        f"averaged over the outputs, no momentum; the rate rises for {WARMUP} steps; one start (full: 4). Each rule's "
        "edge is computed from η, ρ and, for SAM and SSAM, gradient norms measured along its run."
    )
    source: ClassVar = "Long & Bartlett 2024 (arXiv 2309.12488); Cohen et al. 2021 (arXiv 2103.00065)"
    question: ClassVar = Question("SAM's late sharpness, as a share of gradient descent's edge 2/η?", 0, 1, 4)

    def ensembles(self):
        problem = Classification(Digits(500), MLP(64, 3, "relu", "xavier"), "squared error")
        rules = {"GD": SGD(), "USAM": USAM(self.rho), "SSAM": SSAM(SAM(self.rho)), "SAM": SAM(self.rho)}
        steps, seeds = (3000, 4) if self.full else (450, 1)
        return {
            name: tuple(
                RunSpec(
                    problem, rule, lr=self.eta, batch=0, steps=steps, seed=seed, every=EVERY[self.full], warmup=WARMUP
                )
                for seed in range(seeds)
            )
            for name, rule in rules.items()
        }

    def probe(self, name, member, spec, path):
        """For SSAM's edge: the norm of the gradient at w + rho g/|g|, which its direction no longer has."""
        if name != "SSAM":
            return {}
        data, w = spec.problem.load("train", str(path[-1].theta.device)), path[-1].theta
        g = _gradient(spec, w, data)
        return {"ascent_norm": float(_gradient(spec, w + self.rho * g / g.norm(), data).norm())}

    def checks(self, result):
        return (*self._settled(result), *self._turned(result))

    def _settled(self, result):
        """The sharpness over each rule's own edge: about 1, and where the settings are unusual no more than that."""
        usual = not self.unusual
        low, lag = (1 - NEAR, LAG[True]) if usual else (0.0, LAG[self.full])
        where, expected = ("settles at", "ratio 1") if usual else ("stays below", "ratio 1 at most")
        gd, usam = number(theory.gd_edge(self.eta)), number(theory.usam_edge(self.eta, self.rho))
        rows = {
            "GD": (f"Gradient descent {where} 2/η", f"λ₁ = 2/η = {gd}: {expected}", NEAR, REACHED),
            "USAM": (f"USAM {where} the λ with λ + ρλ² = 2/η", f"λ₁ = {usam}: {expected}", NEAR, ""),
            "SAM": (f"SAM {where} the λ with λ + ρλ²/G = 2/η", f"{expected}, G measured", LAG[self.full], MOVES),
            "SSAM": (f"SSAM {where} SAM's edge for the rate ηG/U", f"{expected}, G and U measured", lag, TURNED),
        }
        # SAM's and SSAM's sharpness falls with the gradient as long as they train: what is sized goes with that
        return [
            Check(
                claim,
                predicted,
                _late_median(self._ratio(result, name)),
                low,
                1 + above,
                note=note if usual else REST,
                sized=name in ("SAM", "SSAM"),
            )
            for name, (claim, predicted, above, note) in rows.items()
        ]

    def _turned(self, result):
        """How far SAM and SSAM come below gradient descent's edge, and that SAM's gradient turns to v₁."""
        edge, void = theory.gd_edge(self.eta), self.unusual
        sam, ssam = (_late_median(result.over(name, "sharpness")) / edge for name in ("SAM", "SSAM"))
        aligned = _late_median(result.over("SAM", "cos_u") / result.over("SAM", "cos_g"))
        closer = ("SAM's gradient lies closer to v₁ than g does", "cos(u, v₁) above cos(g, v₁)", aligned)
        flat = ("SAM keeps the sharpness far below 2/η", "λ₁ below half of 2/η", sam)
        plain = ("SSAM settles at 2/η", f"λ₁ = 2/η = {number(edge)}: ratio 1", ssam, 1 - NEAR, 1 + NEAR)
        return (
            Check(*flat, high=0.5, void=void, sized=True),
            Check(*closer, low=1 + TURN * self.rho, unit="times"),
            Check(*plain, void=void, claimed=False, note=ALONG, sized=True),
        )

    def pictures(self, result):
        pairs = tuple(line for name in NAMES for line in self._pair(result, name))
        edges = ("edges", "Sharpness and each rule's edge", "step", "λ₁ of the Hessian")
        ratio = ("edge-ratio", "Sharpness over its own edge", "step", "λ₁ / edge")
        alignment = ("edge-alignment", "Alignment with the sharpest direction", "step", "|cos| with v₁")
        source = fingerprint(result.spec)
        return (
            Chart(*edges, pairs, CAPTIONS[0], log_y=True, source=source),
            Chart(*ratio, self._ratios(result), CAPTIONS[1], y_range=(0, 2), source=source),
            Chart(*alignment, self._cosines(result), CAPTIONS[2], y_range=(0, 1), source=source),
        )

    def _ratios(self, result):
        steps = _steps(result, "GD")
        unit = Line("at its own edge, theory", steps, np.ones(len(steps)), "ink", "dash", theory=True)
        return (*(_curve(name, name, result, self._ratio(result, name)) for name in NAMES), unit)

    def _cosines(self, result):
        return tuple(
            _curve(f"{name}: {what}", name, result, result.over(name, f"cos_{what}"), dash)
            for what, dash in (("u", "solid"), ("g", "dot"))
            for name in ("SAM", "SSAM")
        )

    def _ratio(self, result, name):
        """[T, R]: the sharpness over the rule's own edge."""
        return result.over(name, "sharpness") / self._edges(result, name)

    def _pair(self, result, name):
        edge, colour = _middle(self._edges(result, name)), look(name).colour
        line = Line(f"{name}'s edge, theory", _steps(result, name), edge, colour, "dash", theory=True)
        return _curve(name, name, result, result.over(name, "sharpness")), line

    def _edges(self, result, name):
        """[T, R]: the rule's edge of stability at each measurement."""
        g = result.over(name, "gradient_norm")
        if name in ("GD", "USAM"):
            return np.full(g.shape, theory.gd_edge(self.eta) if name == "GD" else theory.usam_edge(self.eta, self.rho))
        u = result.over(name, "ascent_norm") if name == "SSAM" else g  # SAM's own rate is not rescaled
        return np.reshape(
            [theory.ssam_edge(self.eta, self.rho, *norms) for norms in zip(g.ravel(), u.ravel(), strict=True)], g.shape
        )


def _gradient(spec: RunSpec, w: Tensor, data) -> Tensor:
    """[n]: of the mean loss over the training set, at w [n]."""
    w = w.detach().requires_grad_()
    return torch.autograd.grad(spec.problem.loss(w, data.x, data.y), w)[0]


def _late_median(values: np.ndarray) -> np.ndarray:
    """[R]: medians over the second half of the run; NaN until it has come to its end."""
    return np.median(values[len(values) // 2 :], axis=0) if len(values) else np.full(1, np.nan)


def _middle(values: np.ndarray) -> np.ndarray:
    """[T]: medians over the seeds."""
    return np.median(values, axis=1)


def _steps(result, name: str) -> np.ndarray:
    return result.over(name, "step").ravel()[: len(result.over(name, "sharpness"))].astype(float)


def _curve(label: str, name: str, result, values: np.ndarray, dash: str = "solid") -> Line:
    """The median over the seeds [T] of values [T, R], within their range."""
    colour, marker = look(name)
    band = (values.min(axis=1), values.max(axis=1)) if values.shape[1] > 1 else None
    return Line(label, _steps(result, name), _middle(values), colour, dash, marker, band)


REST = "Whether a run climbs up to its edge depends on how sharp the network can become, and on the time that it has."
REACHED = "The rate is one whose edge the network can reach: at η = 0.3 its sharpness stops growing below 2/η."
MOVES = (
    "G, the norm of the full-batch gradient at w, is measured along the run: the edge falls with it, and the sharpness "
    "follows from above."
)
TURNED = (
    "2/η is SSAM's edge where g lies along v₁. Here it does not, and the step along v₁ is cos(u, v₁)/cos(g, v₁) times "
    "gradient descent's: the edge lies lower, at SAM's for the rate ηG/U, with U the measured norm of u before it is "
    "rescaled."
)
ALONG = "It would, did g lie along v₁; the edge that holds is in its row above."
CAPTIONS = (
    (
        "Largest Hessian eigenvalue over the whole training set (solid; of several seeds the median and the range) and "
        f"the edge that theory gives for the rule (dashed). While the rate rises, in the first {WARMUP} steps, the "
        "edge comes down from above; look how every run follows and then stays at its own dashed line, drawn for the "
        "final rate. SAM's and SSAM's are computed from the gradient norms along their runs, and move."
    ),
    "The same sharpness divided by the rule's edge: four quantities of very different sizes come to lie near 1.",
    (
        "How closely the full-batch gradient g (dotted) and the direction u of the rule (solid) lie along the Hessian's"
        " top eigenvector. The ascent stretches g along the sharp directions, so that u lies closer to v₁: this is "
        "what lowers the edge."
    ),
)

PAPER = Paper(
    "edge",
    "At which edge?",
    "Sharpness-Aware Minimization and the Edge of Stability",
    "Long & Bartlett 2024",
    "2309.12488",
    "Full-batch SAM trains at an edge of stability of its own, which lies below gradient descent's 2/η and falls as "
    "the gradient becomes smaller.",
    (
        (
            "A step along the sharpest direction overshoots by more than it corrects once η times the curvature that "
            "it feels exceeds 2."
        ),
        (
            "SAM takes its gradient a way ρ up the slope, where the curvature λ has added ρλ²/‖g‖: it feels more of it "
            "than there is."
        ),
        "So it becomes unstable earlier, the smaller the gradient the earlier, and is driven to flatter places.",
    ),
    "GD: λ = 2/η  USAM: λ + ρλ² = 2/η  SAM: λ + ρλ²/‖g‖ = 2/η  SSAM: λ + ρλ²/‖g‖ = (2/η) ‖u‖/‖g‖  u = ∇L(w + ρ g/‖g‖)",
    (EdgeOfStability,),
    lambda spec: (
        not spec.batch
        and spec.problem.examples() > 0
        and any(isinstance(rule, SGD | SAM | USAM | UnifiedSAM | SSAM) for rule in rules_of(spec))
    ),
    extra=True,
)
