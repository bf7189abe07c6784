"""Balanced features: what is found is said, and the probes read what is there and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifier

from engine.data import Moons, SpuriousFeature
from engine.experiments.features import BATCH, MODEL, PAPER, RIDGE, BalancedFeatures, easy, readout
from engine.models import MLP, by_batch, unflatten
from engine.problems import Classification
from engine.rules import SAM
from engine.spec import encode
from engine.training.runs import RunSpec
from tests.trials import outcome, performed, spoilt, verdicts

pytestmark = pytest.mark.xdist_group("features")
QUICK = BalancedFeatures()


def test_what_is_claimed_holds():
    checks = QUICK.checks(performed(QUICK))
    assert [check.claimed for check in checks] == [False, False, True, True]
    assert [check.verdict() for check in checks if check.claimed] == ["holds"] * 2
    assert all(check.note for check in checks if not check.claimed)


def test_wrong_runs_are_told():
    """SGD in SAM's place is no better than itself; without training nothing is read out as it should be."""
    assert verdicts(QUICK, spoilt(QUICK, lambda spec: replace(spec, rule=SAM(0.0)), "SAM"))[3] == "fails"
    blunt = spoilt(QUICK, lambda spec: replace(spec, rule=SAM(3.0), lr=0.5), "SAM", "SGD")
    assert verdicts(QUICK, blunt)[2] == "fails"


def test_probes_read_what_is_there():
    random = torch.Generator().manual_seed(0)
    h = torch.randn(400, 8, generator=random)
    label = torch.where(h @ torch.arange(1.0, 9.0) + 3 > 3, 1.0, -1.0)
    assert readout(h, label) > 0.95
    assert readout(5 + 1e-3 * h, label) > 0.95  # whatever the activations' scale and mean
    assert 0.4 < readout(h, torch.randint(0, 2, (400,), generator=random) * 2.0 - 1) < 0.6
    assert readout(torch.cat([h, torch.zeros(400, 1)], 1), label) > 0.95  # a unit that is never active


def test_probes_against_another_library():
    random = np.random.default_rng(0)
    h = random.normal(size=(300, 6)) * random.uniform(0.1, 10, 6)
    label = np.sign(h @ random.normal(size=6) + 8 * random.normal(size=300))
    z = (h - h[:150].mean(0)) / h[:150].std(0, ddof=1)
    peer = RidgeClassifier(alpha=150 * RIDGE).fit(z[:150], label[:150])
    assert readout(torch.tensor(h), torch.tensor(label)) == pytest.approx(peer.score(z[150:], label[150:]), abs=0.02)


def test_the_easy_feature_is_the_one_that_goes_by_the_class_in_training():
    problem = Classification(SpuriousFeature(400, 0.9), MODEL)
    for split, agreement in (("train", 0.9), ("test", 0.0)):
        x, y = problem.load(split)
        assert float((easy(x) * (2.0 * y - 1)).mean()) == pytest.approx(agreement, abs=0.01)


@pytest.mark.parametrize("model", [MLP(5, 2), MLP(5, 1, norm="batch"), MLP(depth=0)], ids=repr)
def test_features_are_what_the_last_layer_reads(model):
    problem = Classification(SpuriousFeature(40), model)
    theta, (x, _) = problem.start(0), problem.load("train")
    *_, weight, bias = blocks = unflatten(theta, problem.layout)
    features = model.features(blocks, x, by_batch)
    assert features.shape == (40, 5 if model.depth else 3)
    assert torch.allclose(features @ weight.T + bias, problem.logits(theta, x), atol=1e-6)
    assert (features >= 0).all() or not model.depth


def test_pictures_of_nothing_of_some_and_of_all():
    whole = performed(QUICK)
    some = replace(
        whole,
        status="running",
        done=1,
        total=3,
        arrays={key: values for key, values in whole.arrays.items() if not key.startswith("SAM")},
    )
    empty = outcome(encode(QUICK))
    assert all(chart.empty for chart in QUICK.pictures(empty))
    for result in (some, whole):
        assert not any(chart.empty for chart in QUICK.pictures(result))
    assert verdicts(QUICK, replace(empty, total=1)) == ["pending"] * 4
    other = BalancedFeatures(rho=1.0)
    assert verdicts(other, outcome(encode(other), 1, 1, arrays=whole.arrays))[2:] == ["not applicable"] * 2


def test_it_speaks_about_runs_on_such_data():
    assert PAPER.speaks(RunSpec(Classification(SpuriousFeature(), MODEL), batch=BATCH)) and not PAPER.speaks(
        RunSpec(Classification(Moons(), MODEL))
    )
