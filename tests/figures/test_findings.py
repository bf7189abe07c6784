"""What runs of several rules have shown: every sentence on curves made by hand, and none beyond what these hold."""

from __future__ import annotations

import numpy as np
import pytest

from engine.figures.findings import found
from engine.problems import Beale
from engine.spec import describe
from engine.training.runs import RunSpec
from tests.states import SPEC

LOSS = np.array([2.0, 1.0, 0.5, 0.25, 0.25, 0.2])


def curves(loss: object = LOSS, sharpness: object = 4.0, residual: float = 0.0, gradients: float = 10.0) -> dict:
    """A run's columns: λ₁ is one number all along, or one for each measurement."""
    losses = np.asarray(loss, float)
    step = np.arange(len(losses)) * 10.0
    λ = np.broadcast_to(np.asarray(sharpness, float), losses.shape)
    doubt = np.full(len(losses), residual)
    measures = {"sharpness": λ, "sharpness_residual": doubt, "gradients": gradients * np.arange(len(losses))}
    return {"step": step, "train_loss": losses, **measures}


def told(spec: dict = SPEC, ended: bool = True, **runs: dict) -> tuple[str, str]:
    said = found([(name, spec, columns) for name, columns in runs.items()], ended)
    assert said is not None
    return said


@pytest.mark.parametrize(
    ("ratio", "headline"),
    [
        (0.5, "Same loss, half the curvature: SAM beside SGD"),
        (0.54, "Same loss, half the curvature: SAM beside SGD"),
        (0.46, "Same loss, half the curvature: SAM beside SGD"),
        (0.56, "Same loss, 0.56 times the curvature: SAM beside SGD"),
        (0.33, "Same loss, a third of the curvature: SAM beside SGD"),
        (0.25, "Same loss, a quarter of the curvature: SAM beside SGD"),
        (0.1, "Same loss, 0.1 times the curvature: SAM beside SGD"),
        (1.7, "Same loss, 1.7 times the curvature: SAM beside SGD"),
    ],
)
def test_the_headline_is_the_ratio_in_words(ratio, headline):
    said = told(SGD=curves(), SAM=curves(sharpness=4 * ratio))
    assert said[0] == headline and f"SAM’s is {ratio} of that" in said[1] and said[1].endswith("One seed of each.")


def test_the_loss_is_the_lowest_that_all_have_reached():
    """And λ₁ is of the first measurement there: each run's later ones, at losses of its own, play no part."""
    sgd = curves(sharpness=[9, 8, 8, 8, 8, 1])
    sam = curves([2, 1.5, 1, 0.7, 0.5, 0.5], [9, 9, 2, 2, 2.5, 2], gradients=20)
    headline, figures = told(SGD=sgd, SAM=sam)
    assert figures.startswith(
        "At training loss 0.5, the lowest that all have reached, SGD’s λ₁ is 8 (8 to 9 just before and after)"
    )
    assert "SAM’s is 0.31 of that, 2.5 (2 to 2.5 just before and after)" in figures and headline.count("a third")
    assert "Gradients until there: SGD 20, SAM 80." in figures


@pytest.mark.parametrize(
    "sam",
    [
        curves(sharpness=[9, 9, 9, 4.5, 3, 3]),  # λ₁ moves about more than the two differ
        curves(sharpness=3, residual=1.5),  # or is known no better
        curves(sharpness=5, residual=1.5),
    ],
)
def test_a_difference_within_the_spread_is_none(sam):
    headline, figures = told(SGD=curves(), SAM=sam)
    assert headline == "Same loss, no clear difference in curvature"
    assert "cannot be told from it" in figures and "of that" not in figures and figures.endswith("One seed of each.")


def test_the_flattest_of_several_is_in_the_headline_and_each_has_its_figures():
    usam, ssam = curves(sharpness=8), curves(sharpness=4)
    headline, figures = told(SGD=curves(), SAM=curves(sharpness=2), USAM=usam, SSAM=ssam)
    assert headline == "Same loss, half the curvature: SAM beside SGD"
    assert "USAM’s is 2 of that" in figures and "SSAM’s, 4, cannot be told from it" in figures


def test_without_plain_descent_the_sharpest_is_compared_with():
    assert told(SAM=curves(sharpness=2), ASAM=curves())[0] == "Same loss, half the curvature: SAM beside ASAM"


def test_a_run_that_jumps_past_the_loss_is_not_at_the_same_loss():
    headline, figures = told(SGD=curves(), SAM=curves([2, 1, 0.3, 0.01], 1))
    assert headline == "" and "SAM passes that loss between two measurements, to 0.01" in figures
    assert told(SGD=curves(), SAM=curves([2, 1, 0.3, 0.17], 1))[0].startswith("Same loss, a quarter")


def test_before_the_end_there_is_no_headline():
    headline, figures = told(ended=False, SGD=curves(), SAM=curves(sharpness=2))
    assert headline == "" and "the lowest that all have reached so far" in figures


def test_a_run_that_never_falls_is_compared_with_none():
    headline, figures = told(SGD=curves(), SAM=curves([2, np.nan, np.nan], 1))
    assert headline == "" and figures.startswith("SAM has not come below the loss at the start: there")
    figures = told(ended=False, SGD=curves([2, np.nan, np.nan], 1), SAM=curves([2, np.nan, np.nan], 1))[1]
    assert figures.startswith("SGD and SAM have not come below the loss at the start so far: there")


def test_a_function_has_a_value_and_a_start():
    beale = dict(describe(RunSpec(Beale())))
    headline, figures = told(beale, SGD=curves(), SAM=curves(sharpness=2))
    assert headline.startswith("Same value, half") and figures.startswith("At value 0.2,")
    assert figures.endswith("One start of each.")
    assert told(beale, SGD=curves(), SAM=curves())[0] == "Same value, no clear difference in curvature"


def test_without_two_that_measured_sharpness_nothing_is_said():
    assert found([("SGD", SPEC, curves()), ("SAM", SPEC, curves(sharpness=np.nan))]) is None
    assert found([("SGD", SPEC, curves())]) is None and found([]) is None
