"""Paper 2, how SAM minimizes sharpness: which of three notions each variant minimizes, and how its gradient finds the top eigenvector."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "notions",
    "Which sharpness?",
    "How Does Sharpness-Aware Minimization Minimize Sharpness?",
    "Wen, Ma & Li 2023",
    "2211.05729",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
)
