"""Experiments: the papers' claims, each with the runs that test it; adding one is a class and its name in its
paper's tuple."""

from engine.experiments.adversarial import PAPER as ADVERSARIAL
from engine.experiments.edge import PAPER as EDGE
from engine.experiments.experiment import (
    SIZES,
    VERDICTS,
    Check,
    Experiment,
    Paper,
    Point,
    Question,
    current,
    plan,
    reproduced,
)
from engine.experiments.features import PAPER as FEATURES
from engine.experiments.graphs import PAPER as GRAPHS
from engine.experiments.lab import perform
from engine.experiments.late import PAPER as LATE
from engine.experiments.layers import PAPER as LAYERS
from engine.experiments.normalization import PAPER as NORMALIZATION
from engine.experiments.notions import PAPER as NOTIONS
from engine.experiments.renormalization import PAPER as RENORMALIZATION
from engine.experiments.stochastic import PAPER as STOCHASTIC

PAPERS = {
    paper.key: paper
    for paper in (
        NORMALIZATION,
        NOTIONS,
        RENORMALIZATION,
        LAYERS,
        LATE,
        EDGE,
        STOCHASTIC,
        FEATURES,
        GRAPHS,
        ADVERSARIAL,
    )
}
EXPERIMENTS = {cls.__name__: cls for paper in PAPERS.values() for cls in paper.experiments}

__all__ = [
    "EXPERIMENTS",
    "PAPERS",
    "SIZES",
    "VERDICTS",
    "Check",
    "Experiment",
    "Paper",
    "Point",
    "Question",
    "current",
    "perform",
    "plan",
    "reproduced",
]
