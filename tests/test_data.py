"""Datasets: real digits, exact reproducibility, a fixed held-out part, standardized by the training examples only."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from engine.data import DATASETS, Digits, Moons, Spirals, load


@pytest.mark.parametrize("cls", DATASETS.values())
def test_every_dataset(cls):
    small = cls(train=50)
    x, y, x_test, y_test = small.arrays()
    assert x.shape == (small.examples(), *cls.shape) and len(x) == len(y) == 50 and len(x_test) == len(y_test) >= 50
    assert set(y) <= set(range(cls.classes)) and set(y_test) == set(range(cls.classes))
    axis = None if len(cls.shape) > 1 else 0
    assert np.allclose(x.mean(axis), 0, atol=1e-12) and np.allclose(x.std(axis), 1)
    assert all(np.array_equal(a, b) for a, b in zip(small.arrays(), cls(train=50).arrays(), strict=True))
    joined = {row.tobytes() for row in np.round(x, 9)} & {row.tobytes() for row in np.round(x_test, 9)}
    assert not joined
    train = load(small, "train", "cpu", torch.float32)
    assert train.x.dtype == torch.float32 and train.y.dtype == torch.int64 and len(train) == 50
    assert torch.equal(load(small, "test", "cpu", torch.float64).x, torch.as_tensor(x_test))


def test_digits_are_the_real_ones():
    images, labels = load_digits(return_X_y=True)
    x, y, x_test, y_test = Digits().arrays()
    every = np.concatenate([x, x_test]).reshape(1797, 64)
    scale = images.reshape(-1)
    restored = {(np.round(row * 6.0164, 0).tobytes(), label) for row, label in zip(every - every.min(), np.concatenate([y, y_test]), strict=True)}
    assert len(x) == 1437 and len(x_test) == 360 and scale.min() == 0
    assert restored == {(np.round(row, 0).tobytes(), label) for row, label in zip(images, labels, strict=True)}
    assert np.bincount(y_test).min() >= 34


def test_fewer_digits_are_the_first_and_hold_out_the_same():
    full, some = Digits().arrays(), Digits(train=500).arrays()
    assert np.array_equal(some[1], full[1][:500]) and np.array_equal(some[3], full[3])
    assert np.corrcoef(some[0].ravel(), full[0][:500].ravel())[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("cls", [Moons, Spirals])
def test_draws_and_noise(cls):
    assert not np.array_equal(cls(draw=0).arrays()[0], cls(draw=1).arrays()[0])
    assert np.isfinite(cls(noise=0.0).arrays()[0]).all() and np.isfinite(cls(noise=1.0, train=10).arrays()[0]).all()


@pytest.mark.parametrize("cls", [Moons, Spirals])
def test_shapes_can_be_told_apart_by_a_neighbour(cls):
    """Without noise, the nearest training point has the right class for nearly every held-out point: the shapes are there and are two."""
    x, y, x_test, y_test = cls(noise=0.0, train=400).arrays()
    nearest = np.square(x_test[:, None] - x[None]).sum(2).argmin(1)
    assert (y[nearest] == y_test).mean() > 0.97 and 0.35 < y.mean() < 0.65
