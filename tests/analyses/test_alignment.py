"""Alignment against dense eigenvectors at every checkpoint of a real run."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.analyses.alignment import AlignmentSpec
from engine.data import Moons
from engine.models import MLP
from engine.problems import Beale, Classification
from engine.records import Alignment
from engine.rules import SAM, SGD, SSAM, USAM
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from tests import oracles
from tests.drive import Double, frames, last, record, returned

PROBLEM = Double(Moons(train=60), MLP(width=6, depth=2, activation="tanh"))
SPEC = RunSpec(PROBLEM, SAM(0.3), lr=0.3, batch=0, steps=60, every=10)


def aligned(spec, run, **settings) -> Alignment:
    found = returned(AlignmentSpec(**settings).compute([run], "cpu", None))
    assert found.switches.tolist() == [phase.start for phase in spec.phases[1:]]
    return found


def path_of(spec):
    return torch.cat([f.theta for f in frames(replace(spec, curvature=False))])


@pytest.mark.parametrize("rule", [SGD(), SAM(0.3), USAM(0.3), SSAM(SAM(0.3))], ids=repr)
def test_against_dense_eigenvectors(rule):
    spec = replace(SPEC, rule=rule)
    path = path_of(spec)
    a = aligned(spec, record(spec, path), k=3)
    value = oracles.loss_of(
        oracles.filled(oracles.mlp(2, 2, 6, 2, "tanh"), path[0]),
        oracles.criterion("cross-entropy"),
        *PROBLEM.load("train"),
    )
    slope, before = torch.func.grad(value), None
    assert a.steps.tolist() == list(range(0, 61, 10))
    for t, theta in enumerate(path):
        values, vectors = torch.linalg.eigh(oracles.hessian(value, theta))
        top, values = vectors.flip(1)[:, :3].T, values.flip(0)
        gap = float((values[:3] - values[1:4]).min() / values[0])
        g = slope(theta)
        u = {"SGD": g, "USAM": slope(theta + 0.3 * g)}.get(type(rule).__name__, slope(theta + 0.3 * g / g.norm()))
        assert np.abs(a.values[t] - values[:3].numpy()).max() <= a.residuals[t].max() + 1e-9 <= 2e-3 * float(values[0])
        for d, cosines, share in ((g, a.cos_g, a.share_g), (u, a.cos_u, a.share_u)):
            true = (top @ d / d.norm()).abs().numpy()
            assert np.abs(cosines[t] - true).max() < 4e-3 / gap and abs(share[t] - (true**2).sum()) < 8e-3 / gap
            assert share[t] == pytest.approx((cosines[t] ** 2).sum())
        if before is None:
            assert np.isnan(a.overlap[t])
        else:
            assert (
                a.overlap[t] == pytest.approx(float(((top @ before.T) ** 2).sum()) / 3, abs=8e-3 / gap)
                and 0 <= a.overlap[t] <= 1 + 1e-9
            )
        before = top
        assert a.gradient_norm[t] == pytest.approx(float(g.norm())) and a.limit[t] == pytest.approx(2 / 0.3)
        assert a.edge[t] == pytest.approx(spec.rule.edge(2 / 0.3, float(g.norm())))


@pytest.mark.parametrize("stride", [1, 2, 4, 1000])
def test_stride(stride):
    a = aligned(SPEC, record(SPEC, path_of(SPEC)), k=2, stride=stride)
    assert a.steps.tolist() == list(range(0, 61, 10))[::stride]


def test_more_vectors_than_parameters():
    spec = RunSpec(Beale(), SGD(), lr=0.001, batch=0, steps=20, every=5)
    a = aligned(spec, record(spec, path_of(spec)), k=5)
    assert (
        a.values.shape == (5, 2)
        and a.share_g == pytest.approx(np.ones(5))
        and a.overlap[1:] == pytest.approx(np.ones(4))
    )


def test_a_path_that_leaves_the_finite_numbers():
    path = path_of(SPEC)
    path[4:] = float("nan")
    a = aligned(SPEC, record(SPEC, path), k=2)
    assert len(a.steps) == 4 and np.isfinite(a.values).all()


def test_agrees_with_what_training_measured(store):
    name = digest(spec := replace(SPEC, problem=Classification(PROBLEM.data, PROBLEM.model)))
    last(perform(store, Work(spec)))
    run = store.run(name)
    end = last(perform(store, Work(AlignmentSpec(k=2), name)))
    a = store.find(f"{name}/{digest(AlignmentSpec(k=2))}")
    assert end.status == "finished" and isinstance(a, Alignment)
    assert np.allclose(a.values[:, 0], run.measures["sharpness"], rtol=2e-3) and np.allclose(
        a.gradient_norm, run.measures["gradient_norm"], rtol=1e-6
    )
    assert np.allclose(a.edge, run.measures["edge"], rtol=1e-6) and np.allclose(
        a.cos_g[:, 0], run.measures["cos_g"], atol=0.05
    )
