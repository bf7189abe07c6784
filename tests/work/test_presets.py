"""Presets: what the page says of each is so in its run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import Digits
from engine.models import CNN
from engine.problems import Beale, Classification
from engine.records import Run
from engine.rules import SGD
from engine.spec import digest
from engine.training.runs import RunSpec
from engine.work.kinds import Work
from engine.work.perform import perform
from engine.work.presets import FOUR, PRESETS, SHIPPED
from engine.work.store import Store


def under_the_edge(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    run = made(spec)
    sharpness, edge = run.measures["sharpness"], run.measures["edge"]
    assert sharpness[0] > edge[0] and (sharpness[1:] < edge[1:]).all() and (edge < 2 / spec.lr).all()
    assert sharpness[-1] < 0.5 * made(replace(spec, rule=SGD())).measures["sharpness"][-1]


def sharper_end(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    assert (spec.rule, replace(spec, rule=RunSpec().rule)) == (SGD(), RunSpec())
    assert made(spec).measures["sharpness"][-1] > 2 * made(RunSpec()).measures["sharpness"][-1]


def down_the_edge(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    run = made(replace(spec, steps=200))
    sharpness, edge = run.measures["sharpness"], run.measures["edge"]
    assert sharpness[0] > 1.5 * edge[0] and np.abs(sharpness[1:] / edge[1:] - 1).max() < 0.2
    assert sharpness[-1] < sharpness[1] < 0.3 * 2 / spec.lr


def halved_in_25_steps(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    run = made(replace(spec, steps=1000))
    at, (switch,) = list(run.steps), spec.then
    sharpness, edge = run.measures["sharpness"], run.measures["edge"]
    plain, later = sharpness[at.index(200) : at.index(switch.at) + 1], slice(at.index(switch.at) + 2, None)
    assert np.abs(plain - 4).max() < 0.5 and sharpness[at.index(switch.at + 25)] < 0.5 * plain[-1]
    # how far one measurement is off changes with the machine's rounding, by up to a quarter just after the switch
    assert abs(np.median(sharpness[later] / edge[later]) - 1) < 0.2 and sharpness[-1] < 0.9 * sharpness[later][0]


def same_images(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    assert spec.problem == Classification(Digits(), CNN()) and RunSpec().problem.data == Digits()


def falters_then_falls(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    run = made(spec)
    loss, sharpness, at = run.measures["train_loss"], run.measures["sharpness"], list(run.steps).index(360)
    assert (np.diff(loss[: at + 1]) > 0).sum() > 2 and loss[at] > 0.8 * loss[at - 4]
    assert (np.diff(loss[at:]) < 0).all() and sharpness[-1] < 0.05 * sharpness[at]


def hops(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    sharp, rho = made(spec).path[-6:, 0], spec.rule.rho
    steep = max(spec.problem.eigenvalues)
    assert (np.diff(np.sign(sharp)) != 0).all()
    assert np.abs(sharp) == pytest.approx(spec.lr * rho * steep / (2 - spec.lr * steep), rel=1e-3)


def drifts(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    plain, sam = made(replace(spec, rule=SGD())).path, made(spec).path
    assert plain[-1, 1] ** 2 == pytest.approx(2 / spec.lr, rel=0.01)
    assert (np.diff(np.abs(sam[20:, 1])) < 0).all() and sam[-1, 1] ** 2 < 0.02 * 2 / spec.lr


def held_at_the_saddle(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    plain, sam = made(replace(spec, rule=SGD())).path, made(spec).path
    assert np.abs(plain[-1]) == pytest.approx([0, 1], abs=1e-6)
    assert np.linalg.norm(sam[-1]) < 0.1 * spec.rule.rho


def minimum_and_saddle(made: Callable[[RunSpec], Run], spec: RunSpec) -> None:
    """By the values on a ring, a thousandth wide, around both points."""
    assert isinstance(spec.problem, Beale)

    def value(x: float, y: float) -> float:
        return float(spec.problem.value(torch.tensor([x, y], dtype=torch.float64)))

    def ring(x: float, y: float) -> list[float]:
        turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        return [value(x + 1e-3 * float(np.cos(t)), y + 1e-3 * float(np.sin(t))) for t in turns]

    assert value(3, 0.5) == 0 < min(ring(3, 0.5))
    assert min(ring(0, 1)) < value(0, 1) < max(ring(0, 1))


FACTS = {
    "Digits, SAM": under_the_edge,
    "Digits, SGD": sharper_end,
    "Full batch at the edge of stability": down_the_edge,
    "Full batch: SGD, then SAM": halved_in_25_steps,
    "CNN on digits": same_images,
    "Spirals, tanh": falters_then_falls,
    "Quadratic: SAM's 2-cycle": hops,
    "Valley l(xy): SAM drifts": drifts,
    "Saddle: SAM is held back": held_at_the_saddle,
    "Beale": minimum_and_saddle,
}
"""What each preset's sentence says, as a check of its run."""


@pytest.fixture
def made(tmp_path) -> Callable[[RunSpec], Run]:
    """The run of a spec: the one that ships, or else it is trained."""
    shipped, own = Store(SHIPPED), Store(tmp_path)

    def make(spec: RunSpec) -> Run:
        if not shipped.has(digest(spec)):
            for _ in perform(own, Work(spec)):
                pass
        return (shipped if shipped.has(digest(spec)) else own).run(digest(spec))

    return make


@pytest.mark.parametrize("spec", FOUR, ids=lambda spec: type(spec.rule).__name__ + type(spec.update).__name__)
def test_what_ships_is_what_is_measured_today(tmp_path, spec):
    """Finds a run that shipped before a measure was mended: SSAM's edge was 2/η, whatever the gradient."""
    short, whole = replace(spec, steps=2 * spec.every), Store(SHIPPED).run(digest(spec))
    deque(perform(Store(tmp_path), Work(short)), maxlen=0)
    run = Store(tmp_path).run(digest(short))
    assert run.measures.keys() == whole.measures.keys() and len(run.steps) == 3
    for name, values in run.measures.items():
        np.testing.assert_allclose(whole.measures[name][:3], values, rtol=1e-2, atol=1e-3, err_msg=name)


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_said_of_a_preset_is_so(made, name):
    FACTS[name](made, PRESETS[name].spec)
