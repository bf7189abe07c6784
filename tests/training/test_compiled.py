"""Compiled ensembles: the same steps, traced once."""

from dataclasses import replace

import pytest

from engine.data import Digits
from engine.models import MLP
from engine.rules import ESAM, LookSAM
from engine.training.compiled import compiler
from engine.training.loop import train
from engine.training.runs import RunSpec, Switch
from tests.drive import Double, last


@pytest.mark.skipif(not compiler(), reason="needs a C++ compiler: this machine has none")
@pytest.mark.timeout(300)
def test_compiled_steps_are_the_steps():
    """With random numbers, in batches, and over a switch to a rule that reads the clock and stays uncompiled: state
    and count as without."""
    problem = Double(Digits(60), MLP(4, 1, "tanh"))
    then = (Switch(LookSAM(k=2), 8, restart=False),)
    first = RunSpec(problem, ESAM(0.1), lr=0.1, batch=12, steps=12, every=12, curvature=False, then=then)
    specs = [first, replace(first, seed=1, lr=0.05)]
    plain, fast = last(train(specs)).state, last(train(specs, compile=True)).state
    assert plain.gradients == fast.gradients == 8 * (1 + 6 / 12) + 4 * 1.5
    assert float((plain.theta - fast.theta).norm() / plain.theta.norm()) < 1e-9
