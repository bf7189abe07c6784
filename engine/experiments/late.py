"""Paper 5, late SAM: some epochs at the end do what the whole training would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from engine.experiments.curves import dots
from engine.experiments.experiment import Check, Experiment, Paper, Question, rules_of
from engine.experiments.phases import DIGITS, end_ratio, matched, runs
from engine.experiments.switching import SwitchTime
from engine.experiments.valley import TwoPhases
from engine.figures.drawing import Chart
from engine.figures.theme import Look
from engine.rules import SAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import Switch
from engine.training.schedules import StepDecay


@dataclass(frozen=True)
class WhereItFails(Experiment):
    """Late SAM with wrong labels, and with a rate that has fallen by the time SAM begins."""

    lr: float = knob(0.05, 0.005, 0.2, "Learning rate η", log=True)
    rho: float = knob(0.1, 0.01, 0.5, "Radius ρ", log=True)
    noise: float = knob(0.2, 0.0, 0.5, "Label noise", "Share of the training labels that are wrong.")

    title: ClassVar = "Where late SAM fails"
    claim: ClassVar = (
        "Late SAM does not get there once the rate has been cut, and gains far less among wrong labels, though not at "
        "matched loss."
    )
    setup: ClassVar = (
        "MLP 64-128-128-10 on 1,297 digits, batch 16, momentum 0.9, weight decay 5·10⁻⁴. "
        "Either the rate is divided by 10 after each third of the epochs, and SAM takes over at the first cut; or some "
        "training labels are wrong, and SAM has the last 10 epochs. Quick: 30 epochs. Full: 60, and more seeds."
    )
    separately: ClassVar = True
    source: ClassVar = (
        "limits of Zhou et al. 2024 (arXiv 2410.10373) at this small scale; the paper itself cuts its rate, and has "
        "far longer runs"
    )
    question: ClassVar = Question(
        "The rate falls tenfold twice, and SAM takes over at the first time. How many times as sharp as SAM throughout "
        "does late SAM end?",
        0,
        10,
        0,
    )

    def ensembles(self):
        sam, epochs = SAM(self.rho), 60 if self.full else 30
        cut, last = ((Switch(sam, epoch, "epochs", restart=True),) for epoch in (epochs // 3, epochs - 10))
        wrong, decay = replace(DIGITS, label_noise=self.noise), StepDecay(2, 0.1)
        return {
            "cut rate, SAM": runs(self.full, sam, (), epochs, self.lr, schedule=decay),
            "cut rate, late": runs(self.full, SGD(), cut, epochs, self.lr, schedule=decay),
            "wrong labels, SGD": runs(self.full, SGD(), (), epochs, self.lr, wrong),
            "wrong labels, SAM": runs(self.full, sam, (), epochs, self.lr, wrong),
            "wrong labels, late": runs(self.full, SGD(), last, epochs, self.lr, wrong),
        }

    def checks(self, result):
        return (*self._cut(result), *self._wrong(result))

    def _cut(self, result):
        """Late SAM beside SAM throughout, under a rate that was cut."""
        plain, per_loss = self._ratios(result, "cut rate, late", "cut rate, SAM")
        sharper = ("With a rate cut tenfold twice, late SAM stays sharper", "λ₁ > 1.6 times SAM's")
        too = ("It stays sharper at matched loss, too", "λ₁/L > 1.25 times SAM's")
        return (
            # at a tenth of the rate SAM still moves, slowly: in longer runs it comes further; at the whole rate its
            # noise alone gives 1.4, 1.15 per loss
            Check(*sharper, plain, low=1.6, void=self.unusual, note=CUT, sized=True),
            Check(*too, per_loss, low=1.25, void=self.unusual, note=matched(plain, per_loss)),
        )

    def _wrong(self, result):
        """Late SAM beside SGD, among wrong labels."""
        plain, per_loss = self._ratios(result, "wrong labels, late", "wrong labels, SGD")
        among = f"With {self.noise:.0%} wrong labels its gain"
        far = (f"{among} on SGD is far smaller", "λ₁ > 0.4 times SGD's")
        small = (f"{among} is small at matched loss, too", "λ₁/L > 0.9 times SGD's")
        note, void = f"{matched(plain, per_loss)} {FAR}", self.unusual
        return (
            Check(*far, plain, low=0.4, void=void, note=WRONG),
            Check(*small, per_loss, low=0.9, void=void, claimed=False, note=note),
        )

    def _ratios(self, result, ensemble, other):
        """[R] each: how sharp one ensemble ends beside another, and how sharp for its loss."""
        return tuple(end_ratio(result, ensemble, other, per_loss=per_loss) for per_loss in (False, True))

    def pictures(self, result):
        return tuple(self._chart(result, case) for case in CASES)

    def _chart(self, result, case):
        ends = (
            dots(result, f"{case}, {kind}", "train_loss", "sharpness", look.colour, kind, marker=look.marker)
            for kind, look in LOOKS.items()
            if kind in CASES[case]
        )
        labels = (case.capitalize(), "training loss", f"λ₁ at the end, {case}")
        source = fingerprint(result.spec)
        return Chart(
            case.replace(" ", "-"), *labels, tuple(ends), CAPTIONS[case], log_x=True, log_y=True, source=source
        )


CASES = {"cut rate": ("SAM", "late"), "wrong labels": ("SGD", "SAM", "late")}
"""What is trained in each of the two cases."""
LOOKS = {"SGD": Look("grey", "circle"), "SAM": Look("blue", "square"), "late": Look("green", "triangle")}
CUT = (
    "At a tenth of the rate, and soon a hundredth, the steps are too short to leave the minimum in the time that is "
    "left, although SAM has most of it."
)
WRONG = (
    "With right labels the share is far lower. But no run fits the wrong labels closely: the sharpness here is that of "
    "a loss far from zero."
)
FAR = "At so high a loss this correction is a rough one."
CAPTIONS = {
    "cut rate": (
        "Each seed's end under a rate that was divided by 10 after each third. SAM took over in the second third: at a "
        "tenth of the rate, and soon a hundredth."
    ),
    "wrong labels": (
        "Each seed's end where some training labels are wrong. The losses differ, and the sharpness with them: compare "
        "what lies at the same loss."
    ),
}

PAPER = Paper(
    "late",
    "When?",
    "Sharpness-Aware Minimization Efficiently Selects Flatter Minima Late in Training",
    "Zhou, Wang, Mao, Li & Yan 2024",
    "2410.10373",
    "SAM in the last epochs of training alone finds a minimum about as flat as SAM throughout would.",
    (
        (
            "At the minimum that SGD has found SAM is unstable: the distance from it grows exponentially, and with it "
            "the loss."
        ),
        "Far enough out the loss no longer grows as a quadratic would, so that the run stays within the same valley.",
        "There it converges, just as fast, to a minimum flat enough for SAM to be stable.",
    ),
    "w ← w − η ∇L(w) for t < T;  w ← w − η ∇L(w + ρ g/‖g‖) from T on",
    (SwitchTime, TwoPhases, WhereItFails),
    lambda spec: len(spec.phases) > 1 and any(isinstance(rule, SAM) for rule in rules_of(spec)),
)
