"""From when on late SAM must have the run: SGD that goes on with SAM, at one time or another, and the reverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from engine.experiments.curves import dots
from engine.experiments.experiment import Check, Experiment, Question
from engine.experiments.phases import EPOCH, end_ratio, matched, runs
from engine.figures.drawing import Chart, Line
from engine.figures.theme import Look, rule_colour
from engine.rules import SAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import Switch


@dataclass(frozen=True)
class SwitchTime(Experiment):
    """SGD that goes on with SAM from some epoch on, and the reverse: how sharp the end is."""

    lr: float = knob(0.05, 0.005, 0.2, "Learning rate η", log=True)
    rho: float = knob(0.1, 0.01, 0.5, "Radius ρ", log=True)
    epochs: int = knob(30, 4, 200, "Epochs", "Twice as many in the full size.", log=True)
    late: int = knob(
        10,
        1,
        199,
        "Epochs of SAM",
        "At the end, or at the start, of the runs that switch; as many in both sizes.",
        log=True,
    )

    title: ClassVar = "From when on?"
    claim: ClassVar = (
        "SAM in the last epochs alone ends as flat as SAM throughout; after SAM in the first epochs λ₁ rises again. "
        "Most of the gap to SGD is a lower loss."
    )
    setup: ClassVar = (
        "MLP 64-128-128-10 on 1,297 digits, cross-entropy, batch 16, momentum 0.9, weight decay 5·10⁻⁴, constant rate; "
        "a switch restarts the momentum. The full size has more seeds and more times of the switch."
    )
    separately: ClassVar = True
    source: ClassVar = (
        "Zhou et al. 2024, on late and on early SAM (arXiv 2410.10373), there ResNets, WideResNets and VGGs on "
        "CIFAR-10 and CIFAR-100"
    )
    question: ClassVar = Question(
        "SAM takes over from SGD for the last epochs. How sharp is the end, as a share of what SGD alone gives?",
        0,
        1.5,
        1,
    )

    @property
    def length(self) -> int:
        """Epochs of a run at this size."""
        return self.epochs * (2 if self.full else 1)

    @property
    def tail(self) -> int:
        """Epochs of SAM in the runs that switch, of which at least one is left to SGD."""
        return min(self.late, self.length - 1)

    @property
    def tails(self) -> list[int]:
        """For how many epochs SAM comes last, in the runs that switch to it."""
        shares = (1 / 2, 1, 2, 3, 4, 5) if self.full else (1 / 2, 1)
        return sorted({min(max(1, round(share * self.tail)), self.length - 1) for share in shares})

    def ensembles(self):
        """The runs of all seeds, by what they do; what SGD makes of early SAM is measured on the way."""
        sam, last = SAM(self.rho), self.length
        rules = {
            "SGD": (SGD(), ()),
            "SAM": (sam, ()),
            "early": (sam, (Switch(SGD(), self.tail, "epochs", restart=True),)),
        }
        rules |= {f"last {tail}": (SGD(), (Switch(sam, last - tail, "epochs", restart=True),)) for tail in self.tails}
        named = {name: runs(self.full, rule, then, last, self.lr) for name, (rule, then) in rules.items()}
        return named | {"early": tuple(replace(spec, every=max(1, last // 6) * EPOCH) for spec in named["early"])}

    def checks(self, result):
        return (*self._late(result), *self._early(result))

    def _late(self, result):
        """SAM in the last epochs, beside SAM throughout and SGD."""
        late, void = f"last {self.tail}", self.unusual
        flat, gain = end_ratio(result, late, "SAM"), end_ratio(result, late, "SGD")
        per_loss = end_ratio(result, late, "SGD", per_loss=True)
        too = ("At matched loss it is flatter, too", "λ₁/L < 0.9 times SGD's")
        return (
            Check("Late SAM ends as flat as SAM throughout", "λ₁ ≤ 1.3 times SAM's", flat, high=1.3, void=void),
            Check("It ends far flatter than SGD", "λ₁ < 0.5 times SGD's", gain, high=0.5, void=void),
            Check(*too, per_loss, high=0.9, void=void, note=matched(gain, per_loss)),
        )

    def _early(self, result):
        """SAM in the first epochs, beside as many at the end and SGD. SGD moves on along the valley, ever more slowly:
        in a longer run more of early SAM is undone, and these three values are larger."""
        late, void = f"last {self.tail}", self.unusual
        after, undone = end_ratio(result, "early", late), end_ratio(result, "early", "SGD")
        per_loss = end_ratio(result, "early", late, per_loss=True)
        sharper = ("As many epochs of SAM at the start end sharper", "λ₁ > 2 times late SAM's")
        too = ("At matched loss, too, they end far sharper", "λ₁/L > 2 times late SAM's")
        back = ("SGD brings back most of its own λ₁ after early SAM", "λ₁ 0.6 to 1.25 times SGD's")
        return (
            Check(*sharper, after, low=2, void=void, sized=True),
            Check(*too, per_loss, low=2, void=void, claimed=False, note=matched(after, per_loss), sized=True),
            Check(*back, undone, 0.6, 1.25, void=void, note=UNDONE, sized=True),
        )

    def pictures(self, result):
        source, beside = fingerprint(result.spec), (*self._ends(result), self._way_back(result))
        when = ("switch-time", "From when on?", "epoch of the switch", "λ₁ at the end")
        loss = ("switch-loss", "Beside the loss", "training loss", "λ₁")
        return (
            Chart(*when, self._sweep(result), CAPTIONS[0], log_y=True, source=source),
            Chart(*loss, beside, CAPTIONS[1], log_x=True, log_y=True, source=source),
        )

    def _ends(self, result):
        """Where each seed ends, in the plane of loss and sharpness."""
        looks = {
            "SGD": ("SGD", Look("grey", "circle")),
            "SAM": ("SAM", Look("blue", "square")),
            "early": (f"SAM first, {self.tail} epochs", Look("orange", "diamond")),
            f"last {self.tail}": (f"SAM last, {self.tail} epochs", Look("green", "triangle")),
        }
        return [
            dots(result, name, "train_loss", "sharpness", look.colour, label, marker=look.marker)
            for name, (label, look) in looks.items()
        ]

    def _sweep(self, result):
        """Over the epoch of the switch to SAM: 0 is SAM throughout, the last one SGD."""
        ends = {0: "SAM"} | {self.length - tail: f"last {tail}" for tail in reversed(self.tails)} | {self.length: "SGD"}
        rows = [result.last(name, "sharpness") for name in ends.values()]
        epochs, median = np.array(list(ends), float), np.array([np.median(row) for row in rows])
        band = (np.array([row.min() for row in rows]), np.array([row.max() for row in rows]))
        levels = [
            Line(f"{name} throughout", epochs[[0, -1]], np.full(2, median[i]), rule_colour(name), "dash")
            for name, i in (("SAM", 0), ("SGD", -1))
        ]
        early = result.last("early", "sharpness")
        back = Line(
            "SAM until then, then SGD",
            np.array([self.tail]),
            np.array([np.median(early)]),
            "orange",
            "none",
            "diamond",
            _span(early),
        )
        return (Line("SGD until then, then SAM", epochs, median, "green", marker="triangle", band=band), back, *levels)

    def _way_back(self, result):
        """The medians' path in the plane of loss and sharpness of early SAM, from the switch to SGD on."""
        steps = result.over("early", "step").ravel()
        loss, sharp = (
            np.median(result.over("early", name), axis=1)[steps >= self.tail * EPOCH]
            for name in ("train_loss", "sharpness")
        )
        return Line("what SGD makes of early SAM", loss, sharp, "orange", when=steps[steps >= self.tail * EPOCH])


def _span(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.min(keepdims=True), values.max(keepdims=True)


UNDONE = (
    "SGD brings back its own loss, and λ₁ with it. Both end at about the same loss, so that what is missing to 1 is "
    "what is left of SAM's flatter minimum: the longer SGD goes on, the less."
)
CAPTIONS = (
    (
        "Largest Hessian eigenvalue at the end over the epoch at which SGD gave way to SAM: 0 is SAM throughout, the "
        "far right SGD; median and range over seeds. The diamond is the reverse, SAM first. Look how far to the right "
        "the curve stays at SAM's level: one must leave SAM enough steps, not most of them. Near a loss of zero the "
        "eigenvalue also shrinks with the loss, so look at the next picture too."
    ),
    (
        "The same ends, each seed a point, over their training loss. Most of what SAM gains in sharpness comes with its"
        " lower loss, as the line shows: SGD, taking over from early SAM, first brings back the loss, and the sharpness"
        " in proportion. Only at its own loss, and slowly, it climbs to its own sharpness; what it still has to climb "
        "is what SAM's minimum is flatter by at the same loss."
    ),
)
