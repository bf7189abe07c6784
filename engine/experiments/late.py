"""Paper 5, late SAM: some epochs at the end do what the whole training would."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from engine.experiments.curves import dots
from engine.experiments.experiment import Check, Experiment, Paper, Question, rules_of
from engine.experiments.valley import DIGITS, EPOCH, TwoPhases, apart, matched, runs, together
from engine.figures.drawing import Chart, Line
from engine.figures.theme import rule_colour
from engine.records import Result
from engine.rules import SAM, SGD
from engine.spec import fingerprint, knob
from engine.training.runs import Switch
from engine.training.schedules import StepDecay


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
        return self.epochs * (2 if self.full else 1)

    @property
    def tail(self) -> int:
        return min(self.late, self.length - 1)

    @property
    def tails(self) -> list[int]:
        """For how many epochs SAM comes last, in the runs that switch to it."""
        shares = (1 / 2, 1, 2, 3, 4, 5) if self.full else (1 / 2, 1)
        return sorted({min(max(1, round(share * self.tail)), self.length - 1) for share in shares})

    def ensembles(self):
        return apart(self._named())

    def _named(self):
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
        result = together(result, self._named(), self.full)
        late, void = f"last {self.tail}", self.unusual
        flat, gain, after, undone = (
            over(result, *pair) for pair in ((late, "SAM"), (late, "SGD"), ("early", late), ("early", "SGD"))
        )
        for_its_loss, earlier = over(result, late, "SGD", per_loss=True), over(result, "early", late, per_loss=True)
        return (
            Check("Late SAM ends as flat as SAM throughout", "λ₁ ≤ 1.3 times SAM's", flat, high=1.3, void=void),
            Check("It ends far flatter than SGD", "λ₁ < 0.5 times SGD's", gain, high=0.5, void=void),
            Check(
                "At matched loss it is flatter, too",
                "λ₁/L < 0.9 times SGD's",
                for_its_loss,
                high=0.9,
                void=void,
                note=matched(gain, for_its_loss),
            ),
            # SGD moves on along the valley, ever more slowly: in a longer run more of early SAM is undone, and these
            # three values are larger
            Check(
                "As many epochs of SAM at the start end sharper",
                "λ₁ > 2 times late SAM's",
                after,
                low=2,
                void=void,
                sized=True,
            ),
            Check(
                "At matched loss, too, they end far sharper",
                "λ₁/L > 2 times late SAM's",
                earlier,
                low=2,
                void=void,
                claimed=False,
                note=matched(after, earlier),
                sized=True,
            ),
            Check(
                "SGD brings back most of its own λ₁ after early SAM",
                "λ₁ 0.6 to 1.25 times SGD's",
                undone,
                0.6,
                1.25,
                void=void,
                note=UNDONE,
                sized=True,
            ),
        )

    def pictures(self, result):
        result = together(result, self._named(), self.full)
        source, names = fingerprint(result.spec), ("SGD", "SAM", "early", f"last {self.tail}")
        looks = zip(
            names, ("circle", "square", "diamond", "triangle"), ("grey", "blue", "orange", "green"), strict=True
        )
        words = {"early": f"SAM first, {self.tail} epochs", names[-1]: f"SAM last, {self.tail} epochs"}
        ends = tuple(
            dots(result, name, "train_loss", "sharpness", colour, words.get(name, name), marker=marker)
            for name, marker, colour in looks
        )
        beside = (*ends, self._way_back(result))
        return (
            Chart(
                "switch-time",
                "From when on?",
                "epoch of the switch",
                "λ₁ at the end",
                self._sweep(result),
                CAPTIONS[0],
                log_y=True,
                source=source,
            ),
            Chart(
                "switch-loss",
                "Beside the loss",
                "training loss",
                "λ₁",
                beside,
                CAPTIONS[1],
                log_x=True,
                log_y=True,
                source=source,
            ),
        )

    def _sweep(self, result):
        """Over the epoch of the switch to SAM: 0 is SAM throughout, the last one SGD."""
        ends = {0: "SAM"} | {self.length - tail: f"last {tail}" for tail in reversed(self.tails)} | {self.length: "SGD"}
        rows = [result.last(name, "sharpness") for name in ends.values()]
        at, median = np.array(list(ends), float), np.array([np.median(row) for row in rows])
        band = (np.array([row.min() for row in rows]), np.array([row.max() for row in rows]))
        levels = [
            Line(f"{name} throughout", at[[0, -1]], np.full(2, median[i]), rule_colour(name), "dash")
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
        return (Line("SGD until then, then SAM", at, median, "green", marker="triangle", band=band), back, *levels)

    def _way_back(self, result):
        """The medians' path in the plane of loss and sharpness of early SAM, from the switch to SGD on."""
        steps = result.over("early", "step").ravel()
        loss, sharp = (
            np.median(result.over("early", name), axis=1)[steps >= self.tail * EPOCH]
            for name in ("train_loss", "sharpness")
        )
        return Line("what SGD makes of early SAM", loss, sharp, "orange", when=steps[steps >= self.tail * EPOCH])


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
        return apart(self._named())

    def _named(self):
        """The runs of all seeds, by their case and by what they do."""
        sam, epochs = SAM(self.rho), 60 if self.full else 30
        cut, last = ((Switch(sam, at, "epochs", restart=True),) for at in (epochs // 3, epochs - 10))
        wrong, decay = replace(DIGITS, label_noise=self.noise), StepDecay(2, 0.1)
        return {
            "cut rate, SAM": runs(self.full, sam, (), epochs, self.lr, schedule=decay),
            "cut rate, late": runs(self.full, SGD(), cut, epochs, self.lr, schedule=decay),
            "wrong labels, SGD": runs(self.full, SGD(), (), epochs, self.lr, wrong),
            "wrong labels, SAM": runs(self.full, sam, (), epochs, self.lr, wrong),
            "wrong labels, late": runs(self.full, SGD(), last, epochs, self.lr, wrong),
        }

    def checks(self, result):
        result = together(result, self._named(), self.full)
        pairs = [(f"{case}, late", f"{case}, {than}") for case, than in (("cut rate", "SAM"), ("wrong labels", "SGD"))]
        (cut, wrong), (cut_for_loss, wrong_for_loss) = (
            [over(result, *pair, per_loss=per_loss) for pair in pairs] for per_loss in (False, True)
        )
        void, share = self.unusual, f"{self.noise:.0%}"
        return (
            # at a tenth of the rate SAM still moves, slowly: in longer runs it comes further; at the whole rate its
            # noise alone gives 1.4, 1.15 per loss
            Check(
                "With a rate cut tenfold twice, late SAM stays sharper",
                "λ₁ > 1.6 times SAM's",
                cut,
                low=1.6,
                void=void,
                note=CUT,
                sized=True,
            ),
            Check(
                "It stays sharper at matched loss, too",
                "λ₁/L > 1.25 times SAM's",
                cut_for_loss,
                low=1.25,
                void=void,
                note=matched(cut, cut_for_loss),
            ),
            Check(
                f"With {share} wrong labels its gain on SGD is far smaller",
                "λ₁ > 0.4 times SGD's",
                wrong,
                low=0.4,
                void=void,
                note=WRONG,
            ),
            Check(
                f"With {share} wrong labels its gain is small at matched loss, too",
                "λ₁/L > 0.9 times SGD's",
                wrong_for_loss,
                low=0.9,
                void=void,
                claimed=False,
                note=f"{matched(wrong, wrong_for_loss)} {FAR}",
            ),
        )

    def pictures(self, result):
        result = together(result, self._named(), self.full)
        names, colours = list(self._named()), {"SGD": "grey", "SAM": "blue", "late": "green"}
        marks = {"SGD": "circle", "SAM": "square", "late": "triangle"}
        charts = []
        for case, caption in (("cut rate", CAPTIONS[2]), ("wrong labels", CAPTIONS[3])):
            mine = [(name, name.rpartition(" ")[2]) for name in names if name.startswith(case)]
            ends = tuple(
                dots(result, name, "train_loss", "sharpness", colours[of], of, marker=marks[of]) for name, of in mine
            )
            title, source = case.capitalize(), fingerprint(result.spec)
            charts.append(
                Chart(
                    case.replace(" ", "-"),
                    title,
                    "training loss",
                    f"λ₁ at the end, {case}",
                    ends,
                    caption,
                    log_x=True,
                    log_y=True,
                    source=source,
                )
            )
        return tuple(charts)


def over(result: Result, one: str, other: str, *, per_loss: bool = False) -> np.ndarray:
    """[R]: how sharp the runs of one ensemble end, as a share of another's; or how sharp for their training loss."""
    sharp = (
        result.last(name, "sharpness") / (result.last(name, "train_loss") if per_loss else 1.0) for name in (one, other)
    )
    return next(sharp) / next(sharp)


def _span(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.min(keepdims=True), values.max(keepdims=True)


UNDONE = (
    "SGD brings back its own loss, and λ₁ with it. Both end at about the same loss, so that what is missing to 1 is "
    "what is left of SAM's flatter minimum: the longer SGD goes on, the less."
)
CUT = (
    "At a tenth of the rate, and soon a hundredth, the steps are too short to leave the minimum in the time that is "
    "left, although SAM has most of it."
)
WRONG = (
    "With right labels the share is far lower. But no run fits the wrong labels closely: the sharpness here is that of "
    "a loss far from zero."
)
FAR = "At so high a loss this correction is a rough one."
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
    (
        "Each seed's end under a rate that was divided by 10 after each third. SAM took over in the second third: at a "
        "tenth of the rate, and soon a hundredth."
    ),
    (
        "Each seed's end where some training labels are wrong. The losses differ, and the sharpness with them: compare "
        "what lies at the same loss."
    ),
)

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
