"""Extra, 1-SAM against n-SAM: what the size of the batch behind a perturbation does."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "stochastic",
    "How many examples?",
    "Towards Understanding Sharpness-Aware Minimization",
    "Andriushchenko & Flammarion 2022",
    "2206.06232",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
    extra=True,
)
