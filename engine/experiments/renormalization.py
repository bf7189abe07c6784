"""Paper 3, SSAM: the descent gradient at the length of the ascent gradient, and the learning rates that it bears."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "renormalization",
    "Why rescale the step?",
    "Stabilizing Sharpness-Aware Minimization Through A Simple Renormalization Strategy",
    "Tan et al. 2024",
    "2401.07250",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
)
