"""Paper 4, SAM-ON: perturbing the normalization layers alone."""

from __future__ import annotations

from engine.experiments.experiment import Paper

PAPER = Paper(
    "layers",
    "Which layers?",
    "Normalization Layers Are All That Sharpness-Aware Minimization Needs",
    "Mueller, Vlaar, Rolnick & Hein 2023",
    "2306.04226",
    "",
    ("", "", ""),
    "",
    (),
    lambda spec: False,
)
