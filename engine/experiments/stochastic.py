"""Extra, 1-SAM against n-SAM: what the size of the batch behind a perturbation does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from engine.experiments import theory
from engine.experiments.curves import curve, ends, middle
from engine.experiments.experiment import Check, Experiment, Paper, Question, rules_of
from engine.figures.drawing import Chart, Line
from engine.figures.theme import MARKERS, ordinal, rule_look
from engine.figures.words import number
from engine.problems import DiagonalNet
from engine.rules import MSAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import RunSpec

N = 20
"""Training examples."""


@dataclass(frozen=True)
class MicroBatches(Experiment):
    """Sparse regression by a diagonal linear net: SAM whose perturbation belongs to one example, to a few, or to
    all."""

    eta: float = knob(0.1, 0.02, 0.2, "Learning rate η", log=True)
    rho: float = knob(0.3, 0.05, 0.4, "Radius ρ", log=True)
    steps: int = knob(500, 50, 5000, "Steps", "Four times as many in the full size.", log=True)

    title: ClassVar = "One example or all of them"
    claim: ClassVar = (
        "1-SAM finds the sparse truth behind too few examples; n-SAM, with the same gradients averaged before the "
        "ascent, does not."
    )
    setup: ClassVar = (
        "β = u ⊙ v in 30 dimensions, 20 examples, 3 entries of β* that are not 0, start at u = 1, v = 0. Every step "
        "descends the mean over all examples; only how many share a perturbation, m, differs. Several draws of the "
        "examples take the place of seeds."
    )
    separately: ClassVar = True  # each draw is a problem of its own
    source: ClassVar = (
        "Andriushchenko & Flammarion 2022 (arXiv 2206.06232), there with the perturbation ρg, here with ρg/‖g‖; "
        "that 1-SAM minimizes the trace: Wen, Ma & Li 2023, sec. 5 (arXiv 2211.05729)"
    )
    question: ClassVar = Question("How large is 1-SAM's held-out loss at the end, as a share of n-SAM's?", 0, 2, 1)

    @property
    def draws(self) -> range:
        """The draws of the examples, in the place of seeds."""
        return range(8 if self.full else 3)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The micro-batches m, of which 1 is 1-SAM and N is n-SAM."""
        return (1, 2, 4, 10, N) if self.full else (1, 4, N)

    @property
    def _names(self) -> tuple[str, ...]:
        return ("GD", *map(_name, self.sizes))

    @property
    def length(self) -> int:
        """Steps of a run at this size."""
        return self.steps * (4 if self.full else 1)

    @property
    def shrunk(self) -> float:
        """How often 1-SAM can divide what is superfluous in u and v by e: it descends L + (ρ²/2) Tr, and so by about
        ρ² a unit of time."""
        return self.eta * self.rho**2 * self.length

    def ensembles(self):
        rules = {"GD": SGD()} | {_name(m): MSAM(self.rho, m) for m in self.sizes}
        every = max(1, self.length // 25)
        plain = {"lr": self.eta, "batch": 0, "steps": self.length, "every": every, "curvature": False}
        return {
            name: tuple(RunSpec(DiagonalNet(N, draw=draw), rule, **plain) for draw in self.draws)
            for name, rule in rules.items()
        }

    def probe(self, name, member, spec, path):
        """The trace of the Hessian, and what it is at least among all points without a training loss."""
        x, y = (part.double().numpy() for part in spec.problem.load("train"))
        u, v = path[-1].theta.double().cpu().numpy().reshape(2, -1)
        trace = float((x**2).mean(0) @ (u**2 + v**2))
        return {"trace": trace, "trace_share": trace / theory.least_trace(x, y)[1]}

    def checks(self, result):
        test, trace = ({name: result.last(name, q) for name in self._names} for q in ("test_loss", "trace_share"))
        # what is sized goes with the number of draws, of which it takes the worst, with the sizes m, or, as n-SAM's
        # trace that slowly falls, with the steps
        short = "" if self.shrunk > 4 else f"so short a run shrinks what is superfluous by e^{number(self.shrunk)} only"
        least = ("1-SAM's Hessian trace falls to the least there is", "Tr over the linear program's: 1")
        well = ("n-SAM's trace stays well above the least", "above 1: it sees the top eigenvalue only")
        return (
            Check(*least, trace[_name(1)], 0.9, 1.1, void=short, note=PROGRAM),
            *self._recovered(test, short),
            Check(*well, trace[_name(N)], low=1.5, void=short, sized=True),
            *self._ordered(trace, test, short),
        )

    def _recovered(self, test, short):
        """1-SAM's held-out loss beside n-SAM's and gradient descent's."""
        one_sam, n_sam, gd = test[_name(1)], test[_name(N)], test["GD"]
        far, worst = "a small part of it", [np.max(one_sam / np.minimum(n_sam, gd))]
        return (
            Check("1-SAM's held-out loss is far below n-SAM's", far, one_sam / n_sam, high=0.1, void=short),
            Check("… and far below gradient descent's", far, one_sam / gd, high=0.1, void=short),
            Check("… in every draw", "largest share below a half", worst, high=0.5, void=short, sized=True),
        )

    def _ordered(self, trace, test, short):
        """That both go with the number of examples that share a perturbation."""
        each = "each m above the one before"
        flatter = ("The fewer share a perturbation, the lower the trace", each, self._growth(trace))
        better = ("The fewer share it, the lower the held-out loss", each, self._growth(test))
        return (
            Check(*flatter, low=1, void=short, unit="times", sized=True),
            Check(*better, low=1, unit="times", claimed=False, note=MIXED, sized=True),
        )

    def pictures(self, result):
        source = fingerprint(result.spec)
        test = tuple(self._curve(result, name, "test_loss") for name in self._names)
        trace = [self._curve(result, name, "trace_share") for name in self._names]
        trace.append(Line("least of all, theory", trace[0].x, np.ones(len(trace[0].x)), "ink", "dash", theory=True))
        ticks = tuple((float(m), str(m)) for m in self.sizes)
        falls = ("micro-trace", "What 1-SAM minimizes", "step", "Tr(H) / its least")
        ends = ("micro-size", "Held-out loss at the end", "m", "held-out loss")
        return (
            Chart("micro-loss", "Held-out loss", "step", "held-out loss", test, CAPTIONS[0], log_y=True, source=source),
            Chart(*falls, tuple(trace), CAPTIONS[1], log_y=True, source=source),
            Chart(*ends, self._sweep(result), CAPTIONS[2], True, True, x_ticks=ticks, source=source),
        )

    def _growth(self, ends):
        """[draws]: the smallest factor between one size of micro-batches and the next larger one."""
        rows = np.array([ends[_name(m)] for m in self.sizes])
        return (rows[1:] / rows[:-1]).min(axis=0)

    def _curve(self, result, name, quantity):
        line = curve(result, name, quantity, self._colour(name))
        return replace(line, marker=self._marker(name))

    def _colour(self, name):
        sizes = [_name(m) for m in self.sizes]
        return rule_look("SGD").colour if name == "GD" else ordinal(sizes.index(name), len(sizes))

    def _marker(self, name):
        return MARKERS[self._names.index(name) % len(MARKERS)]

    def _sweep(self, result):
        sizes = np.array(self.sizes, float)
        rows = np.array([ends(result, _name(m), "test_loss", draw=len(self.draws)) for m in self.sizes])
        sam = middle("m-SAM", sizes, rows, rule_look("MSAM").colour, marker="cross")
        gd = np.median(result.last("GD", "test_loss"))
        return sam, Line("gradient descent", sizes, np.full(len(sizes), gd), rule_look("SGD").colour, "dot")


def _name(m: int) -> str:
    return {1: "1-SAM", N: "n-SAM"}.get(m, f"{m}-SAM")


PROGRAM = (
    "With a loss of zero the trace is at least twice the smallest weighted 1-norm of a β that fits the examples: known "
    "from them alone, by a linear program."
)
MIXED = (
    "For deep networks the paper finds that it grows with m. In ten draws here it did up to 4; from there to n it went "
    "either way, around gradient descent's."
)
CAPTIONS = (
    (
        "Half the mean squared error on 1,000 fresh examples: medians and ranges over the draws. All runs fit the "
        "training examples; look how 1-SAM goes on for hundreds of steps, from one solution to a better one, while "
        "gradient descent rests where it is."
    ),
    (
        "The trace of the Hessian over the smallest that a solution can have, which a linear program finds from the "
        "examples alone. 1-SAM comes down to the dashed line, where β has the least weighted 1-norm and thereby is "
        "sparse. Larger micro-batches go the same way, but more slowly or not so far."
    ),
    (
        "Medians and ranges over the draws, by the number m of examples that share a perturbation. All take the same "
        "steps with all the examples: the difference is in the ascent alone."
    ),
)

PAPER = Paper(
    "stochastic",
    "How many examples?",
    "Towards Understanding Sharpness-Aware Minimization",
    "Andriushchenko & Flammarion 2022",
    "2206.06232",
    "SAM generalizes better the fewer examples share a perturbation: on diagonal linear nets 1-SAM finds sparse "
    "solutions that n-SAM misses.",
    (
        (
            "One example's loss is steep in one direction only, and its ascent finds it: at a solution 1-SAM feels the "
            "sharpness of every example."
        ),
        (
            "These add up to the trace of the Hessian, while the ascent of the mean loss feels its largest eigenvalue "
            "alone (Wen, Ma & Li 2023, sec. 5)."
        ),
        "On a diagonal linear net the least trace means the least 1-norm of β, and with it sparsity.",
    ),
    "m-SAM: d = meanⱼ ∇L_Bⱼ(w + ρ gⱼ/‖gⱼ‖), |Bⱼ| = m  1-SAM: L + (ρ²/2) Tr(H)",
    (MicroBatches,),
    lambda spec: any(isinstance(rule, MSAM) for rule in rules_of(spec)),
    extra=True,
)
