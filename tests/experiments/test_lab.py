"""The lab that performs experiments: what it measures is what training measures, run by run, in ensembles that grow
together and lose no other run with one that is lost."""

import numpy as np

from engine.experiments import Check
from engine.experiments.lab import Lab
from engine.training.loop import train
from tests.experiments.halving import Halving, result_of


def test_the_lab_measures_what_training_measures():
    """Rows are the measured steps, columns the members; the probe's numbers beside training's own; the path of few
    parameters is kept."""
    experiment = Halving(steps=25)
    result = result_of(experiment)
    assert (
        result.complete
        and result.over("three", "step").tolist() == [0, 10, 20, 25]
        and result.over("one", "train_loss").shape == (4, 1)
    )
    assert result.over("three", "theta").shape == (4, 3, 1)
    for member, spec in enumerate(experiment.ensembles()["three"]):
        frames = [tick.frame for tick in train([spec]) if tick.frame]
        np.testing.assert_allclose(
            result.over("three", "train_loss")[:, member], [f.measures["train_loss"][0] for f in frames], rtol=1e-12
        )
        np.testing.assert_allclose(
            result.over("three", "theta")[:, member, 0], [float(f.theta[0, 0]) for f in frames], rtol=1e-12
        )
    np.testing.assert_allclose(result.last("three", "ratio"), (1 - np.array([0.5, 0.25, 0.05])) ** 25, rtol=1e-12)
    assert np.isnan(result.over("three", "end")[:-1]).all() and result.last("three", "end").tolist() == [1, 2, 3]
    assert result.over("three", "nothing").shape == (4, 1) and np.isnan(result.last("nobody", "nothing")).all()


def test_runs_one_by_one_and_numbers_with_axes(monkeypatch):
    """Separately trained members come to the same columns of one ensemble, each told its own number; what a probe
    measures along an axis keeps it."""
    together = result_of(Halving(steps=25))
    monkeypatch.setattr(Halving, "separately", True)
    monkeypatch.setattr(
        Halving, "probe", lambda self, name, member, spec, path: {"line": np.array([member, float(path[-1].theta[0])])}
    )
    apart = result_of(Halving(steps=25))
    assert apart.complete and (apart.done, apart.total) == (together.done, together.total)
    assert apart.over("three", "line").shape == (4, 3, 2)
    assert (apart.over("three", "line")[:, :, 0] == [0, 1, 2]).all()
    for quantity in ("step", "train_loss", "theta"):
        np.testing.assert_allclose(apart.over("three", quantity), together.over("three", quantity), rtol=1e-12)
    np.testing.assert_allclose(
        apart.over("three", "line")[:, :, 1], together.over("three", "theta")[:, :, 0], rtol=1e-6
    )


def test_ensembles_grow_together_and_tell_how_far_they_are():
    known = []
    lab, done = Lab(Halving(steps=100)), []
    for new in lab.work():
        done.append(lab.done)
        if new and "three/ratio" in lab.arrays:
            known.append([int(np.isfinite(lab.arrays[f"{name}/ratio"][:, 0]).sum()) for name in ("one", "three")])
    assert len(known) == 21 and max(abs(one - three) for one, three in known) == 1
    assert done == sorted(done) and done[-1] == 400


def test_runs_that_diverge_end_and_their_checks_fail():
    experiment = Halving(eta=10.0, steps=2000)
    result = result_of(experiment)
    assert result.complete and np.isnan(result.last("one", "train_loss")).all()
    assert Check("", "", result.last("one", "train_loss"), high=1.0).verdict(result.complete) == "fails"


def test_a_run_that_is_lost_takes_no_other_with_it(monkeypatch):
    """Three members at once of which one leaves the finite numbers: its probe is not asked, theirs are."""
    asked = []
    monkeypatch.setattr(
        Halving,
        "probe",
        lambda self, name, member, spec, path: asked.append(path[-1].theta) or {"ratio": float(path[-1].theta[0])},
    )
    result = result_of(Halving(eta=10.0, steps=2000))
    assert (
        np.isnan(result.last("three", "ratio")[0])
        and np.isfinite(result.last("three", "ratio")[2])
        and all(theta.isfinite().all() for theta in asked)
    )
