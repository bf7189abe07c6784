"""Experiments that are robustness maps: a map's cells are the experiment's runs, all of them and no others, and
whichever of the two is performed first has trained them for both."""

from dataclasses import replace

import numpy as np
import pytest

from engine.experiments import EXPERIMENTS, Experiment, lab
from engine.experiments.experiment import SIZES
from engine.records import Result, Sweep
from engine.spec import digest
from engine.sweeps.naming import names
from engine.work import sweeping
from engine.work.executors import Here
from engine.work.experimenting import compute
from engine.work.kinds import Work
from engine.work.perform import perform
from tests.drive import last
from tests.sweeps.sets import counted, trainings

MAPS = [name for name, cls in EXPERIMENTS.items() if cls().map]
SMALL = replace(EXPERIMENTS["Trains"](), steps=20, width=4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MAPS)
def test_cells_are_the_experiments_runs(name, size):
    """Values that were rounded on the way, a rule or a seed left out: whoever opens the map would see other runs."""
    experiment = EXPERIMENTS[name](size=size)
    ours = {digest(spec) for specs in experiment.ensembles().values() for spec in specs}
    assert experiment.map and {cell for _, cell in names(experiment.map)} == ours


def test_which_are_maps():
    """One that is a map no longer, and one that measures what cells do not have."""
    assert {*MAPS} == {"LearningRates", "Stability", "Trains"}
    for name in MAPS:
        specs = [spec for each in EXPERIMENTS[name]().ensembles().values() for spec in each]
        assert EXPERIMENTS[name].probe is Experiment.probe and len({spec.steps for spec in specs}) == 1


@pytest.fixture(name="trained")
def counting(store, monkeypatch):
    """How many outcomes the store was given."""
    monkeypatch.setenv("RAVINE_STORE", str(store.root))
    monkeypatch.setattr(sweeping, "executor", lambda settings: Here())
    store.root.mkdir()
    counted(store.root)
    monkeypatch.setattr(lab, "train", None)  # and none are trained that it is not given
    return lambda: trainings(store.root)


@pytest.mark.parametrize("first", ["experiment", "sweep"])
def test_what_one_has_trained_the_other_finds(store, trained, first):
    """Cells that are trained twice, in either order, and numbers of one that are not those of the other."""
    works = {"experiment": Work(SMALL), "sweep": Work(SMALL.map)}
    for name in (first, *({*works} - {first})):
        assert last(perform(store, works[name])).status == "finished"
        assert trained() == 324
    result, sweep = (store.get(work.address) for work in works.values())
    assert isinstance(result, Result) and isinstance(sweep, Sweep) and result.seconds > 0
    for r, name in enumerate(("SAM", "USAM")):
        loss = sweep.curves["train_loss"][r].transpose(3, 2, 0, 1).reshape(2, -1)  # starts, then radii, then rates
        np.testing.assert_array_equal(result.over(name, "train_loss"), loss)
        np.testing.assert_array_equal(result.over(name, "step"), [0, SMALL.steps])


def test_it_grows_and_goes_on(store, trained):
    """A result that is only there at its end, progress in other units than steps, and cells that are lost with it."""
    computing, known = compute(SMALL, [], "cpu", None), list[int]()
    while not known or known[-1] < 100:
        at = next(computing)
        assert at.total == 324 * SMALL.steps
        if at.partial:
            so_far = at.partial()
            known.append(sum(int(np.isfinite(so_far.last(name, "train_loss")).sum()) for name in ("SAM", "USAM")))
            assert so_far.done == at.done == known[-1] * SMALL.steps
    computing.close()
    assert known == sorted(known) and len({*known}) > 2 and known[-1] <= trained() < 324
    assert last(perform(store, Work(SMALL))).status == "finished" and trained() == 324
