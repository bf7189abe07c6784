"""Extra, the edge of stability of SAM."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "edge",
    "At which edge?",
    "Sharpness-Aware Minimization and the Edge of Stability",
    "Long & Bartlett 2024",
    "2309.12488",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
    extra=True,
)
