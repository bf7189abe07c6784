"""No piece of long work is long: between two progresses of any kind few points are evaluated, and few products or
probes taken, whatever the settings ask for. Where one is, Stop is not heard, and others wait."""

from dataclasses import replace

import pytest

from engine.analyses import surface as surfaces
from engine.analyses.alignment import AlignmentSpec
from engine.analyses.joint import JointSpec
from engine.analyses.planes import Eigenvectors, PathPCA
from engine.analyses.spectrum import SpectrumSpec
from engine.analyses.surface import SurfaceSpec
from engine.curvature import Hessian
from engine.experiments import lab
from engine.machine import CORES
from engine.rules import SGD
from engine.spec import digest
from engine.training.recording import record
from tests.drive import returned
from tests.experiments.halving import Halving
from tests.work.test_perform import SPEC


@pytest.fixture(scope="module")
def runs():
    """Two runs with longer paths than threads take at once."""
    long = replace(SPEC, steps=60, every=1, curvature=False)
    return [returned(record(spec, [], "cpu", None)) for spec in (long, replace(long, rule=SGD()))]


def most(computing, counted: list) -> int:
    """The most that was counted between two progresses."""
    found = [0]
    for _ in computing:
        found.append(len(counted))
        counted.clear()
    return max(*found, len(counted))


@pytest.mark.parametrize("plane", [PathPCA(), Eigenvectors()], ids=repr)
def test_points_of_a_surface(runs, plane, monkeypatch):
    asked, evaluate = [], surfaces.evaluate
    monkeypatch.setattr(surfaces, "evaluate", lambda *given: asked.append(1) or evaluate(*given))
    assert most(SurfaceSpec(plane, resolution=9).compute(runs[:1], "cpu", None), asked) <= 8 * CORES
    joint = JointSpec(",".join(digest(spec) for spec in (SPEC, replace(SPEC, seed=1))), resolution=9)
    assert most(joint.compute(runs, "cpu", None), asked) <= 8 * CORES


@pytest.mark.parametrize("spec", [SpectrumSpec(top=9, probes=2, depth=40), AlignmentSpec(k=9, stride=30)], ids=repr)
def test_products_of_a_hessian(runs, spec, monkeypatch):
    """Those of the start vectors and of the confirmed residuals, too."""
    asked, product = [], Hessian.__call__
    monkeypatch.setattr(Hessian, "__call__", lambda self, v: asked.append(1) or product(self, v))
    assert most(spec.compute(runs[:1], "cpu", None), asked) <= 2


def test_probes_of_an_experiment(monkeypatch):
    """Of all members of an ensemble at one measurement."""
    asked, probe = [], Halving.probe
    monkeypatch.setattr(Halving, "probe", lambda *given: asked.append(1) or probe(*given))
    assert most(lab.perform(Halving(), [], "cpu", None), asked) == 1
