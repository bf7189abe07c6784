"""Extra, balanced features: whether SAM learns the hard feature beside the easy one."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "features",
    "Which features?",
    "Sharpness-Aware Minimization Enhances Feature Quality via Balanced Learning",
    "Springer, Nagarajan & Raghunathan 2024",
    "2405.20439",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
    extra=True,
)
