"""Paper 5, late SAM: a few epochs at the end do what the whole training would."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "late",
    "When?",
    "Sharpness-Aware Minimization Efficiently Selects Flatter Minima Late in Training",
    "Zhou et al. 2024",
    "2410.10373",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
)
