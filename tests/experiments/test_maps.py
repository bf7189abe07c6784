"""Experiments that are robustness maps: a map's cells are the experiment's runs, all of them and no others."""

import pytest

from engine.experiments import EXPERIMENTS
from engine.experiments.experiment import SIZES
from engine.spec import digest
from engine.sweeps.naming import names

MAPS = [name for name, cls in EXPERIMENTS.items() if cls().map]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MAPS)
def test_cells_are_the_experiments_runs(name, size):
    """Values that were rounded on the way, a rule or a seed left out: whoever opens the map would see other runs."""
    experiment = EXPERIMENTS[name](size=size)
    ours = {digest(spec) for specs in experiment.ensembles().values() for spec in specs}
    assert experiment.map and {cell for _, cell in names(experiment.map)} == ours


def test_which_are_maps():
    """One that is a map no longer."""
    assert {*MAPS} == {"LearningRates", "Stability", "Trains"}
