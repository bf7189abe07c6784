"""Paper 4, SAM-ON: perturbing the normalization layers alone, in a convolutional network with BatchNorm and in a
vision transformer with LayerNorm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.data import Digits
from engine.experiments import theory
from engine.experiments.experiment import Paper, Question, rules_of
from engine.experiments.radii import ACCURACY, MOST, RadiusSweep
from engine.models import CNNGAP, ViT
from engine.problems import Classification
from engine.rules import SGD, Everything
from engine.spec import knob, series
from engine.training.runs import RunSpec
from engine.training.schedules import Cosine
from engine.training.updates import AdamW, Momentum

FEW = (
    "In so small a network a large perturbation of any hundred parameters does something: how much differs from subset "
    "to subset."
)
ALIKE = (
    "In the paper it does. In this small transformer it does not reproduce once the radii reach further, as at full "
    "size: there it does about as well."
)
SHARP = (
    "In the paper it can be, with BatchNorm. AdamW drives this transformer into minima many times as sharp as any that "
    "SAM-ON keeps."
)
LABELS = "Share of the training labels that are wrong; test labels are right."


@dataclass(frozen=True)
class NormalizationLayers(RadiusSweep):
    """Which layers to perturb in a convolutional network with BatchNorm."""

    radii: tuple[float, ...] = series((0.7, 2.8), 0.01, MOST, 6, "Radii ρ")
    noise: float = knob(0.2, 0.0, 0.6, "Label noise", LABELS)

    title: ClassVar = "Normalization layers alone, with BatchNorm"
    alone: ClassVar = "SGD"
    runs: ClassVar = (2, 3)
    enough: ClassVar = 5
    ahead: ClassVar = 3
    claim: ClassVar = (
        "To perturb the scales and shifts of the BatchNorm layers alone does most of what SAM does, at minima whose "
        "λmax is larger than SGD's."
    )
    setup: ClassVar = (
        "A convolutional network (16, 32 and 32 channels, BatchNorm after each convolution, the mean over the image "
        "before the read-out) on 500 digits with centred pixels, some labelled wrong; batches of 32, 40 epochs, or 60 "
        "at full size, learning rate 0.1 on a cosine, momentum 0.9, decay 5e-4. SAM, SAM-ON and a random subset of as "
        "many parameters at the same radii ρ, each judged at its best one: by test accuracy over the seeds, as "
        "papers do."
    )
    source: ClassVar = (
        "Mueller, Vlaar, Rolnick & Hein 2023, the experiments with convolutional networks (arXiv 2306.04226)"
    )
    question: ClassVar = Question("How many points of test accuracy does SAM-ON gain on SGD?", -5, 20, 0)

    @property
    def base(self):
        problem = Classification(Digits(500, standardize="centred", label_noise=self.noise), CNNGAP(16, 3))
        return RunSpec(
            problem,
            SGD(),
            Momentum(0.9, 5e-4),
            lr=0.1,
            schedule=Cosine(),
            batch=32,
            steps=(60 if self.full else 40) * (500 // 32),
        )

    @property
    def share(self):
        return theory.normalization_share_cnn([1, 16, 32, 32], 10, 1)

    def pictures(self, result):
        accuracy = (
            "Test accuracy after training at each radius: the median over the seeds; the band reaches from the lowest "
            "to the highest, and SGD is a level. SAM-ON rises far above SGD, at larger radii than SAM, and a random "
            "subset of as many parameters stays well below it. At too large a radius a run does not learn: 10% is a "
            "guess. ASAM's radius, at full size, is in units of the weights' sizes."
        )
        return self.chart(
            result, "layers-accuracy", "Test accuracy over the radius", ACCURACY, "test_accuracy", accuracy
        ), self.sharpness(result)


@dataclass(frozen=True)
class VisionTransformer(RadiusSweep):
    """The same in a vision transformer with LayerNorm."""

    radii: tuple[float, ...] = series((0.4, 2.0), 0.01, MOST, 6, "Radii ρ")
    noise: float = knob(0.2, 0.0, 0.6, "Label noise", LABELS)

    title: ClassVar = "Normalization layers alone, with LayerNorm"
    alone: ClassVar = "AdamW"
    runs: ClassVar = (3, 4)
    enough: ClassVar = 4
    ahead: ClassVar = 2
    findings: ClassVar = {"less": ALIKE, "nothing": FEW, "sharper": SHARP}
    claim: ClassVar = (
        "In a vision transformer too, to perturb the scales and shifts of the LayerNorm layers alone does most of what "
        "SAM does."
    )
    setup: ClassVar = (
        "A vision transformer of one block (4 patches of 4x4 pixels, 32 numbers a token) on 500 digits with centred "
        "pixels, some labelled wrong; batches of 64, 80 epochs of AdamW, learning rate 0.003 on a cosine. SAM, SAM-ON "
        "and a random subset of as many parameters at the same radii ρ, each judged at its best one: by test accuracy "
        "over the seeds, as papers do."
    )
    source: ClassVar = (
        "Mueller, Vlaar, Rolnick & Hein 2023, the experiments with vision transformers (arXiv 2306.04226)"
    )
    question: ClassVar = Question("How many points of test accuracy does SAM-ON gain on AdamW?", -5, 20, 0)

    @property
    def base(self):
        problem = Classification(Digits(500, standardize="centred", label_noise=self.noise), ViT(4, 32, 1, 2))
        return RunSpec(problem, SGD(), AdamW(), lr=0.003, schedule=Cosine(), batch=64, steps=80 * (500 // 64))

    @property
    def share(self):
        return theory.normalization_share_vit(32, 1, 4, 16, 10)

    def pictures(self, result):
        accuracy = (
            "Test accuracy after training at each radius: the median over the seeds; the band reaches from the lowest "
            "to the highest, and AdamW is a level. SAM is at its best at a small radius and SAM-ON at a larger one. At "
            "full size, where the radii reach further, a random subset is as good at a radius larger still."
        )
        return self.chart(
            result, "transformer-accuracy", "Test accuracy over the radius", ACCURACY, "test_accuracy", accuracy
        ), self.sharpness(result)


PAPER = Paper(
    "layers",
    "Which layers?",
    "Normalization Layers Are All That Sharpness-Aware Minimization Needs",
    "Mueller, Vlaar, Rolnick & Hein 2023",
    "2306.04226",
    "SAM that perturbs only the scales and shifts of the normalization layers, typically a thousandth of all "
    "parameters, can outperform SAM that perturbs all.",
    (
        (
            "SAM-ON takes its perturbation in the BatchNorm or LayerNorm layers alone, and then descends in all "
            "parameters."
        ),
        (
            "The 1/‖g‖ of the perturbation is over these layers only, so that it is ρ long there however few "
            "parameters they have."
        ),
        (
            "In the paper other choices of so few parameters do not gain as much, and SAM-ON's minima can be sharper "
            "than SGD's: flatness is not all."
        ),
    ),
    "SAM-ON: d = ∇L(w + ε)  ε = ρ m ⊙ g/‖m ⊙ g‖, m = 1 on normalization layers, else 0",
    (NormalizationLayers, VisionTransformer),
    lambda spec: any(not isinstance(getattr(rule, "mask", Everything()), Everything) for rule in rules_of(spec)),
)
