"""What tests of sweeps share: small runs, and an outcome's bits."""

from engine.data import Moons
from engine.models import MLP
from engine.problems import Classification
from engine.sweeps.outcome import Outcome
from engine.training.runs import RunSpec

MLPS = RunSpec(Classification(Moons(train=60), MLP(width=5)), batch=20, steps=6, every=3, curvature=False)
"""A run that takes milliseconds."""


def bits(outcome: Outcome) -> bytes:
    """All of an outcome but how it was made."""
    return outcome.steps.astype(int).tobytes() + outcome.curves.tobytes() + outcome.ends.tobytes()
