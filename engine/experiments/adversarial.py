"""Extra, adversarial training late: robust for the price of a few epochs."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "adversarial",
    "Late adversaries?",
    "Sharpness-Aware Minimization Efficiently Selects Flatter Minima Late in Training",
    "Zhou et al. 2024, sec. 6",
    "2410.10373",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
    extra=True,
)
