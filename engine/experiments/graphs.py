"""Extra, GraphSAM: what a reused perturbation saves, and what it keeps."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "graphs",
    "At what cost?",
    "Efficient Sharpness-Aware Minimization for Molecular Graph Transformer Models",
    "Wang, Zhou, Liu, Wang & Wang 2024",
    "2406.13137",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
    extra=True,
)
